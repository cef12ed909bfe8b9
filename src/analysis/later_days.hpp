// Copyright The fractile authors. Licensed under the Apache License, Version 2.0.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "analysis/analysis_module.hpp"
#include "analysis/ranked_day.hpp"

/// The signals of a day held against later days: books that earn the returns of later days, correlations with these returns, and
/// with later signals. The signals are ranked once for all of them.
namespace fractile {

/// The run with `distance` added to lag, by loaded day.
struct LaterRun {
  std::size_t distance;
  std::vector<double> ic;   ///< NaN: none
  std::vector<double> ret;  ///< before costs; empty, as what follows: the book is not asked for
  std::vector<double> traded;
  std::vector<std::uint8_t> is_held;
};

/// The rank correlations of the signal with itself `distance` trading days later, by loaded day; NaN: none.
struct LaterSignal {
  std::size_t distance;
  std::vector<double> correlation;
};

/// True if fill_later_days() can make the runs of a configuration: single sorts, equal weights, no drift, and nothing else that
/// makes a book depend on more than the signals and the names of its day. Call it from the first day on.
bool can_share_ranks(const AnalysisContext& context);

/// Fills all correlations and runs: the correlations have the bits of runs of their own, books differ in rounding. `days`: by
/// loaded day. `runs`: empty unless can_share_ranks().
void fill_later_days(const AnalysisContext& context, std::span<const RankedDay> days, std::span<LaterRun> runs,
                     std::span<LaterSignal> signals);

}  // namespace fractile

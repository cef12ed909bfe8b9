// Copyright The fractile authors. Licensed under the Apache License, Version 2.0.
#pragma once

#include <array>
#include <map>
#include <optional>
#include <utility>
#include <vector>

#include "fractile/error.hpp"
#include "signal_case.hpp"

/// A naive model of methodology sections 2, 5 and 6, row by row, written from the page. It shares no code with the engine.
namespace fractile::fuzz {

struct NaiveCount {
  const char* name;
  std::int64_t count = 0;
  std::vector<std::int64_t> rows;  ///< in input order
};

/// The alignment of a signal by the naive model.
struct NaiveAlignment {
  std::optional<ErrorCode> refusal;
  std::vector<NaiveCount> counts;  ///< the causes of rule 7, then trade_before_avail
  std::int64_t rows_used = 0, rows_carried = 0, return_day_rolled = 0, missing_return = 0;
  /// The signal of used rows and their copies, by return day, then security.
  std::map<DateIndex, std::map<std::int64_t, double>> used;
};

/// Requires that the market has every column of the options.
NaiveAlignment align_naively(const SignalCase& made);

/// Weights of the overall book by security; nullopt if the model does not cover the options (residuals, double sorts, weights
/// by size).
std::optional<std::map<std::int64_t, double>> weigh_naively(const std::map<std::int64_t, double>& names, const RunConfig& config);

}  // namespace fractile::fuzz

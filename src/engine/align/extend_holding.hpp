// Copyright The fractile authors. Licensed under the Apache License, Version 2.0.
#pragma once

#include <cstdint>
#include <functional>

#include "engine/align/alignment.hpp"

/// Holding periods: methodology section 2, rule 9, `hold_days`.
namespace fractile {

/// hold_days="next": a used row holds until the day before the next day that has any used row.
inline constexpr int kHoldUntilNext = 0;

/// The signal of all loaded days at once, by panel row.
struct Slots {
  HugeArray<double> value;           ///< NaN: the row is not used
  HugeArray<RowIndex> exposure_row;  ///< residualized runs only: the row of a used row's regressors
};

/// The outcome of extend_holding().
struct ExtendedHolding {
  std::int64_t copies = 0;
  bool has_duplicates = false;  ///< the signal has several rows for one slot
};

/// Fills `slots` from a signal, then copies each used row to the following days. `exposures`: null if the run has no
/// residuals. Cost: O(rows + panel rows of the view).
ExtendedHolding extend_holding(const PanelView& panel, const Alignment& alignment, const double* values,
                               const ExposurePlan* exposures, const RunConfig& config, int threads, Slots& slots,
                               const std::function<void()>& poll);

}  // namespace fractile

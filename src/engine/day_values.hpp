// Copyright The fractile authors. Licensed under the Apache License, Version 2.0.
#pragma once

#include <span>
#include <vector>

#include "engine/align.hpp"
#include "engine/key_plan.hpp"

namespace fractile {

/// Where the days of a run read the signal: the slots that align() filled, or a plan and the values
/// themselves. All that is pointed to outlives the run.
struct SignalSource {
  const Slots* slots = nullptr;
  const KeyPlan* plan = nullptr;
  const ExposurePlan* exposures = nullptr;  ///< with a plan and residuals only
  const double* values = nullptr;           ///< with a plan only
};

/// The signal by panel row, a day at a time, for one thread.
class DayValues {
 public:
  DayValues(const Market& market, const SignalSource& source) : market_(market), source_(source) {}
  /// The values of day n by row, from row_begin(n); NaN where no signal row is used. Valid until the next call.
  std::span<const double> load(DateIndex n);
  /// The row that gives the regressors of a used row.
  RowIndex exposure_row(RowIndex row) const noexcept;

 private:
  const Market& market_;
  SignalSource source_;
  std::vector<double> gathered_;
};

}  // namespace fractile

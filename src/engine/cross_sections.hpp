// Copyright The fractile authors. Licensed under the Apache License, Version 2.0.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "engine/align.hpp"
#include "engine/key_plan.hpp"
#include "engine/market.hpp"
#include "engine/regressor_plan.hpp"

/// What stage 2 reads: the names of a day and their signal values.
namespace fractile {

/// The names of one day, securities ascending. `place` counts them from 0.
struct CrossSection {
  std::span<const double> values;  ///< NaN: the name is not used
  RowIndex first = 0;              ///< the day's first panel row
  bool has_rows = false;
  std::span<const RowIndex> rows;             ///< by place, if has_rows; else they are first, first + 1, ...
  const RowIndex* exposure_rows = nullptr;    ///< residualized runs: by place, whence a used name's regressors are read
  const RegressorPlan* regressors = nullptr;  ///< where they may be at hand
  RowIndex row(std::int32_t place) const noexcept { return has_rows ? rows[static_cast<std::size_t>(place)] : first + place; }
  /// True where the panel row has a value.
  bool uses(RowIndex row) const noexcept;
};

/// All days of a run: slots that were filled from a signal, or a plan of its keys and its values where they lie.
class CrossSections {
 public:
  CrossSections(const Market& market, const Slots& slots) : market_(market), slots_(&slots) {}
  /// `regressors`: null where the run has no residuals.
  CrossSections(const Market& market, const KeyPlan& plan, const double* values, const RegressorPlan* regressors)
      : market_(market), plan_(&plan), values_(values), regressors_(regressors) {}

  /// One thread's buffer.
  struct Scratch {
    int block = -1;  ///< of days, that the buffer holds
    std::vector<double> values;
  };
  /// A day of the view; valid until `scratch` is used again.
  CrossSection read(DateIndex n, Scratch& scratch) const;

 private:
  const Market& market_;
  const Slots* slots_ = nullptr;
  const KeyPlan* plan_ = nullptr;
  const double* values_ = nullptr;
  const RegressorPlan* regressors_ = nullptr;
};

}  // namespace fractile

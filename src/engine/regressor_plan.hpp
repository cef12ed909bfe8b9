// Copyright The fractile authors. Licensed under the Apache License, Version 2.0.
#pragma once

#include <functional>
#include <memory>
#include <mutex>
#include <span>
#include <vector>

#include "engine/align.hpp"
#include "engine/exposures.hpp"
#include "engine/key_plan.hpp"
#include "engine/regressors.hpp"

/// What residualized runs share whose signals have the same keys.
namespace fractile {

/// Which panel rows give the regressors of each signal row. Depends on keys and resid, not on lag.
struct ExposurePlan {
  Resid resid = Resid::off;
  std::vector<RowIndex> row;  ///< by signal row; kNoRow where there is none, or a regressor is missing
  std::size_t bytes() const noexcept { return row.size() * sizeof row[0]; }
  bool is_missing(std::size_t signal_row) const noexcept { return row[signal_row] == kNoRow; }
};

ExposurePlan make_exposure_plan(const Market& market, const SignalKeys& keys, const RunConfig& config,
                                const ExposureRows& exposures, int threads, const std::function<void()>& between);

/// The regressors of each day of a KeyPlan: those of the newest signal, for others that have values for the same names.
/// Thread-safe.
class RegressorPlan {
 public:
  RegressorPlan(const KeyPlan& keys, const ExposurePlan& by_signal_row, int n_industries, int threads,
                const std::function<void()>& between);

  /// By name of the day, as in KeyPlan::rows(): the row of its exposures, kNoRow where it is not used.
  std::span<const RowIndex> rows(DateIndex n) const noexcept;
  /// How many names of the day have such a row.
  std::size_t n_complete(DateIndex n) const noexcept { return n_complete_[static_cast<std::size_t>(n - first_)]; }
  /// Those of the names whose exposure rows are `rows`.
  std::shared_ptr<const Regressors> find_or_make(DateIndex n, const ExposureRows& exposures,
                                                 std::span<const RowIndex> rows) const;
  /// With the regressors of all days.
  std::size_t bytes() const noexcept;

 private:
  DateIndex first_;
  int n_industries_;
  std::vector<std::size_t> begin_;  // by day, and one past the last: into row_
  std::vector<RowIndex> row_;
  std::vector<std::size_t> n_complete_;  // by day
  mutable std::mutex mutex_;
  mutable std::vector<std::shared_ptr<const Regressors>> day_;  // guarded by mutex_
};

}  // namespace fractile

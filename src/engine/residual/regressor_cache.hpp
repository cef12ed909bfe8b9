// Copyright The fractile authors. Licensed under the Apache License, Version 2.0.
#pragma once

#include <memory>
#include <mutex>
#include <span>
#include <vector>

#include "engine/residual/regressors.hpp"

namespace fractile {

/// A cache of the regressors of each day of an alignment. It has those of the newest signal, which serve other signals
/// with values for the same names. Thread-safe.
class RegressorCache {
 public:
  /// `n_names`: maximum number of names over all days.
  RegressorCache(const PanelView& panel, const ExposureRows& exposures, std::size_t n_names);
  /// Those of the names whose exposure rows are `rows`. `own`: as Regressors::assign(); empty if the regressors were cached.
  std::shared_ptr<const Regressors> find_or_make(DateIndex n, const ExposureRows& exposures, std::span<const RowIndex> rows,
                                                 OwnFactorRows& own) const;
  /// What all days can come to.
  std::size_t bytes() const noexcept { return bytes_; }

 private:
  DateIndex first_;
  std::size_t bytes_;
  mutable std::mutex mutex_;
  mutable std::vector<std::shared_ptr<const Regressors>> day_;  // guarded by mutex_
};

}  // namespace fractile

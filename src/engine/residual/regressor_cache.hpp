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
  /// Returns the regressors of the names with exposure rows `rows`. `own`: as Regressors::assign(); empty if they were cached.
  std::shared_ptr<const Regressors> find_or_make(DateIndex n, const ExposureRows& exposures, std::span<const RowIndex> rows,
                                                 OwnFactorRows& own) const;
  /// The maximum over all days.
  std::size_t bytes() const noexcept { return bytes_; }

 private:
  DateIndex first_;
  std::size_t bytes_;
  mutable std::mutex mutex_;
  mutable std::vector<std::shared_ptr<const Regressors>> day_;  // guarded by mutex_
};

}  // namespace fractile

// Copyright The fractile authors. Licensed under the Apache License, Version 2.0.
#include "engine/residual/regressor_cache.hpp"

#include <algorithm>

namespace fractile {

RegressorCache::RegressorCache(const PanelView& panel, const ExposureRows& exposures, std::size_t n_names)
    : first_(panel.first()), day_(static_cast<std::size_t>(panel.n_days())) {
  const std::size_t n_own = exposures.own() ? exposures.own()->size() : 0;
  const std::size_t a_day = sizeof(Regressors) + n_own * n_own * sizeof(double) +
                            static_cast<std::size_t>(exposures.n_industries()) * (kFactorStride + n_own + 1) * sizeof(double);
  const auto n_panel_rows = static_cast<std::size_t>(panel.row_end(panel.last()) - panel.row_begin(panel.first()));
  bytes_ = std::min(n_names, n_panel_rows) * (sizeof(RowIndex) + sizeof(std::uint16_t)) + day_.size() * a_day;
}

std::shared_ptr<const Regressors> RegressorCache::find_or_make(DateIndex n, const ExposureRows& exposures,
                                                               std::span<const RowIndex> rows, OwnFactorRows& own) const {
  own.weights.clear();
  auto& kept = day_[static_cast<std::size_t>(n - first_)];
  std::unique_lock lock(mutex_);
  const std::shared_ptr<const Regressors> found = kept;
  lock.unlock();
  if (found && found->is_of(rows)) return found;
  auto made = std::make_shared<Regressors>();
  made->assign(exposures, rows, own);
  lock.lock();
  kept = made;
  return made;
}

}  // namespace fractile

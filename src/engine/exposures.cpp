// Copyright The fractile authors. Licensed under the Apache License, Version 2.0.
#include "engine/exposures.hpp"

#include <algorithm>

namespace fractile {

ExposureRows::ExposureRows(const Market& market, Resid resid)
    : market_(market),
      with_industry_(resid == Resid::industry || resid == Resid::all),
      with_factors_(resid == Resid::factor || resid == Resid::all) {
  if (with_industry_) {
    market.require("industry_id", "resid");
    industry_group_ = market.category("industry_id");
  }
  if (with_factors_)
    for (std::size_t k = 0; k < factors_.size(); ++k) {
      market.require(kExposures[k], "resid");
      factors_[k] = market.reals(kExposures[k]);
    }
}

RowIndex ExposureRows::find_row(SecurityIndex security, Day sig) const noexcept {
  const DateIndex newest = market_.on_or_after(sig + 1) - 1;
  for (DateIndex n = newest; n >= 0 && sig - market_.date(n) <= kMaxAgeDays; --n) {
    const RowIndex row = market_.find_row(security, n);
    if (row != kNoRow) return row;
  }
  return kNoRow;
}

bool ExposureRows::is_complete(RowIndex row) const noexcept {
  if (with_industry_ && industry(row) < 0) return false;
  return !with_factors_ ||
         std::none_of(factors_.begin(), factors_.end(), [row](const Reals& factor) { return factor[row] != factor[row]; });
}

void ExposureRows::prefetch(RowIndex row) const noexcept {
  if (with_factors_) {
    const std::size_t at = static_cast<std::size_t>(row) * factors_[0].stride;
    __builtin_prefetch(static_cast<const char*>(factors_[0].data) + at * (factors_[0].wide ? sizeof(double) : sizeof(float)));
  }
  if (industry_group_) industry_group_->prefetch(row);
}

}  // namespace fractile

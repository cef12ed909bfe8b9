// Copyright The fractile authors. Licensed under the Apache License, Version 2.0.
#pragma once

#include <array>

#include "engine/market.hpp"
#include "fractile/config.hpp"

namespace fractile {

/// Which rows give the regressors of a residualized run (methodology section 3).
class ExposureRows {
 public:
  /// Throws MISSING_PANEL_COLUMN where the snapshot lacks a regressor of this mode.
  ExposureRows(const Market& market, Resid resid);
  bool is_needed() const noexcept { return with_industry_ || with_factors_; }
  bool with_industry() const noexcept { return with_industry_; }
  bool with_factors() const noexcept { return with_factors_; }
  /// The security's newest row on or before `sig`, at most kMaxAgeDays older; kNoRow where there is none.
  RowIndex find_row(SecurityIndex security, Day sig) const noexcept;
  /// True where no regressor is missing in a row.
  bool is_complete(RowIndex row) const noexcept;
  /// Asks for what is_complete() will read.
  void prefetch(RowIndex row) const noexcept;
  double factor(int k, RowIndex row) const noexcept { return factors_[static_cast<std::size_t>(k)][row]; }
  std::int32_t industry(RowIndex row) const noexcept { return industry_group_->group_of(row); }
  int n_industries() const noexcept { return industry_group_ ? industry_group_->n_groups() : 0; }

 private:
  const Market& market_;
  bool with_industry_;
  bool with_factors_;
  std::array<Reals, kNExposures> factors_{};
  std::shared_ptr<const Category> industry_group_;
};

}  // namespace fractile

// Copyright The fractile authors. Licensed under the Apache License, Version 2.0.
#pragma once

#include <memory>
#include <span>
#include <string>

#include "engine/panel/exposure_block.hpp"
#include "engine/panel/panel_view.hpp"
#include "engine/residual/own_factors.hpp"
#include "fractile/config.hpp"

namespace fractile {

/// The rows with the regressors of a residualized run (methodology section 3).
class ExposureRows {
 public:
  /// Throws MISSING_PANEL_COLUMN if the snapshot lacks a regressor of this mode, and as OwnFactors.
  ExposureRows(const PanelView& panel, const RunConfig& config);
  bool is_needed() const noexcept { return with_industry_ || with_factors_; }
  bool with_industry() const noexcept { return with_industry_; }
  bool with_factors() const noexcept { return with_factors_; }
  /// The security's newest row on or before `sig`, up to kMaxAgeDays older; kNoRow if there is none.
  RowIndex find_row(SecurityIndex security, Day sig) const noexcept;
  /// True if a row has all regressors.
  bool is_complete(RowIndex row) const noexcept {
    const auto at = static_cast<std::size_t>(row);
    return ((*complete_)[at / 64] >> (at % 64) & 1) != 0;
  }
  /// Prefetches the data that is_complete() will read.
  void prefetch(RowIndex row) const noexcept { __builtin_prefetch(complete_->data() + static_cast<std::size_t>(row) / 64); }
  /// The factors of names with these exposure rows.
  FactorRows factors(std::span<const RowIndex> rows) const noexcept { return {block_, rows.data(), rows.size()}; }
  /// Null for the seven factors without weights.
  const OwnFactors* own() const noexcept { return own_.get(); }
  std::int32_t industry(RowIndex row) const noexcept { return industry_group_->group_of(row); }
  int n_industries() const noexcept { return industry_group_ ? industry_group_->n_groups() : 0; }

 private:
  std::vector<std::uint64_t> find_complete_rows() const;

  const PanelView& panel_;
  bool with_industry_;
  bool with_factors_;
  ExposureBlock block_;
  std::shared_ptr<const OwnFactors> own_;
  std::shared_ptr<const Category> industry_group_;
  std::shared_ptr<const std::vector<std::uint64_t>> complete_;  // a bit per row
};

/// The options that decide the regressors, as text.
std::string describe_residuals(const RunConfig& config);

}  // namespace fractile

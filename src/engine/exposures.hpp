// Copyright The fractile authors. Licensed under the Apache License, Version 2.0.
#pragma once

#include <array>

#include "engine/market.hpp"
#include "fractile/config.hpp"

namespace fractile {

/// The first of float32 exposures that lie side by side, kExposureStride a row; null where they do not.
const float* find_exposure_block(const std::array<Reals, kNExposures>& exposures) noexcept;

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
  bool is_complete(RowIndex row) const noexcept {
    const auto at = static_cast<std::size_t>(row);
    return ((*complete_)[at / 64] >> (at % 64) & 1) != 0;
  }
  /// Asks for what is_complete() will read.
  void prefetch(RowIndex row) const noexcept { __builtin_prefetch(complete_->data() + static_cast<std::size_t>(row) / 64); }
  /// All factors of a row into out[0 ... kNExposures-1].
  void read_factors(RowIndex row, double* out) const noexcept {
    if (block_) {
      const float* const x = block_ + static_cast<std::size_t>(row) * kExposureStride;
      for (std::size_t k = 0; k < kNExposures; ++k) out[k] = x[k];
    } else {
      for (std::size_t k = 0; k < kNExposures; ++k) out[k] = factors_[k][row];
    }
  }
  /// Asks for what read_factors() will read.
  void prefetch_factors(RowIndex row) const noexcept {
    if (block_) __builtin_prefetch(block_ + static_cast<std::size_t>(row) * kExposureStride);
  }
  std::int32_t industry(RowIndex row) const noexcept { return industry_group_->group_of(row); }
  int n_industries() const noexcept { return industry_group_ ? industry_group_->n_groups() : 0; }

 private:
  std::vector<std::uint64_t> find_complete_rows() const;

  const Market& market_;
  bool with_industry_;
  bool with_factors_;
  std::array<Reals, kNExposures> factors_{};
  const float* block_ = nullptr;  // all factors side by side, float32
  std::shared_ptr<const Category> industry_group_;
  std::shared_ptr<const std::vector<std::uint64_t>> complete_;  // a bit a row
};

}  // namespace fractile

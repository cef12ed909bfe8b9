// Copyright The fractile authors. Licensed under the Apache License, Version 2.0.
#include "engine/exposures.hpp"

#include <algorithm>

#include "engine/workers.hpp"

namespace fractile {

const float* find_exposure_block(const std::array<Reals, kNExposures>& exposures) noexcept {
  const auto* const first = static_cast<const float*>(exposures[0].data);
  for (std::size_t k = 0; k < exposures.size(); ++k) {
    const Reals& one = exposures[k];
    if (!one || one.wide || one.stride != kExposureStride || static_cast<const float*>(one.data) != first + k) return nullptr;
  }
  return first;
}

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
  if (with_factors_) block_ = find_exposure_block(factors_);
  if (is_needed()) complete_ = market.complete_rows(resid, [this] { return find_complete_rows(); });
}

RowIndex ExposureRows::find_row(SecurityIndex security, Day sig) const noexcept {
  const DateIndex newest = market_.after(sig) - 1;
  for (DateIndex n = newest; n >= 0 && std::int64_t{sig} - market_.date(n) <= kMaxAgeDays; --n) {
    const RowIndex row = market_.find_row(security, n);
    if (row != kNoRow) return row;
  }
  return kNoRow;
}

std::vector<std::uint64_t> ExposureRows::find_complete_rows() const {
  constexpr int kBits = 64, kWordsPerTask = 1024;
  const int n_rows = market_.snapshot().row_capacity();
  std::vector<std::uint64_t> out(static_cast<std::size_t>(n_rows / kBits + 1), 0);
  const SecurityIndex* const security = market_.security_of_row();
  parallel_for(default_threads(), static_cast<int>(out.size()) / kWordsPerTask + 1, [&](int task, int) {
    const RowIndex begin = task * kWordsPerTask * kBits, end = std::min(n_rows, begin + kWordsPerTask * kBits);
    std::array<double, kNExposures> factors{};
    for (RowIndex row = begin; row < end; ++row) {
      if (security[row] < 0) continue;
      bool is_complete = !with_industry_ || industry(row) >= 0;
      if (with_factors_) {
        read_factors(row, factors.data());
        for (const double factor : factors) is_complete &= factor == factor;
      }
      out[static_cast<std::size_t>(row / kBits)] |= static_cast<std::uint64_t>(is_complete) << (row % kBits);
    }
  });
  return out;
}

}  // namespace fractile

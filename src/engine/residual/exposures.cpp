// Copyright The fractile authors. Licensed under the Apache License, Version 2.0.
#include "engine/residual/exposures.hpp"

#include <algorithm>

#include "engine/panel/as_of.hpp"
#include "parallel/workers.hpp"

namespace fractile {

std::string describe_residuals(const RunConfig& config) {
  RunConfig alone;
  alone.resid = config.resid;
  if (OwnFactors::is_needed(config)) {
    alone.factors = config.factors;
    alone.neutralize_weight = config.neutralize_weight;
  }
  return config_to_json(alone, true);
}

ExposureRows::ExposureRows(const PanelView& panel, const RunConfig& config)
    : panel_(panel),
      with_industry_(config.resid == Resid::industry || config.resid == Resid::all),
      with_factors_(config.resid == Resid::factor || config.resid == Resid::all) {
  if (with_industry_) {
    panel.require("industry_id", "resid");
    industry_group_ = panel.category("industry_id");
  }
  if (OwnFactors::is_needed(config)) {
    own_ = std::make_shared<const OwnFactors>(panel, config, with_factors_);
  } else if (with_factors_) {
    for (const std::string_view factor : kExposures) panel.require(factor, "resid");
    block_ = panel.exposure_block();
  }
  if (!is_needed()) return;
  const auto find = [this] { return find_complete_rows(); };
  complete_ = own_ ? panel.marked_rows(describe_residuals(config), find) : panel.complete_rows(config.resid, find);
}

RowIndex ExposureRows::find_row(SecurityIndex security, Day sig) const noexcept {
  const DateIndex newest = panel_.after(sig) - 1;
  for (DateIndex n = newest; n >= 0 && std::int64_t{sig} - panel_.date(n) <= kMaxAgeDays; --n) {
    const RowIndex row = panel_.find_row(security, n);
    if (row != kNoRow) return row;
  }
  return kNoRow;
}

std::vector<std::uint64_t> ExposureRows::find_complete_rows() const {
  constexpr int kBits = 64, kWordsPerTask = 1024;
  const int n_rows = panel_.snapshot().row_capacity();
  std::vector<std::uint64_t> out(static_cast<std::size_t>(n_rows / kBits + 1), 0);
  const SecurityIndex* const security = panel_.snapshot().security_of_row().data();
  parallel_for(default_threads(), static_cast<int>(out.size()) / kWordsPerTask + 1, [&](int task, int) {
    const RowIndex begin = task * kWordsPerTask * kBits, end = std::min(n_rows, begin + kWordsPerTask * kBits);
    for (RowIndex row = begin; row < end; ++row) {
      if (security[row] < 0) continue;
      bool is_complete = !with_industry_ || industry(row) >= 0;
      if (own_) is_complete &= own_->is_complete(row);
      for (int k = 0; !own_ && with_factors_ && k < kNExposures; ++k) {
        const double factor = block_.read(row, k);
        is_complete &= factor == factor;
      }
      out[static_cast<std::size_t>(row / kBits)] |= static_cast<std::uint64_t>(is_complete) << (row % kBits);
    }
  });
  return out;
}

}  // namespace fractile

// Copyright The fractile authors. Licensed under the Apache License, Version 2.0.
#include "engine/perform.hpp"

namespace fractile {

Performer::Performer(const Market& market, const RunConfig& config)
    : market_(market), on_return_day_(config.characteristics_asof == CharacteristicsAsof::return_day) {
  if (config.from_open) market.require("openret", "from_open");
  ret_ = market.reals(config.from_open ? "openret" : "ret");
  resret_ = market.reals(config.from_open ? "resopenret" : "resret");
  bool is_block = true;
  for (std::size_t k = 0; k < exposures_.size(); ++k) {
    exposures_[k] = market.reals(kExposures[k]);
    has_exposures_ |= static_cast<bool>(exposures_[k]);
    is_block &= exposures_[k] && !exposures_[k].wide && exposures_[k].stride == kExposureStride &&
                static_cast<const float*>(exposures_[k].data) == static_cast<const float*>(exposures_[0].data) + k;
  }
  if (is_block) block_ = static_cast<const float*>(exposures_[0].data);
}

void Performer::add_exposures(RowIndex asof, double w, double* sums) const noexcept {
  if (block_) {
    const float* x = block_ + static_cast<std::size_t>(asof) * kExposureStride;
    for (int k = 0; k < kNExposures; ++k) {
      const auto value = static_cast<double>(x[k]);
      sums[k] += value == value ? w * value : 0.0;
    }
    return;
  }
  for (std::size_t k = 0; k < exposures_.size(); ++k) {
    if (!exposures_[k]) continue;
    const double value = exposures_[k][asof];
    if (value == value) sums[k] += w * value;
  }
}

DayOutcome Performer::perform(const Book& book, DateIndex n) const {
  DayOutcome out;
  if (book.is_flat()) return out;
  out.is_held = true;
  out.n_long = book.n_long;
  out.n_short = book.n_short;
  for (std::size_t i = 0; i < book.row.size(); ++i) {
    const RowIndex row = book.row[i];
    const double w = book.weight[i];
    const double r = ret_[row];
    if (r == r) (w > 0.0 ? out.ret_l : out.ret_s) += w * r;
    if (resret_) {
      const double residual = resret_[row];
      if (residual == residual) out.resret += w * residual;
    }
    if (has_exposures_) {
      const RowIndex asof = on_return_day_ ? row : market_.asof_row(row, n);
      if (asof != kNoRow) add_exposures(asof, w, out.exposure.data());
    }
  }
  return out;
}

int Performer::count_leavers(const Book& book, DateIndex n) const {
  if (n + 1 >= market_.n_dates()) return 0;
  int leavers = 0;
  for (const SecurityIndex security : book.security) {
    const SecurityRange& range = market_.ranges()[static_cast<std::size_t>(security)];
    leavers += range.first + range.length - 1 == n;
  }
  return leavers;
}

}  // namespace fractile

// Copyright The fractile authors. Licensed under the Apache License, Version 2.0.
#include "engine/perform.hpp"

#include <algorithm>

#include "engine/kernels.hpp"

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

/// A name without a row to read takes part with weight 0.
void Performer::sum_block(const Book& book, DateIndex n, double* out) {
  asof_rows_.assign(book.row.begin(), book.row.end());
  asof_weights_.assign(book.weight.begin(), book.weight.end());
  if (!on_return_day_) {
    const RowIndex day_before = n > 0 ? market_.row_begin(n - 1) : 0;
    for (std::size_t i = 0; i < asof_rows_.size(); ++i) {
      RowIndex asof = book.previous[i];
      if (n == 0 || asof < day_before) asof = market_.asof_row(book.row[i], n);
      if (asof == kNoRow)
        asof_weights_[i] = 0.0;
      else
        asof_rows_[i] = asof;
    }
  }
  double sums[kExposureStride] = {};
  sum_exposures(block_, asof_rows_.data(), asof_weights_.data(), asof_rows_.size(), sums);
  std::copy(sums, sums + kNExposures, out);
}

DayOutcome Performer::perform(const Book& book, DateIndex n) {
  DayOutcome out;
  if (book.is_flat()) return out;
  out.is_held = true;
  out.n_long = book.n_long;
  out.n_short = book.n_short;
  double ret_l = 0.0, ret_s = 0.0, resret = 0.0;
  for (std::size_t i = 0; i < book.row.size(); ++i) {
    const double w = book.weight[i], r = ret_[book.row[i]];
    const double earned = r == r ? w * r : 0.0;
    ret_l += w > 0.0 ? earned : 0.0;
    ret_s += w > 0.0 ? 0.0 : earned;
  }
  if (resret_)
    for (std::size_t i = 0; i < book.row.size(); ++i) {
      const double residual = resret_[book.row[i]];
      resret += residual == residual ? book.weight[i] * residual : 0.0;
    }
  out.ret_l = ret_l;
  out.ret_s = ret_s;
  out.resret = resret;
  if (block_) {
    sum_block(book, n, out.exposure.data());
  } else if (has_exposures_) {
    for (std::size_t i = 0; i < book.row.size(); ++i) {
      const RowIndex asof = on_return_day_ ? book.row[i] : market_.asof_row(book.row[i], n);
      if (asof != kNoRow) add_exposures(asof, book.weight[i], out.exposure.data());
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

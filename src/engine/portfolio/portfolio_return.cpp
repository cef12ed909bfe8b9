// Copyright The fractile authors. Licensed under the Apache License, Version 2.0.
#include "engine/portfolio/portfolio_return.hpp"

#include <algorithm>

#include "engine/kernels/kernels.hpp"

namespace fractile {

PortfolioReturn::PortfolioReturn(const PanelView& panel, const RunConfig& config) : panel_(panel), as_of_(panel, config) {
  if (config.from_open) panel.require("openret", "from_open");
  ret_ = panel.reals(config.from_open ? "openret" : "ret");
  resret_ = panel.reals(config.from_open ? "resopenret" : "resret");
  for (std::size_t k = 0; k < has_exposure_.size(); ++k) has_exposure_[k] = static_cast<bool>(panel.reals(kExposures[k]));
  block_ = panel.exposure_block();
}

void PortfolioReturn::add_exposures(RowIndex asof, double* sums) const noexcept {
  if (!block_) return;
  for (int k = 0; k < kNExposures; ++k) {
    const double value = block_.read(asof, k);
    sums[k] += value == value ? value : 0.0;
  }
}

/// A name without a row to read takes part with weight 0.
void PortfolioReturn::sum_block(const Book& book, DateIndex n, double* out) {
  asof_rows_.assign(book.row.begin(), book.row.end());
  asof_weights_.assign(book.weight.begin(), book.weight.end());
  if (!as_of_.on_return_day()) {
    for (std::size_t i = 0; i < asof_rows_.size(); ++i) {
      const RowIndex asof = as_of_.find_row(book.row[i], book.previous[i], n);
      if (asof == kNoRow)
        asof_weights_[i] = 0.0;
      else
        asof_rows_[i] = asof;
    }
  }
  double sums[kExposureStride] = {};
  sum_exposures({block_, asof_rows_.data(), asof_rows_.size()}, asof_weights_.data(), sums);
  std::copy(sums, sums + kNExposures, out);
}

/// Reads the return of each name of the book; a missing return counts as 0.
const double* PortfolioReturn::read_returns(const Reals& returns, const Book& book) {
  const auto read = [&](const auto* values) {
    for (std::size_t i = 0; i < book.row.size(); ++i) {
      const double value = values[book.row[i]];
      returns_[i] = value == value ? value : 0.0;
    }
  };
  returns_.resize(book.row.size());
  if (returns.wide)
    read(static_cast<const double*>(returns.data));
  else
    read(static_cast<const float*>(returns.data));
  return returns_.data();
}

DayOutcome PortfolioReturn::compute(const Book& book, DateIndex n) {
  DayOutcome out;
  if (book.is_flat()) return out;
  out.is_held = true;
  out.n_long = book.n_long;
  out.n_short = book.n_short;
  const double* const weight = book.weight.data();
  const double* const earned = read_returns(ret_, book);
  const std::size_t n_names = book.row.size();
  out.ret_l = sum_long_products(weight, earned, n_names);
  out.ret_s = sum_short_products(weight, earned, n_names);
  if (resret_) out.resret = sum_products(weight, read_returns(resret_, book), n_names);
  if (block_) sum_block(book, n, out.exposure.data());
  return out;
}

int PortfolioReturn::count_leavers(const Book& book, DateIndex n) const {
  if (n + 1 >= panel_.n_dates()) return 0;
  int leavers = 0;
  for (const SecurityIndex security : book.security) {
    const SecurityRange& range = panel_.ranges()[static_cast<std::size_t>(security)];
    leavers += range.first + range.length - 1 == n;
  }
  return leavers;
}

}  // namespace fractile

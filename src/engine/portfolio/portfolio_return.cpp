// Copyright The fractile authors. Licensed under the Apache License, Version 2.0.
#include "engine/portfolio/portfolio_return.hpp"

#include <algorithm>

#include "engine/kernels/kernels.hpp"

namespace fractile {

PortfolioReturn::PortfolioReturn(const PanelView& panel, const RunConfig& config, Exposures exposures)
    : panel_(panel), ret_(panel, config), exposures_(panel), as_of_(panel, config) {
  resret_ = panel.reals(config.from_open ? "resopenret" : "resret");
  if (exposures == Exposures::reported) find_exposures(panel, config);
}

void PortfolioReturn::find_exposures(const PanelView& panel, const RunConfig& config) {
  exposure_names_ = config.factors;
  if (exposure_names_.empty())
    for (const std::string_view name : kExposures)
      if (panel.reals(name)) exposure_names_.emplace_back(name);
  for (const std::string& name : exposure_names_) exposures_.add(name, "factors");
}

void PortfolioReturn::add_exposures(RowIndex asof, double* sums) const noexcept {
  const auto add = [&](std::size_t k, double value) { sums[k] += value == value ? value : 0.0; };
  for (const auto& [k, place] : exposures_.in_block()) add(k, exposures_.block().read(asof, static_cast<int>(place)));
  for (const auto& [k, column] : exposures_.others()) add(k, column[asof]);
}

/// A name without a row to read has weight 0 in the sums.
std::span<const double> PortfolioReturn::sum_exposures_of(const Book& book, DateIndex n) {
  asof_rows_.resize(book.row.size());
  as_of_.find_rows(book.row, [previous = book.previous.data()](std::size_t i) { return previous[i]; }, n, asof_rows_.data());
  asof_weights_.assign(book.weight.begin(), book.weight.end());
  for (std::size_t i = 0; i < asof_rows_.size(); ++i) {
    if (asof_rows_[i] != kNoRow) continue;
    asof_rows_[i] = book.row[i];
    asof_weights_[i] = 0.0;
  }
  const std::size_t n_exposures = exposure_names_.size();
  auto* const sums = static_cast<double*>(sums_.allocate(n_exposures * sizeof(double), alignof(double)));
  std::fill_n(sums, n_exposures, 0.0);
  add_weighted_exposures(asof_rows_, asof_weights_, sums);
  return {sums, n_exposures};
}

void PortfolioReturn::add_weighted_exposures(std::span<const RowIndex> asof, std::span<const double> weights,
                                             double* sums) const noexcept {
  if (!exposures_.in_block().empty()) {
    double of_block[kExposureStride] = {};
    sum_exposures({exposures_.block(), asof.data(), asof.size()}, weights.data(), of_block);
    for (const auto& [k, place] : exposures_.in_block()) sums[k] += of_block[place];
  }
  for (const auto& [k, column] : exposures_.others())
    column.visit([&, k = k](auto value_of) {
      double sum = sums[k];
      for (std::size_t i = 0; i < asof.size(); ++i) {
        const double value = value_of(asof[i]);
        sum += value == value ? weights[i] * value : 0.0;
      }
      sums[k] = sum;
    });
}

void PortfolioReturn::add_exposures_by_cell(std::span<const RowIndex> asof, const double* weights,
                                            std::span<const std::uint32_t> cell, std::size_t n_cells, double* sums) const {
  const std::size_t n_exposures = exposure_names_.size();
  if (!exposures_.in_block().empty()) {
    std::vector<double> of_block((n_cells + 1) * kExposureStride);
    sum_exposures_by_cell({exposures_.block(), asof.data(), asof.size()}, weights, cell.data(), of_block.data());
    for (std::size_t c = 0; c < n_cells; ++c)
      for (const auto& [k, place] : exposures_.in_block()) sums[c * n_exposures + k] += of_block[c * kExposureStride + place];
  }
  std::vector<double> of_column;
  for (const auto& [k, column] : exposures_.others()) {
    of_column.assign(n_cells + 1, 0.0);
    column.visit([&](auto value_of) {
      for (std::size_t i = 0; i < asof.size(); ++i) {
        const double value = value_of(asof[i]);
        of_column[cell[i]] += value == value ? (weights ? weights[i] : 1.0) * value : 0.0;
      }
    });
    for (std::size_t c = 0; c < n_cells; ++c) sums[c * n_exposures + k] += of_column[c];
  }
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

/// The same with delisting returns.
const double* PortfolioReturn::read_earned(const Book& book) {
  const double* const earned = read_returns(ret_.column(), book);
  if (!ret_.has_exits()) return earned;
  for (std::size_t i = 0; i < book.row.size(); ++i) {
    const double value = ret_[book.row[i]];
    if (value == value) returns_[i] = value;
  }
  return earned;
}

DayOutcome PortfolioReturn::compute(const Book& book, DateIndex n) {
  DayOutcome out;
  if (book.is_flat()) return out;
  out.is_held = true;
  out.n_long = book.n_long;
  out.n_short = book.n_short;
  const double* const weight = book.weight.data();
  const double* const earned = read_earned(book);
  const std::size_t n_names = book.row.size();
  out.ret_l = sum_long_products(weight, earned, n_names);
  out.ret_s = sum_short_products(weight, earned, n_names);
  if (resret_) out.resret = sum_products(weight, read_returns(resret_, book), n_names);
  if (!exposure_names_.empty()) out.exposure = sum_exposures_of(book, n);
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

// Copyright The fractile authors. Licensed under the Apache License, Version 2.0.
#include "analysis/cells.hpp"

#include "engine/kernels/kernels.hpp"
#include "engine/portfolio/weight_schemes.hpp"

namespace fractile {

Cells::Cells(const AnalysisContext& context, std::size_t n_cells)
    : context_(context), as_of_(context.panel, context.config), begin_(n_cells + 1, 0) {
  if (const char* column = find_weight_scheme(context.config.weight).column) size_ = context.panel.reals(column);
}

void Cells::measure(const ObservedDay& day, std::span<const std::int32_t> cell) {
  measured_.resize(day.rows.size());
  for (std::size_t i = 0; i < measured_.size(); ++i) {
    double x = cell[i] < 0 ? 0.0 : 1.0;
    if (size_ && x > 0.0) {
      const RowIndex asof = as_of_.find_row(day.rows[i], day.n);
      x = asof == kNoRow ? 0.0 : size_[asof];
      if (!(x > 0.0)) x = 0.0;
    }
    measured_[i] = x;
  }
}

void Cells::assign(const ObservedDay& day, std::span<const std::int32_t> cell) {
  measure(day, cell);
  std::fill(begin_.begin(), begin_.end(), 0);
  for (std::size_t i = 0; i < measured_.size(); ++i)
    if (measured_[i] > 0.0) ++begin_[static_cast<std::size_t>(cell[i]) + 1];
  for (std::size_t c = 0; c + 1 < begin_.size(); ++c) begin_[c + 1] += begin_[c];
  next_.assign(begin_.begin(), begin_.end() - 1);
  rows_.resize(begin_.back());
  weights_.resize(begin_.back());
  for (std::size_t i = 0; i < measured_.size(); ++i) {
    if (!(measured_[i] > 0.0)) continue;
    const std::size_t at = next_[static_cast<std::size_t>(cell[i])]++;
    rows_[at] = day.rows[i];
    weights_[at] = measured_[i];
  }
  for (std::size_t c = 0; c < n_cells(); ++c) {
    if (n_names(c) == 0) continue;
    double* const weight = weights_.data() + begin_[c];
    const double total = size_ ? sum(weight, n_names(c)) : static_cast<double>(n_names(c));
    for (std::size_t i = 0; i < n_names(c); ++i) weight[i] /= total;
  }
}

double Cells::earn(std::size_t cell) {
  const EarnedReturns& ret = context_.returns.ret();
  const std::span<const RowIndex> of_cell = rows(cell);
  returns_.resize(of_cell.size());
  for (std::size_t i = 0; i < of_cell.size(); ++i) {
    const double r = ret[of_cell[i]];
    returns_[i] = r == r ? r : 0.0;
  }
  return sum_products(weights(cell).data(), returns_.data(), returns_.size());
}

void Cells::add_exposures(std::size_t cell, DateIndex n, double* sums) {
  known_rows_.clear();
  known_weights_.clear();
  for (std::size_t i = 0; i < n_names(cell); ++i) {
    const RowIndex asof = as_of_.find_row(rows(cell)[i], n);
    if (asof == kNoRow) continue;
    known_rows_.push_back(asof);
    known_weights_.push_back(weights(cell)[i]);
  }
  if (known_rows_.empty()) return;
  context_.returns.add_weighted_exposures(known_rows_, known_weights_, sums);
}

}  // namespace fractile

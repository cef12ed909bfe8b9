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
  if (!size_) {
    for (std::size_t i = 0; i < measured_.size(); ++i) measured_[i] = cell[i] < 0 ? 0.0 : 1.0;
    return;
  }
  known_rows_.resize(day.rows.size());
  as_of_.find_rows(day.rows, day.n, known_rows_.data());
  for (std::size_t i = 0; i < measured_.size(); ++i) {
    const bool is_known = cell[i] >= 0 && known_rows_[i] != kNoRow;
    const double x = is_known ? size_[known_rows_[i]] : 0.0;
    measured_[i] = x > 0.0 ? x : 0.0;
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
  known_rows_.resize(n_names(cell));
  known_weights_.resize(n_names(cell));
  as_of_.find_rows(rows(cell), n, known_rows_.data());
  const std::span<const double> weight = weights(cell);
  std::size_t n_known = 0;
  for (std::size_t i = 0; i < weight.size(); ++i) {
    known_rows_[n_known] = known_rows_[i];
    known_weights_[n_known] = weight[i];
    n_known += known_rows_[i] != kNoRow;
  }
  if (n_known == 0) return;
  context_.returns.add_weighted_exposures(std::span(known_rows_).first(n_known), std::span(known_weights_).first(n_known), sums);
}

}  // namespace fractile

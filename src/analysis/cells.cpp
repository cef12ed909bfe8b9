// Copyright The fractile authors. Licensed under the Apache License, Version 2.0.
#include "analysis/cells.hpp"

#include <algorithm>

#include "engine/kernels/kernels.hpp"
#include "engine/portfolio/weight_schemes.hpp"

namespace fractile {

Cells::Cells(const AnalysisContext& context, std::size_t n_cells)
    : context_(context), as_of_(context.panel, context.config), begin_(n_cells + 1, 0) {
  if (const char* column = find_weight_scheme(context.config.weight).column) size_ = context.panel.reals(column);
}

/// The cells of the names that have a positive weight, which go to measured_; -1 for the others.
std::span<const std::int32_t> Cells::measure(const ObservedDay& day, std::span<const std::int32_t> cell) {
  if (!size_) return cell;
  const std::size_t n = day.rows.size();
  known_rows_.resize(n);
  measured_.resize(n);
  weighted_cell_.resize(n);
  as_of_.find_rows(day.rows, day.n, known_rows_.data());
  for (std::size_t i = 0; i < n; ++i) {
    const bool is_known = cell[i] >= 0 && known_rows_[i] != kNoRow;
    measured_[i] = is_known ? size_[known_rows_[i]] : 0.0;
    weighted_cell_[i] = measured_[i] > 0.0 ? cell[i] : -1;
  }
  return weighted_cell_;
}

void Cells::assign(const ObservedDay& day, std::span<const std::int32_t> cell) {
  const std::span<const std::int32_t> cells = measure(day, cell);
  const std::size_t n = day.rows.size();
  // A counting sort with the names of no cell behind all others: a loop without branches.
  const auto place_of = [](std::int32_t c) { return static_cast<std::size_t>(c + 1); };
  next_.assign(n_cells() + 1, 0);
  for (std::size_t i = 0; i < n; ++i) ++next_[place_of(cells[i])];
  for (std::size_t c = 0; c < n_cells(); ++c) begin_[c + 1] = begin_[c] + next_[c + 1];
  next_[0] = n_names();
  std::copy(begin_.begin(), begin_.end() - 1, next_.begin() + 1);
  rows_.resize(n);
  weights_.resize(n);
  for (std::size_t i = 0; i < n; ++i) {
    const std::size_t at = next_[place_of(cells[i])]++;
    rows_[at] = day.rows[i];
    if (size_) weights_[at] = measured_[i];
  }
  for (std::size_t c = 0; c < n_cells(); ++c) {
    const std::span<double> of_cell = std::span(weights_).subspan(begin_[c], n_names(c));
    if (!size_) {
      std::fill(of_cell.begin(), of_cell.end(), 1.0 / static_cast<double>(of_cell.size()));
    } else if (!of_cell.empty()) {
      const double total = sum(of_cell.data(), of_cell.size());
      for (double& weight : of_cell) weight /= total;
    }
  }
}

double Cells::earn(std::size_t cell) {
  const EarnedReturns& ret = context_.returns.ret();
  const std::span<const RowIndex> of_cell = rows(cell);
  returns_.resize(of_cell.size());
  const auto read = [&](auto return_of) {
    for (std::size_t i = 0; i < of_cell.size(); ++i) {
      const double r = return_of(of_cell[i]);
      returns_[i] = r == r ? r : 0.0;
    }
  };
  if (ret.has_exits())
    read([&ret](RowIndex row) { return ret[row]; });
  else
    ret.column().visit(read);
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

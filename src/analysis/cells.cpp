// Copyright The fractile authors. Licensed under the Apache License, Version 2.0.
#include "analysis/cells.hpp"

#include <algorithm>

#include "engine/portfolio/weight_schemes.hpp"

namespace fractile {

Cells::Cells(const AnalysisContext& context, std::size_t n_cells)
    : context_(context), n_cells_(n_cells), as_of_(context.panel, context.config), sums_(n_cells + 1) {
  if (const char* column = find_weight_scheme(context.config.weight).column) size_ = context.panel.reals(column);
}

void Cells::assign(const ObservedDay& day, std::span<const std::int32_t> cell) {
  rows_ = day.rows;
  n_ = day.n;
  cell_.resize(cell.size());
  // As unsigned numbers, -1 is above every cell.
  const auto no_cell = static_cast<std::uint32_t>(n_cells_);
  for (std::size_t i = 0; i < cell.size(); ++i) cell_[i] = std::min(static_cast<std::uint32_t>(cell[i]), no_cell);
  std::fill(sums_.begin(), sums_.end(), Sums{});
  if (size_) {
    measure();
    add_names([this](std::size_t i) { return measured_[i]; });
  } else {
    add_names([](std::size_t) { return 1.0; });
  }
}

/// The weights before they are divided by their sum.
void Cells::measure() {
  find_known_rows();
  measured_.resize(cell_.size());
  const auto no_cell = static_cast<std::uint32_t>(n_cells_);
  for (std::size_t i = 0; i < cell_.size(); ++i) {
    const double size = known_cell_[i] != no_cell ? size_[known_rows_[i]] : 0.0;
    measured_[i] = size > 0.0 ? size : 0.0;
    if (!(size > 0.0)) cell_[i] = known_cell_[i] = no_cell;
  }
}

/// The rows whose characteristics the trades of the day know. A name without one gets row 0 and no known cell.
void Cells::find_known_rows() {
  known_rows_.resize(rows_.size());
  known_cell_.resize(rows_.size());
  as_of_.find_rows(rows_, n_, known_rows_.data());
  const auto no_cell = static_cast<std::uint32_t>(n_cells_);
  for (std::size_t i = 0; i < rows_.size(); ++i) {
    known_cell_[i] = known_rows_[i] == kNoRow ? no_cell : cell_[i];
    known_rows_[i] = std::max(known_rows_[i], RowIndex{0});
  }
}

template <class Measure>
void Cells::add_names(Measure measure_of) {
  const EarnedReturns& ret = context_.returns.ret();
  const auto read = [&](auto return_of) {
    // Not the members: the compiler cannot know that no store changes them.
    Sums* const sums = sums_.data();
    const std::uint32_t* const cell = cell_.data();
    const RowIndex* const rows = rows_.data();
    for (std::size_t i = 0, n = cell_.size(); i < n; ++i) {
      Sums& of_cell = sums[cell[i]];
      const double measured = measure_of(i), r = return_of(rows[i]);
      of_cell.measured += measured;
      of_cell.earned += measured * (r == r ? r : 0.0);
      ++of_cell.names;
    }
  };
  if (ret.has_exits())
    read([&ret](RowIndex row) { return ret[row]; });
  else
    ret.column().visit(read);
}

void Cells::sum_exposures(double* out) {
  if (!size_) find_known_rows();
  const std::size_t n_exposures = context_.returns.exposure_names().size();
  std::fill_n(out, n_cells_ * n_exposures, 0.0);
  context_.returns.add_exposures_by_cell(known_rows_, size_ ? measured_.data() : nullptr, known_cell_, n_cells_, out);
  for (std::size_t c = 0; c < n_cells_; ++c)
    for (std::size_t k = 0; k < n_exposures; ++k)
      if (sums_[c].names > 0) out[c * n_exposures + k] /= sums_[c].measured;
}

}  // namespace fractile

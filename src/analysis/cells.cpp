// Copyright The fractile authors. Licensed under the Apache License, Version 2.0.
#include "analysis/cells.hpp"

#include <algorithm>
#include <cmath>

#include "engine/portfolio/weight_schemes.hpp"

namespace fractile {

void FollowedNames::start(const ObservedDay& day) {
  before_.swap(now_);
  // Without a day before, every row is of an earlier one.
  first_before_ = before_.empty() ? day.first_row : panel_.row_begin(day.n - 1);
  if (before_.empty()) before_.push_back(kNone);
  first_ = day.first_row;
  now_.assign(day.slot_values.size() + 1, kNone);
}

Cells::Cells(const AnalysisContext& context, std::size_t n_cells, Trades trades)
    : context_(context),
      n_cells_(n_cells),
      as_of_(context.panel, context.config),
      sums_(n_cells + 1),
      sums_before_(n_cells + 1),
      has_trades_(trades == Trades::needed),
      names_(context.panel),
      traded_(n_cells) {
  if (const char* column = find_weight_scheme(context.config.weight).column) size_ = context.panel.reals(column);
}

void Cells::forget() {
  names_.forget();
  std::fill(sums_.begin(), sums_.end(), Sums{});
}

void Cells::assign(const ObservedDay& day, std::span<const std::int32_t> cell) {
  rows_ = day.rows;
  n_ = day.n;
  cell_.resize(cell.size());
  // As unsigned numbers, -1 is above every cell.
  const auto no_cell = static_cast<std::uint32_t>(n_cells_);
  for (std::size_t i = 0; i < cell.size(); ++i) cell_[i] = std::min(static_cast<std::uint32_t>(cell[i]), no_cell);
  sums_before_.swap(sums_);
  std::fill(sums_.begin(), sums_.end(), Sums{});
  if (has_trades_) names_.start(day);
  if (size_ || has_trades_) find_known_rows();
  if (size_) {
    measure();
    add_names();
    if (has_trades_) compare_weights();
  } else if (has_trades_) {
    add_equal_names<true>();
    compare_names();
  } else {
    add_equal_names<false>();
  }
}

/// The rows whose characteristics the trades of the day know. A name without one gets row 0 and no known cell.
void Cells::find_known_rows() {
  previous_rows_.resize(rows_.size());
  for (std::size_t i = 0; i < rows_.size(); ++i) previous_rows_[i] = context_.panel.previous_row(rows_[i]);
  known_rows_.resize(rows_.size());
  as_of_.find_rows(rows_, [previous = previous_rows_.data()](std::size_t i) { return previous[i]; }, n_, known_rows_.data());
  known_cell_.assign(cell_.begin(), cell_.end());
  RowIndex lowest = 0;
  for (const RowIndex row : known_rows_) lowest = std::min(lowest, row);
  if (lowest != kNoRow) return;
  for (std::size_t i = 0; i < rows_.size(); ++i) {
    if (known_rows_[i] != kNoRow) continue;
    known_rows_[i] = 0;
    known_cell_[i] = static_cast<std::uint32_t>(n_cells_);
  }
}

/// The weights before they are divided by their sum.
void Cells::measure() {
  measured_.resize(cell_.size());
  const auto no_cell = static_cast<std::uint32_t>(n_cells_);
  for (std::size_t i = 0; i < cell_.size(); ++i) {
    const double size = known_cell_[i] != no_cell ? size_[known_rows_[i]] : 0.0;
    measured_[i] = size > 0.0 ? size : 0.0;
    if (!(size > 0.0)) cell_[i] = known_cell_[i] = no_cell;
  }
}

/// Calls read(return_of); return_of(row) is the return that a name earns, 0 if it is missing.
template <class Read>
void Cells::read_returns(Read read) const {
  const auto read_known = [&](auto return_of) {
    read([return_of](RowIndex row) {
      const double r = return_of(row);
      return r == r ? r : 0.0;
    });
  };
  const EarnedReturns& ret = context_.returns.ret();
  if (ret.has_exits())
    read_known([&ret](RowIndex row) { return ret[row]; });
  else
    ret.column().visit(read_known);
}

void Cells::add_names() {
  read_returns([this](auto return_of) {
    for (std::size_t i = 0; i < cell_.size(); ++i) {
      Sums& of_cell = sums_[cell_[i]];
      of_cell.measured += measured_[i];
      of_cell.earned += measured_[i] * return_of(rows_[i]);
      ++of_cell.names;
    }
  });
}

template <bool kFollows>
void Cells::add_equal_names() {
  // Names are counted in the lower half of a word, those that stay in the upper: one addition to memory per name, not two.
  constexpr std::uint64_t kOneStays = std::uint64_t{1} << 32;
  read_returns([this](auto return_of) {
    // Not the members: the compiler cannot know that no store changes them.
    Sums* const sums = sums_.data();
    const std::uint32_t* const cell = cell_.data();
    const RowIndex *const rows = rows_.data(), *const previous = previous_rows_.data();
    const FollowedNames::Places places = names_.places();
    for (std::size_t i = 0, n = cell_.size(); i < n; ++i) {
      Sums& of_cell = sums[cell[i]];
      of_cell.earned += return_of(rows[i]);
      std::uint64_t counted = 1;
      if constexpr (kFollows) counted += places.stays(rows[i], previous[i], cell[i]) * kOneStays;
      of_cell.names += counted;
    }
  });
  for (Sums& of_cell : sums_) {
    of_cell.stayed = of_cell.names / kOneStays;
    of_cell.names %= kOneStays;
    of_cell.measured = static_cast<double>(of_cell.names);
  }
}

/// The trades of equal weights: the numbers of names tell all.
void Cells::compare_names() {
  for (std::size_t c = 0; c < n_cells_; ++c) {
    const auto n_now = static_cast<double>(sums_[c].names), n_before = static_cast<double>(sums_before_[c].names);
    const auto stayed = static_cast<double>(sums_[c].stayed);
    const double weight = 1.0 / std::max(n_now, 1.0), old = 1.0 / std::max(n_before, 1.0);
    traded_[c] = stayed * std::fabs(weight - old) + (n_now - stayed) * weight + (n_before - stayed) * old;
  }
}

void Cells::compare_weights() {
  weights_before_.swap(weights_now_);
  weights_now_.resize(names_.n_places());
  // By cell, and of the names of no cell: changes of weights, and the weights of the day before of the names that stay.
  traded_.assign(n_cells_ + 1, 0.0);
  stayed_.assign(n_cells_ + 1, 0.0);
  const FollowedNames::Places places = names_.places();
  for (std::size_t i = 0; i < cell_.size(); ++i) {
    const std::uint32_t cell = cell_[i];
    const RowIndex row = rows_[i], previous = previous_rows_[i];
    const double weight = cell < n_cells_ ? measured_[i] / sums_[cell].measured : 0.0;
    const double old = places.stays(row, previous, cell) ? weights_before_[places.of_before(previous)] : 0.0;
    weights_now_[places.of(row)] = weight;
    traded_[cell] += std::fabs(weight - old);
    stayed_[cell] += old;
    sums_[cell].held += weight;
  }
  for (std::size_t c = 0; c < n_cells_; ++c) traded_[c] += std::max(0.0, sums_before_[c].held - stayed_[c]);
}

void Cells::sum_exposures(double* out) {
  const std::size_t n_exposures = context_.returns.exposure_names().size();
  std::fill_n(out, n_cells_ * n_exposures, 0.0);
  context_.returns.add_exposures_by_cell(known_rows_, size_ ? measured_.data() : nullptr, known_cell_, n_cells_, out);
  for (std::size_t c = 0; c < n_cells_; ++c)
    for (std::size_t k = 0; k < n_exposures; ++k)
      if (sums_[c].names > 0) out[c * n_exposures + k] /= sums_[c].measured;
}

}  // namespace fractile

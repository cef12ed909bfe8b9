// Copyright The fractile authors. Licensed under the Apache License, Version 2.0.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "engine/panel/panel_view.hpp"
#include "engine/portfolio/book.hpp"
#include "engine/portfolio/rank.hpp"
#include "engine/portfolio/weight_schemes.hpp"
#include "fractile/config.hpp"

/// The weighing of books: from sides to weights, methodology section 6.
namespace fractile {

/// Names of one (group, R) with their sides, securities ascending; flat names may be left out.
struct SidedNames {
  std::span<const RowIndex> rows;
  std::span<const std::int8_t> sides;  ///< kShort, kFlat, kLong
  std::span<const double> sizes;       ///< absolute values are weights, 0: not held; empty if a panel column or nothing weighs
  std::span<const SecurityIndex> securities = {};  ///< empty unless the caller of choose() needs those of the book
};

/// The weights of a book by the weight scheme of a run. One thread uses one object.
class Weigher {
 public:
  /// Throws MISSING_PANEL_COLUMN if weight needs a column that the snapshot lacks.
  Weigher(const PanelView& panel, const RunConfig& config);
  /// Takes the names of the book of return day n: their rows, and magnitudes with the signs of the sides as weights; none if the
  /// book is flat. Adds the securities if they are given. Returns the number of names on a side without a usable size.
  int choose(const SidedNames& names, DateIndex n, Book& book) const;
  /// Adds to a book that choose() made its weights, securities and previous rows.
  void weigh(Book& book);

 private:
  bool has_enough(const Book& book) const noexcept;
  template <class SizeOf>
  void take(const SidedNames& names, SizeOf&& size_of, Book& book) const;
  int take_weighted(const SidedNames& names, DateIndex n, Book& book) const;
  static void set_equal_weights(Book& book) noexcept;
  bool is_weighted() const noexcept { return size_ || has_sizes_; }
  void set_weights(Book& book);
  void look_up_rows(Book& book) const;
  void clip_side(bool is_long, Book& book);
  void cap_side(bool is_long, Book& book);

  const PanelView& panel_;
  const RunConfig& config_;
  const WeightScheme& scheme_;
  Reals size_;              // the scheme's column; empty if it has none
  bool has_sizes_ = false;  // SidedNames::sizes has the weights
  std::vector<double> side_values_;
  std::vector<std::size_t> side_places_;
};

/// numpy's default quantile of `values`, which are reordered; q in 0 ... 1. O(n).
double quantile(std::vector<double>& values, double q);

}  // namespace fractile

// Copyright The fractile authors. Licensed under the Apache License, Version 2.0.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "engine/panel/panel_view.hpp"
#include "engine/portfolio/rank.hpp"

namespace fractile {

/// The names of one day in ascending order of their signals. It computes a rank correlation with another day in O(names).
class SortedNames {
 public:
  /// `ranks`: the average ranks of the names at `rows`. O(names).
  void assign(const PanelView& panel, std::span<const RowIndex> rows, std::span<const double> ranks);
  bool has(SecurityIndex security) const noexcept {
    const auto at = static_cast<std::size_t>(security);
    return !is_there_.empty() && (is_there_[at / 64] >> (at % 64) & 1) != 0;
  }

  /// Memory of one thread.
  using Scratch = std::vector<std::int32_t>;
  /// Spearman correlation over the common names of both days, ties at their mean rank. NaN below `min_names` names, or if either
  /// side is constant. Exact except for the last division, because all sums are of whole numbers.
  static double correlate(const SortedNames& a, const SortedNames& b, std::size_t min_names, Scratch& scratch);

 private:
  /// Calls visit(security, twice its rank among the names that `other` has too, mask) per name; mask is 0 if `other` lacks the
  /// name, else all ones. Returns how many names both have.
  template <class Visit>
  std::int64_t rank_common(const SortedNames& other, Visit&& visit) const;

  std::vector<std::uint32_t> names_;     // security * 2, and 1 if it ties with the name before
  std::vector<std::uint64_t> is_there_;  // bits by security
};

}  // namespace fractile

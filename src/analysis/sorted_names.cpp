// Copyright The fractile authors. Licensed under the Apache License, Version 2.0.
#include "analysis/sorted_names.hpp"

#include <algorithm>
#include <cmath>
#include <utility>

#include "fractile/types.hpp"

namespace fractile {

void SortedNames::assign(const PanelView& panel, std::span<const RowIndex> rows, std::span<const double> ranks) {
  names_.resize(rows.size());
  has_ties_ = false;
  is_there_.assign(rows.empty() ? 0 : panel.ranges().size() / 64 + 1, 0);
  // A counting sort: twice a rank is a whole number.
  const auto key_of = [&](std::size_t i) { return static_cast<std::size_t>(2.0 * ranks[i]); };
  std::vector<std::uint32_t> place(2 * rows.size() + 1, 0);
  for (std::size_t i = 0; i < rows.size(); ++i) ++place[key_of(i)];
  std::uint32_t next = 0;
  for (std::uint32_t& count : place) next += std::exchange(count, next);
  // Below this bit, the place of the next name of a rank; the bit is set once the rank has a name.
  constexpr std::uint32_t kHasName = std::uint32_t{1} << 31;
  for (std::size_t i = 0; i < rows.size(); ++i) {
    const auto security = static_cast<std::uint32_t>(panel.security_of_row(rows[i]));
    std::uint32_t& at = place[key_of(i)];
    names_[at & ~kHasName] = security * 2 + (at >> 31);
    has_ties_ |= at >> 31 != 0;
    at = (at + 1) | kHasName;
    is_there_[security / 64] |= std::uint64_t{1} << (security % 64);
  }
}

template <class Visit>
std::int64_t SortedNames::rank_common(const SortedNames& other, Visit&& visit) const {
  std::int64_t below = 0;
  for (std::size_t first = 0; first < names_.size();) {
    std::size_t end = first + 1;
    while (end < names_.size() && (names_[end] & 1) != 0) ++end;
    std::int64_t common = 0;
    for (std::size_t i = first; i < end; ++i) common += other.has(static_cast<SecurityIndex>(names_[i] / 2));
    for (std::size_t i = first; i < end; ++i)
      if (other.has(static_cast<SecurityIndex>(names_[i] / 2))) visit(names_[i] / 2, 2 * below + common + 1);
    below += common;
    first = end;
  }
  return below;
}

std::int64_t SortedNames::multiply_untied(const SortedNames& a, const SortedNames& b, Scratch& scratch, std::int64_t& product) {
  // No branches: a name that the other day lacks gets a rank too, but nobody reads it.
  std::int64_t rank = 2;
  for (const std::uint32_t name : a.names_) {
    scratch[name / 2] = rank;
    rank += 2 * static_cast<std::int64_t>(b.has(static_cast<SecurityIndex>(name / 2)));
  }
  const std::int64_t n = (rank - 2) / 2;
  rank = 2;
  for (const std::uint32_t name : b.names_) {
    const auto is_common = static_cast<std::int64_t>(a.has(static_cast<SecurityIndex>(name / 2)));
    product += -is_common & (rank * scratch[name / 2]);
    rank += 2 * is_common;
  }
  return n;
}

double SortedNames::correlate(const SortedNames& a, const SortedNames& b, std::size_t min_names, Scratch& scratch) {
  if (a.names_.empty() || b.names_.empty()) return kNaN;
  scratch.resize(std::max(scratch.size(), a.is_there_.size() * 64));
  // Of twice the ranks.
  std::int64_t n = 0, aa = 0, bb = 0, ab = 0;
  if (!a.has_ties_ && !b.has_ties_) {
    n = multiply_untied(a, b, scratch, ab);
    aa = bb = n * (n + 1) * (2 * n + 1) / 6 * 4;
  } else {
    n = a.rank_common(b, [&](std::uint32_t security, std::int64_t rank) {
      scratch[security] = rank;
      aa += rank * rank;
    });
    b.rank_common(a, [&](std::uint32_t security, std::int64_t rank) {
      ab += rank * scratch[security];
      bb += rank * rank;
    });
  }
  if (n < static_cast<std::int64_t>(min_names)) return kNaN;
  const std::int64_t centre = n * (n + 1) * (n + 1);  // the mean is n + 1
  if (aa == centre || bb == centre) return kNaN;
  return static_cast<double>(ab - centre) / std::sqrt(static_cast<double>(aa - centre) * static_cast<double>(bb - centre));
}

}  // namespace fractile

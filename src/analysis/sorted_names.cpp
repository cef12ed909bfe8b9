// Copyright The fractile authors. Licensed under the Apache License, Version 2.0.
#include "analysis/sorted_names.hpp"

#include <cmath>
#include <utility>

namespace fractile {

void SortedNames::assign(const PanelView& panel, std::span<const RowIndex> rows, std::span<const double> ranks) {
  names_.resize(rows.size());
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

double SortedNames::correlate(const SortedNames& a, const SortedNames& b, std::size_t min_names, Scratch& scratch) {
  scratch.resize(std::max(scratch.size(), a.is_there_.size() * 64));
  std::int64_t aa = 0, bb = 0, ab = 0;
  const std::int64_t n = a.rank_common(b, [&](std::uint32_t security, std::int64_t rank) {
    scratch[security] = rank;
    aa += rank * rank;
  });
  if (n < static_cast<std::int64_t>(min_names)) return __builtin_nan("");
  b.rank_common(a, [&](std::uint32_t security, std::int64_t rank) {
    ab += rank * scratch[security];
    bb += rank * rank;
  });
  const std::int64_t centre = n * (n + 1) * (n + 1);  // twice the ranks have the mean n + 1
  if (aa == centre || bb == centre) return __builtin_nan("");
  return static_cast<double>(ab - centre) / std::sqrt(static_cast<double>(aa - centre) * static_cast<double>(bb - centre));
}

}  // namespace fractile

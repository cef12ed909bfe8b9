// Copyright The fractile authors. Licensed under the Apache License, Version 2.0.
#include "analysis/sorted_names.hpp"

#include <algorithm>
#include <cmath>
#include <utility>

#include "fractile/types.hpp"

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
  // Branches on what `other` has would be unpredictable, so a name that it lacks is visited with a mask of 0.
  const auto mask_of = [&](std::uint32_t name) {
    return -static_cast<std::int64_t>(other.has(static_cast<SecurityIndex>(name / 2)));
  };
  const auto is_tied = [&](std::size_t i) { return i < names_.size() && (names_[i] & 1) != 0; };
  std::int64_t below = 0;
  for (std::size_t first = 0; first < names_.size();) {
    if (!is_tied(first + 1)) {
      const std::int64_t mask = mask_of(names_[first]);
      visit(names_[first] / 2, 2 * below + 2, mask);
      below -= mask;
      ++first;
      continue;
    }
    std::size_t end = first + 1;
    while (is_tied(end)) ++end;
    std::int64_t common = 0;
    for (std::size_t i = first; i < end; ++i) common -= mask_of(names_[i]);
    for (std::size_t i = first; i < end; ++i) visit(names_[i] / 2, 2 * below + common + 1, mask_of(names_[i]));
    below += common;
    first = end;
  }
  return below;
}

double SortedNames::correlate(const SortedNames& a, const SortedNames& b, std::size_t min_names, Scratch& scratch) {
  scratch.resize(std::max(scratch.size(), a.is_there_.size() * 64));
  // Sums over twice the ranks.
  std::int64_t aa = 0, bb = 0, ab = 0;
  const std::int64_t n = a.rank_common(b, [&](std::uint32_t security, std::int64_t rank, std::int64_t mask) {
    scratch[security] = static_cast<std::int32_t>(rank);
    aa += rank * rank & mask;
  });
  if (n < static_cast<std::int64_t>(min_names)) return kNaN;
  b.rank_common(a, [&](std::uint32_t security, std::int64_t rank, std::int64_t mask) {
    const std::size_t at = security & static_cast<std::uint32_t>(mask);  // a security that only `b` has may be behind the end
    ab += rank * scratch[at] & mask;
    bb += rank * rank & mask;
  });
  const std::int64_t centre = n * (n + 1) * (n + 1);  // the mean is n + 1
  if (aa == centre || bb == centre) return kNaN;
  return static_cast<double>(ab - centre) / std::sqrt(static_cast<double>(aa - centre) * static_cast<double>(bb - centre));
}

}  // namespace fractile

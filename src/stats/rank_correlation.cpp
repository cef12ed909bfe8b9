// Copyright The fractile authors. Licensed under the Apache License, Version 2.0.
#include "stats/rank_correlation.hpp"

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstring>

#include "fractile/types.hpp"

namespace fractile {
namespace {

/// tied^3 - tied: what equal values take from twelve times the sum of squared ranks about their mean.
std::int64_t tie_loss(std::int64_t tied) noexcept { return tied * tied * tied - tied; }

/// Sum of squares of twice the centred ranks of n names.
std::int64_t sum_squares(std::int64_t n, std::int64_t ties) noexcept { return (n * n * n - n - ties) / 3; }

/// The sum of tie_loss() of counts of values.
template <class Count>
std::int64_t sum_tie_losses(std::span<const Count> counts) {
  unsigned is_tied = 0;
  for (const Count count : counts) is_tied |= count > 1;
  std::int64_t ties = 0;
  if (is_tied != 0)
    for (const Count count : counts) ties += tie_loss(count);
  return ties;
}

/// Counts that one word holds.
template <class Count>
constexpr std::size_t kLanes = sizeof(std::uint64_t) / sizeof(Count);

/// A word that holds 1 in each lane. The lanes of its product with a word of counts are the sums of the counts up to that lane.
template <class Count>
constexpr std::uint64_t kOnes = ~std::uint64_t{0} / std::numeric_limits<Count>::max();

/// Memory for `n` counts, in whole words.
template <class Count>
constexpr std::size_t padded(std::size_t n) noexcept {
  return (n + kLanes<Count> - 1) / kLanes<Count> * kLanes<Count>;
}

/// Turns counts of values into twice their average rank, less one: below + (below + count). Returns the sum of tie_loss() of the
/// counts. `n` is a multiple of kLanes. No lane overflows, because the counts together are not above the largest Number.
template <class Count>
std::int64_t to_twice_ranks(Count* counts, std::size_t n) {
  static_assert(std::endian::native == std::endian::little, "lanes of a word follow each other in memory");
  constexpr int kLastLane = 8 * static_cast<int>(sizeof(std::uint64_t) - sizeof(Count));
  std::uint64_t below = 0;
  std::int64_t ties = 0;
  for (std::size_t i = 0; i < n; i += kLanes<Count>) {
    std::uint64_t word;
    std::memcpy(&word, counts + i, sizeof word);
    if ((word & ~kOnes<Count>) != 0) [[unlikely]]  // a count above 1
      for (std::size_t lane = 0; lane < kLanes<Count>; ++lane) ties += tie_loss(counts[i + lane]);
    const std::uint64_t ends = word * kOnes<Count>;
    const std::uint64_t ranks = 2 * ends - word + 2 * below * kOnes<Count>;
    std::memcpy(counts + i, &ranks, sizeof ranks);
    below += ends >> kLastLane;
  }
  return ties;
}

/// Turns counts of values into twice their average rank, less the centre.
template <class Count, class Number>
void centre_ranks(std::span<const Count> counts, std::int32_t n_names, std::span<Number> out) {
  std::int32_t below = 0;
  for (std::size_t i = 0; i < counts.size(); ++i) {
    const std::int32_t end = below + static_cast<std::int32_t>(counts[i]);
    out[i] = static_cast<Number>(below + end - n_names);  // 2 (below + (count + 1) / 2) - (n + 1)
    below = end;
  }
}

}  // namespace

template <class Number>
void RankCorrelation<Number>::set(std::span<const Number> a, std::int32_t n_a) {
  a_ = a;
  count_a_.assign(static_cast<std::size_t>(n_a), 0);
  for (const Number rank : a) ++count_a_[static_cast<std::size_t>(rank)];
  centred_a_.resize(count_a_.size());
  ties_a_ = sum_tie_losses<Count>(count_a_);
  centre_ranks<Count, Number>(count_a_, static_cast<std::int32_t>(a.size()), centred_a_);
  absent_.resize(a.size() + 1);
}

template <class Number>
std::int64_t RankCorrelation<Number>::remove_absent(std::size_t n_absent) {
  const auto all = static_cast<std::int32_t>(a_.size()), gone = static_cast<std::int32_t>(n_absent);
  part_a_.resize(count_a_.size());
  if (n_absent * kAbsentShare > a_.size()) {
    std::vector<Count> counts = count_a_;
    for (std::size_t i = 0; i < n_absent; ++i) --counts[static_cast<std::size_t>(absent_[i])];
    const std::int64_t ties = sum_tie_losses<Count>(counts);
    centre_ranks<Count, Number>(counts, all - gone, part_a_);
    return ties;
  }
  // Ranks between two absent ones shift by the same number.
  std::sort(absent_.begin(), absent_.begin() + gone);
  std::int64_t ties = ties_a_;
  std::size_t from = 0;
  const auto shift_to = [&](std::size_t to, std::int32_t shift) {
    for (; from < to; ++from) part_a_[from] = static_cast<Number>(centred_a_[from] + shift);
  };
  for (std::int32_t i = 0; i < gone;) {
    const Number rank = absent_[static_cast<std::size_t>(i)];
    const auto at = static_cast<std::size_t>(rank);
    std::int32_t same = 0;
    while (i + same < gone && absent_[static_cast<std::size_t>(i + same)] == rank) ++same;
    shift_to(at, gone - 2 * i);
    shift_to(at + 1, gone - 2 * i - same);
    const std::int64_t tied = count_a_[at];
    ties += tie_loss(tied - same) - tie_loss(tied);
    i += same;
  }
  shift_to(part_a_.size(), -gone);
  return ties;
}

template <class Number>
std::size_t RankCorrelation<Number>::list_absent(std::span<const Number> b) {
  constexpr std::size_t kBlock = 64;  // few are absent, so a block is looked at as a whole first
  std::size_t n_absent = 0;
  for (std::size_t begin = 0; begin < b.size(); begin += kBlock) {
    const std::size_t end = std::min(begin + kBlock, b.size());
    Number lowest = 0;
    for (std::size_t i = begin; i < end; ++i) lowest = std::min(lowest, b[i]);
    if (lowest >= 0) continue;
    for (std::size_t i = begin; i < end; ++i) {
      absent_[n_absent] = a_[i];
      n_absent += b[i] < 0;
    }
  }
  return n_absent;
}

template <class Number>
typename RankCorrelation<Number>::Outcome RankCorrelation<Number>::compute(std::span<const Number> b, std::int32_t n_b) {
  const std::size_t n_absent = list_absent(b);
  const auto names = static_cast<std::int32_t>(b.size() - n_absent);
  if (names < kMinCorrelatedNames) return {kNaN, names};
  const std::int64_t squares_a = sum_squares(names, n_absent > 0 ? remove_absent(n_absent) : ties_a_);
  const Number* const of_a = n_absent > 0 ? part_a_.data() : centred_a_.data();
  // Place 0 is that of missing values, so that no branch is needed.
  const std::size_t n_ranks = padded<Count>(static_cast<std::size_t>(n_b));
  twice_b_.assign(n_ranks + 1, 0);
  Count* const of_b = twice_b_.data() + 1;
  for (const Number rank : b) ++of_b[rank];
  const std::int64_t squares_b = sum_squares(names, to_twice_ranks(of_b, n_ranks));
  if (squares_a == 0 || squares_b == 0) return {kNaN, names};
  of_b[kNoRank] = 0;
  // The ranks of a sum to zero over the names, so those of b need no centre.
  std::int64_t products = 0;
  for (std::size_t i = 0; i < b.size(); ++i) products += std::int64_t{of_a[a_[i]]} * static_cast<std::int64_t>(of_b[b[i]]);
  return {static_cast<double>(products) / std::sqrt(static_cast<double>(squares_a) * static_cast<double>(squares_b)), names};
}

template class RankCorrelation<std::int16_t>;
template class RankCorrelation<std::int32_t>;

}  // namespace fractile

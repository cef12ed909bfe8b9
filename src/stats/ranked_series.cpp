// Copyright The fractile authors. Licensed under the Apache License, Version 2.0.
#include "stats/ranked_series.hpp"

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstring>

#include "fractile/types.hpp"

namespace fractile {
namespace {

/// Counts that one word holds.
template <class Count>
constexpr std::size_t kLanes = sizeof(std::uint64_t) / sizeof(Count);

/// A word that holds 1 in each lane. The lanes of its product with a word of counts are the sums of the counts up to that lane.
template <class Count>
constexpr std::uint64_t kOnes = ~std::uint64_t{0} / std::numeric_limits<Count>::max();

}  // namespace

template <class Count>
std::int64_t to_twice_ranks(Count* counts, std::size_t n) noexcept {
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

double correlate_centred(std::int64_t products, std::int64_t squares_a, std::int64_t squares_b) noexcept {
  if (squares_a == 0 || squares_b == 0) return kNaN;
  return static_cast<double>(products) / std::sqrt(static_cast<double>(squares_a) * static_cast<double>(squares_b));
}

template <class Number>
void RankedSeries<Number>::set(std::span<const Number> numbers, std::int32_t n_numbers) {
  names_ = static_cast<std::int32_t>(numbers.size());
  counts_.assign(static_cast<std::size_t>(n_numbers), 0);
  for (const Number number : numbers) ++counts_[static_cast<std::size_t>(number)];
  ties_ = rank(counts_, names_, centred_);
}

/// Turns counts by number into centred ranks by number + 1. Returns the loss by ties.
template <class Number>
std::int64_t RankedSeries<Number>::rank(const std::vector<Count>& counts, std::int32_t n_names, std::vector<Number>& out) {
  static_assert(sizeof(Count) == sizeof(Number));
  const std::size_t n = padded_counts<Count>(counts.size());
  out.assign(n + 1, 0);
  auto* const ranks = reinterpret_cast<Count*>(out.data() + 1);
  std::copy(counts.begin(), counts.end(), ranks);
  const std::int64_t ties = to_twice_ranks(ranks, n);
  for (std::size_t i = 0; i < n; ++i) ranks[i] = static_cast<Count>(ranks[i] - static_cast<Count>(n_names));
  return ties;
}

/// Ranks between two names that are gone shift by the same number. Returns the loss by ties.
template <class Number>
std::int64_t RankedSeries<Number>::shift(std::span<Number> gone, Number* out) const {
  if (!std::is_sorted(gone.begin(), gone.end())) std::sort(gone.begin(), gone.end());
  const auto n_gone = static_cast<std::int32_t>(gone.size());
  const Number* const centred = centred_.data() + 1;
  std::int64_t ties = ties_;
  std::size_t from = 0;
  const auto shift_to = [&](std::size_t to, std::int32_t by) {
    for (; from < to; ++from) out[from] = static_cast<Number>(centred[from] + by);
  };
  for (std::int32_t i = 0; i < n_gone;) {
    const Number number = gone[static_cast<std::size_t>(i)];
    const auto at = static_cast<std::size_t>(number);
    std::int32_t same = 0;
    while (i + same < n_gone && gone[static_cast<std::size_t>(i + same)] == number) ++same;
    shift_to(at, n_gone - 2 * i);
    shift_to(at + 1, n_gone - 2 * i - same);
    const std::int64_t tied = counts_[at];
    ties += tie_loss(tied - same) - tie_loss(tied);
    i += same;
  }
  shift_to(counts_.size(), -n_gone);
  return ties;
}

template <class Number>
CentredRanks<Number> RankedSeries<Number>::without(std::span<Number> gone, std::vector<Number>& out) const {
  if (gone.empty()) return all();
  const std::int32_t n_names = names_ - static_cast<std::int32_t>(gone.size());
  if (gone.size() * kGoneShare > static_cast<std::size_t>(names_)) {
    std::vector<Count> counts = counts_;
    for (const Number number : gone) --counts[static_cast<std::size_t>(number)];
    const std::int64_t ties = rank(counts, n_names, out);
    return {out.data() + 1, sum_squares(n_names, ties)};
  }
  out.resize(counts_.size() + 1);
  out[0] = 0;
  Number* const ranks = out.data() + 1;
  return {ranks, sum_squares(n_names, shift(gone, ranks))};
}

template std::int64_t to_twice_ranks(std::uint16_t* counts, std::size_t n) noexcept;
template std::int64_t to_twice_ranks(std::uint32_t* counts, std::size_t n) noexcept;
template class RankedSeries<std::int16_t>;
template class RankedSeries<std::int32_t>;

}  // namespace fractile

// Copyright The fractile authors. Licensed under the Apache License, Version 2.0.
#include "stats/ranked_series.hpp"

#include <algorithm>
#include <cmath>
#include <cstring>

#include "fractile/types.hpp"

namespace fractile {

template <class Count>
std::int64_t sum_tie_losses(const Count* counts, std::size_t n) noexcept {
  constexpr std::size_t kBlock = 8;  // few counts are above 1, so a block is looked at as a whole first
  std::int64_t loss = 0;
  for (std::size_t i = 0; i < n; i += kBlock) {
    Count bits = 0;
    for (std::size_t k = 0; k < kBlock; ++k) bits |= counts[i + k];
    if (bits <= 1) continue;
    for (std::size_t k = 0; k < kBlock; ++k) loss += tie_loss(counts[i + k]);
  }
  return loss;
}

void to_twice_ranks(std::uint16_t* counts, std::size_t n, std::uint16_t centre) noexcept {
  using Vector = std::uint16_t __attribute__((vector_size(16)));
  constexpr Vector kZero = {};
  Vector twice_below = kZero - centre;
  for (std::size_t i = 0; i < n; i += 8) {
    Vector count;
    std::memcpy(&count, counts + i, sizeof count);
    // Sums up to each lane, in three steps.
    Vector end = count + __builtin_shufflevector(count, kZero, 8, 0, 1, 2, 3, 4, 5, 6);
    end += __builtin_shufflevector(end, kZero, 8, 8, 0, 1, 2, 3, 4, 5);
    end += __builtin_shufflevector(end, kZero, 8, 8, 8, 8, 0, 1, 2, 3);
    const Vector twice = end + end, ranks = twice - count + twice_below;
    std::memcpy(counts + i, &ranks, sizeof ranks);
    twice_below += __builtin_shufflevector(twice, twice, 7, 7, 7, 7, 7, 7, 7, 7);
  }
}

void to_twice_ranks(std::uint32_t* counts, std::size_t n, std::uint32_t centre) noexcept {
  std::uint32_t twice_below = 0 - centre;
  for (std::size_t i = 0; i < n; ++i) {
    const std::uint32_t count = counts[i];
    counts[i] = twice_below + count;
    twice_below += 2 * count;
  }
}

double correlate_centred(std::int64_t products, std::int64_t squares_a, std::int64_t squares_b) noexcept {
  if (squares_a == 0 || squares_b == 0) return kNaN;
  return static_cast<double>(products) / std::sqrt(static_cast<double>(squares_a) * static_cast<double>(squares_b));
}

template <class Number>
void RankedSeries<Number>::set(std::span<const Number> numbers, std::int32_t n_numbers) {
  names_ = static_cast<std::int32_t>(numbers.size());
  counts_.assign(padded_counts(static_cast<std::size_t>(n_numbers)), 0);
  for (const Number number : numbers) ++counts_[static_cast<std::size_t>(number)];
  ties_ = sum_tie_losses(counts_.data(), counts_.size());
  rank({}, centred_);
}

template <class Number>
void RankedSeries<Number>::set_places(std::int32_t n_names, std::span<const TiedPlaces> ties) {
  names_ = n_names;
  counts_.assign(padded_counts(static_cast<std::size_t>(n_names)), 0);
  std::fill_n(counts_.begin(), n_names, Count{1});
  ties_ = 0;
  for (const auto& [begin, end] : ties) {
    std::fill(counts_.begin() + begin, counts_.begin() + end, Count{0});
    counts_[static_cast<std::size_t>(begin)] = static_cast<Count>(end - begin);
    ties_ += tie_loss(end - begin);
  }
  rank({}, centred_);
}

/// Writes the centred ranks of all but those that are gone by number + 1. Returns what equal values take from the squares.
template <class Number>
std::int64_t RankedSeries<Number>::rank(std::span<const Number> gone, std::vector<Number>& out) const {
  static_assert(sizeof(Count) == sizeof(Number));
  const std::size_t n = counts_.size();
  out.resize(n + 1);
  out[0] = 0;  // of kNoRank
  auto* const ranks = reinterpret_cast<Count*>(out.data() + 1);
  std::copy(counts_.begin(), counts_.end(), ranks);
  std::int64_t ties = ties_;
  for (const Number number : gone) {
    const std::int64_t tied = ranks[number]--;
    ties -= tie_loss(tied) - tie_loss(tied - 1);
  }
  to_twice_ranks(ranks, n, static_cast<Count>(names_ - static_cast<std::int32_t>(gone.size())));
  return ties;
}

template <class Number>
CentredRanks<Number> RankedSeries<Number>::without(std::span<const Number> gone, std::vector<Number>& out) const {
  if (gone.empty()) return all();
  const std::int64_t ties = rank(gone, out);
  return {out.data() + 1, sum_squares(names_ - static_cast<std::int32_t>(gone.size()), ties)};
}

template std::int64_t sum_tie_losses(const std::uint16_t* counts, std::size_t n) noexcept;
template std::int64_t sum_tie_losses(const std::uint32_t* counts, std::size_t n) noexcept;
template class RankedSeries<std::int16_t>;
template class RankedSeries<std::int32_t>;

}  // namespace fractile

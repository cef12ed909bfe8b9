// Copyright The fractile authors. Licensed under the Apache License, Version 2.0.
#include "stats/rank_correlation.hpp"

#include <algorithm>

#include "fractile/types.hpp"

namespace fractile {

template <class Number>
void RankCorrelation<Number>::set(std::span<const Number> a, std::int32_t n_a) {
  a_ = a;
  series_a_.set(a, n_a);
  absent_.resize(a.size() + 1);
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
  const CentredRanks<Number> of_a = series_a_.without(std::span<const Number>(absent_).first(n_absent), part_a_);
  // Place 0 is that of missing values, so that no branch is needed.
  const std::size_t n_ranks = padded_counts(static_cast<std::size_t>(n_b));
  twice_b_.assign(n_ranks + 1, 0);
  Count* const of_b = twice_b_.data() + 1;
  for (const Number rank : b) ++of_b[rank];
  const std::int64_t ties_b = sum_tie_losses(of_b, n_ranks), n = names;
  to_twice_ranks(of_b, n_ranks, 0);
  of_b[kNoRank] = 0;
  // The ranks of a sum to zero over the names, so those of b need no centre.
  std::int64_t products = 0;
  for (std::size_t i = 0; i < b.size(); ++i)
    products += std::int64_t{of_a.of_number[a_[i]]} * static_cast<std::int64_t>(of_b[b[i]]);
  return {correlate_centred(products, of_a.squares, (n * n * n - n - ties_b) / 3), names};
}

template class RankCorrelation<std::int16_t>;
template class RankCorrelation<std::int32_t>;

}  // namespace fractile

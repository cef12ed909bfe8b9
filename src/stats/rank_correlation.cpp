// Copyright The fractile authors. Licensed under the Apache License, Version 2.0.
#include "stats/rank_correlation.hpp"

#include <algorithm>
#include <cmath>

#include "fractile/types.hpp"

namespace fractile {
namespace {

/// tied^3 - tied: what equal values take from twelve times the sum of squared ranks about their mean.
std::int64_t tie_loss(std::int64_t tied) noexcept { return tied * tied * tied - tied; }

/// Sum of squares of twice the centred ranks of n names.
std::int64_t sum_squares(std::int64_t n, std::int64_t ties) noexcept { return (n * n * n - n - ties) / 3; }

/// The sum of tie_loss() of counts of values.
std::int64_t sum_tie_losses(std::span<const std::int32_t> counts) {
  std::int32_t is_tied = 0;
  for (const std::int32_t count : counts) is_tied |= count > 1;
  std::int64_t ties = 0;
  if (is_tied != 0)
    for (const std::int32_t count : counts) ties += tie_loss(count);
  return ties;
}

/// Turns counts of values into twice their average rank, less the centre.
void centre_ranks(std::span<std::int32_t> counts, std::int32_t n_names) {
  std::int32_t below = 0;
  for (std::int32_t& count : counts) {
    const std::int32_t end = below + count;
    count = below + end - n_names;  // 2 (below + (count + 1) / 2) - (n + 1)
    below = end;
  }
}

}  // namespace

void RankCorrelation::set(std::span<const std::int32_t> a, std::int32_t n_a) {
  a_ = a;
  count_a_.assign(static_cast<std::size_t>(n_a), 0);
  for (const std::int32_t rank : a) ++count_a_[static_cast<std::size_t>(rank)];
  centred_a_ = count_a_;
  ties_a_ = sum_tie_losses(count_a_);
  centre_ranks(centred_a_, static_cast<std::int32_t>(a.size()));
  absent_.resize(a.size() + 1);
}

std::int64_t RankCorrelation::remove_absent(std::size_t n_absent) {
  const auto all = static_cast<std::int32_t>(a_.size()), gone = static_cast<std::int32_t>(n_absent);
  part_a_.resize(count_a_.size());
  if (n_absent * kAbsentShare > a_.size()) {
    std::copy(count_a_.begin(), count_a_.end(), part_a_.begin());
    for (std::size_t i = 0; i < n_absent; ++i) --part_a_[static_cast<std::size_t>(absent_[i])];
    const std::int64_t ties = sum_tie_losses(part_a_);
    centre_ranks(part_a_, all - gone);
    return ties;
  }
  // Ranks between two absent ones shift by the same number.
  std::sort(absent_.begin(), absent_.begin() + gone);
  std::int64_t ties = ties_a_;
  std::size_t from = 0;
  for (std::int32_t i = 0; i < gone;) {
    const std::int32_t rank = absent_[static_cast<std::size_t>(i)];
    const auto at = static_cast<std::size_t>(rank);
    std::int32_t same = 0;
    while (i + same < gone && absent_[static_cast<std::size_t>(i + same)] == rank) ++same;
    for (; from < at; ++from) part_a_[from] = centred_a_[from] + gone - 2 * i;
    part_a_[at] = centred_a_[at] + gone - 2 * i - same;
    from = at + 1;
    ties += tie_loss(count_a_[at] - same) - tie_loss(count_a_[at]);
    i += same;
  }
  for (; from < part_a_.size(); ++from) part_a_[from] = centred_a_[from] - gone;
  return ties;
}

RankCorrelation::Outcome RankCorrelation::compute(std::span<const std::int32_t> b, std::int32_t n_b) {
  // Place 0 is that of missing values, so that no branch is needed.
  centred_b_.assign(static_cast<std::size_t>(n_b) + 1, 0);
  std::int32_t* const of_b = centred_b_.data();
  std::int32_t* const absent = absent_.data();
  std::size_t n_absent = 0;
  std::int64_t grown = 0;  // a third of the loss by ties
  for (std::size_t i = 0; i < b.size(); ++i) {
    const std::int32_t equal = of_b[b[i] + 1]++;
    grown += std::int64_t{equal} * (equal + 1);  // tie_loss(equal + 1) - tie_loss(equal) is three times it
    absent[n_absent] = a_[i];
    n_absent += b[i] < 0;
  }
  const auto names = static_cast<std::int32_t>(b.size() - n_absent);
  if (names < kMinCorrelatedNames) return {kNaN, names};
  const std::int64_t squares_a = sum_squares(names, n_absent > 0 ? remove_absent(n_absent) : ties_a_);
  const std::int32_t* const of_a = n_absent > 0 ? part_a_.data() : centred_a_.data();
  const std::int64_t ties_b = 3 * grown - tie_loss(static_cast<std::int64_t>(n_absent));
  centre_ranks(std::span(centred_b_).subspan(1), names);
  const std::int64_t squares_b = sum_squares(names, ties_b);
  if (squares_a == 0 || squares_b == 0) return {kNaN, names};
  of_b[0] = 0;
  std::int64_t products = 0;
  for (std::size_t i = 0; i < b.size(); ++i) products += std::int64_t{of_a[a_[i]]} * of_b[b[i] + 1];
  return {static_cast<double>(products) / std::sqrt(static_cast<double>(squares_a) * static_cast<double>(squares_b)), names};
}

}  // namespace fractile

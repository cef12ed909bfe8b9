// Copyright The fractile authors. Licensed under the Apache License, Version 2.0.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <type_traits>
#include <vector>

#include "stats/ranked_series.hpp"

/// Rank correlations from numbers in the order of the values, so that the ranks of any part of the names follow without a sort.
namespace fractile {

/// Spearman correlations of one series with others, over the places at which the other one is there. Numbers as of RankedSeries.
template <class Number>
class RankCorrelation {
 public:
  struct Outcome {
    double value;        ///< NaN if one side is constant or names are fewer than kMinCorrelatedNames
    std::int32_t names;  ///< places at which the other series is there
  };
  /// The largest number of places and of numbers of either series.
  static constexpr std::size_t kMaxNames = RankedSeries<Number>::kMaxNames;
  /// `a`: whole numbers from 0 to n_a - 1 in the order of the values, equal for equal values, none missing. It must outlive the
  /// calls of compute(). O(places + n_a).
  void set(std::span<const Number> a, std::int32_t n_a);
  /// `b`: the same below `n_b`, or kNoRank, by place. The same to the bit as a correlation of average ranks, because all sums
  /// are whole numbers. O(places + n_b), and O(n_a) if one is missing.
  Outcome compute(std::span<const Number> b, std::int32_t n_b);

 private:
  /// Fills absent_. Returns how many they are.
  std::size_t list_absent(std::span<const Number> b);

  using Count = std::make_unsigned_t<Number>;

  std::span<const Number> a_;
  RankedSeries<Number> series_a_;
  std::vector<Number> part_a_;  // ranks by number + 1, the places of one call
  std::vector<Count> twice_b_;  // ranks by number + 1, in whole words
  std::vector<Number> absent_;  // numbers of a at the places that b lacks
};

extern template class RankCorrelation<std::int16_t>;
extern template class RankCorrelation<std::int32_t>;

}  // namespace fractile

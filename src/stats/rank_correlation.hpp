// Copyright The fractile authors. Licensed under the Apache License, Version 2.0.
#pragma once

#include <cstddef>
#include <cstdint>
#include <limits>
#include <span>
#include <type_traits>
#include <vector>

/// Rank correlations from numbers in the order of the values, so that the ranks of any part of the names follow without a sort.
namespace fractile {

/// The number of a value that is missing.
inline constexpr std::int32_t kNoRank = -1;

/// A day with fewer names has no rank correlation (methodology section 8).
inline constexpr std::int32_t kMinCorrelatedNames = 10;

/// Spearman correlations of one series with others, over the places at which the other one is there. `Number` is std::int16_t or
/// std::int32_t: the counts of a day of several thousand names in 16 bits fit into the first-level cache.
template <class Number>
class RankCorrelation {
 public:
  struct Outcome {
    double value;        ///< NaN if one side is constant or names are fewer than kMinCorrelatedNames
    std::int32_t names;  ///< places at which the other series is there
  };
  /// The largest number of places and of numbers of either series.
  static constexpr std::size_t kMaxNames = std::numeric_limits<Number>::max();
  /// `a`: whole numbers from 0 to n_a - 1 in the order of the values, equal for equal values, none missing. It must outlive the
  /// calls of compute(). O(places + n_a).
  void set(std::span<const Number> a, std::int32_t n_a);
  /// `b`: the same below `n_b`, or kNoRank, by place. The same to the bit as a correlation of average ranks, because all sums
  /// are whole numbers. O(places + n_b), and O(n_a) if one is missing.
  Outcome compute(std::span<const Number> b, std::int32_t n_b);

 private:
  /// If more than one place of so many is absent, the ranks are made anew.
  static constexpr std::size_t kAbsentShare = 16;
  /// Fills absent_. Returns how many they are.
  std::size_t list_absent(std::span<const Number> b);
  /// Fills part_a_ without the first `n_absent` numbers of absent_. Returns the loss by ties.
  std::int64_t remove_absent(std::size_t n_absent);

  using Count = std::make_unsigned_t<Number>;

  std::span<const Number> a_;
  std::vector<Count> count_a_;     // by number
  std::vector<Number> centred_a_;  // ranks by number, all places
  std::vector<Number> part_a_;     // the same, the places of one call
  std::vector<Count> twice_b_;     // ranks by number + 1, in whole words
  std::vector<Number> absent_;     // numbers of a at the places that b lacks
  std::int64_t ties_a_ = 0;
};

extern template class RankCorrelation<std::int16_t>;
extern template class RankCorrelation<std::int32_t>;

}  // namespace fractile

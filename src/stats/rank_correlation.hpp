// Copyright The fractile authors. Licensed under the Apache License, Version 2.0.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

/// Rank correlations from numbers in the order of the values, so that the ranks of any part of the names follow without a sort.
namespace fractile {

/// The number of a value that is missing.
inline constexpr std::int32_t kNoRank = -1;

/// A day with fewer names has no rank correlation (methodology section 8).
inline constexpr std::int32_t kMinCorrelatedNames = 10;

/// Spearman correlations of one series with others, over the places at which the other one is there.
class RankCorrelation {
 public:
  struct Outcome {
    double value;        ///< NaN if one side is constant or names are fewer than kMinCorrelatedNames
    std::int32_t names;  ///< places at which the other series is there
  };
  /// `a`: whole numbers from 0 to n_a - 1 in the order of the values, equal for equal values, none missing. It must outlive the
  /// calls of compute(). O(places + n_a).
  void set(std::span<const std::int32_t> a, std::int32_t n_a);
  /// `b`: the same below `n_b`, or kNoRank, by place. The same to the bit as a correlation of average ranks, because all sums
  /// are whole numbers. O(places + n_b), and O(n_a) if one is missing.
  Outcome compute(std::span<const std::int32_t> b, std::int32_t n_b);

 private:
  /// If more than one place of so many is absent, the ranks are made anew.
  static constexpr std::size_t kAbsentShare = 16;
  /// Fills part_a_ without the first `n_absent` numbers of absent_. Returns the loss by ties.
  std::int64_t remove_absent(std::size_t n_absent);

  std::span<const std::int32_t> a_;
  std::vector<std::int32_t> count_a_;    // by number
  std::vector<std::int32_t> centred_a_;  // ranks by number, all places
  std::vector<std::int32_t> part_a_;     // the same, the places of one call
  std::vector<std::int32_t> centred_b_;  // by number + 1
  std::vector<std::int32_t> absent_;     // numbers of a at the places that b lacks
  std::int64_t ties_a_ = 0;
};

}  // namespace fractile

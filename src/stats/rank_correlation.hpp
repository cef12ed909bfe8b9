// Copyright The fractile authors. Licensed under the Apache License, Version 2.0.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

/// Ranks of the names of a day, made so that the ranks of any part of them follow without another sort.
namespace fractile {

/// The rank of a value that is missing.
inline constexpr std::int32_t kNoRank = -1;

/// Memory of one thread.
struct DenseRankScratch {
  std::vector<std::uint64_t> keys, swap;
  std::vector<std::uint32_t> places, swap_places;
};

/// out[i]: how many different values are below values[i]; kNoRank if it is NaN. Returns the number of different values.
std::int32_t rank_densely(std::span<const double> values, DenseRankScratch& scratch, std::int32_t* out);

/// A day with fewer names has no rank correlation (methodology section 8).
inline constexpr std::int32_t kMinCorrelatedNames = 10;

/// Spearman correlations of one series with others, over the places at which the other one is there.
class RankCorrelation {
 public:
  struct Outcome {
    double value;        ///< NaN if one side is constant or names are fewer than kMinCorrelatedNames
    std::int32_t names;  ///< places at which the other series is there
  };
  /// `a`: dense ranks below `n_a`, none missing. It must outlive the calls of compute(). O(places + n_a).
  void set(std::span<const std::int32_t> a, std::int32_t n_a);
  /// `b`: dense ranks below `n_b` or kNoRank, by place. The same to the bit as a correlation of average ranks, because all sums
  /// are whole numbers. O(places + n_b), and O(n_a) if one is missing.
  Outcome compute(std::span<const std::int32_t> b, std::int32_t n_b);

 private:
  std::span<const std::int32_t> a_;
  std::vector<std::int32_t> count_a_;    // by rank
  std::vector<std::int32_t> centred_a_;  // by rank, all places
  std::vector<std::int32_t> part_a_;     // by rank, the places of one call
  std::vector<std::int32_t> centred_b_;  // by rank + 1
  std::int64_t squares_a_ = 0;
};

}  // namespace fractile

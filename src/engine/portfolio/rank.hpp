// Copyright The fractile authors. Licensed under the Apache License, Version 2.0.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "fractile/config.hpp"

/// Ranks: from values to sides, methodology section 5.
namespace fractile {

enum Side : std::int8_t { kShort = -1, kFlat = 0, kLong = 1 };

/// The names beyond the cuts of a single sort, in the given order.
struct Tails {
  std::size_t n_names = 0;            ///< number of values that are not NaN
  std::span<const double> s;          ///< values of the names beyond the cuts
  std::span<const std::int32_t> at;   ///< their places among the given values
  std::span<const std::int8_t> side;  ///< kShort or kLong
};

/// The cuts of a portfolio on the previous day, as a guess. It saves time and never changes an answer.
struct CutGuess {
  double low = 0.0;
  double high = 0.0;
  bool is_set = false;
};

/// Memory of one thread, reused from day to day.
struct RankScratch {
  std::vector<double> values;
  std::vector<double> near_low, near_high;
  std::vector<double> tail_s;
  std::vector<std::int32_t> tail_at;
  std::vector<std::int8_t> tail_side;
  std::vector<double> part;
  /// A value as a whole number of the same order, and its place.
  struct Key {
    std::uint64_t key;
    std::int32_t at;
  };
  std::vector<Key> order, unsorted;
  std::vector<double> ranks;
  std::vector<std::int32_t> bins;
  std::vector<std::int32_t> members;
};

/// A single sort at percent a and b; NaN values are skipped. The result is exact: two order statistics and their
/// ties determine it, so ties never straddle a cut. Cost: O(n), with one pass over the values if the guess
/// holds. Valid until the scratch is used again.
Tails find_tails(std::span<const double> values, double a, double b, CutGuess& guess, RankScratch& scratch);

/// The sides of one (group, R): out[i] for s[i]. s holds no NaN. O(n) for a single sort.
/// `double_values`: the double_var of each name (NaN: flat), read for sort_method double only.
void assign_sides(std::span<const double> s, std::span<const double> double_values, const RunConfig& config, CutGuess& guess,
                  RankScratch& scratch, std::int8_t* out);

/// Average ranks, 1 is lowest, ties share the mean. Leaves the values in ascending order in scratch.order. No value is NaN.
/// O(n) unless values differ in their last digits only, then O(n log n).
void average_ranks(std::span<const double> values, RankScratch& scratch, std::vector<double>& out);

/// Bin 1 ... k of a rank among m names: ceil(r k / m).
inline int bin_of_rank(double rank, int k, std::size_t m) noexcept {
  const double x = rank * k / static_cast<double>(m);
  const int bin = static_cast<int>(x);
  return bin + (x > bin ? 1 : 0);
}

}  // namespace fractile

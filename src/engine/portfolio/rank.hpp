// Copyright The fractile authors. Licensed under the Apache License, Version 2.0.
#pragma once

#include <algorithm>
#include <cstdint>
#include <span>
#include <utility>
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

/// The cuts of a sort: short if s <= low, long if s >= high.
struct Cuts {
  double low = -__builtin_inf();
  double high = __builtin_inf();
  int side_of(double s) const noexcept { return (s >= high) - (s <= low); }
};

/// The cuts of the rule of methodology section 5 at percent a and b, for any s that is ranked against `reference` (not empty, no
/// NaN; reordered). O(n).
Cuts find_cuts(std::span<double> reference, double a, double b, CutGuess& guess);

/// Memory of one thread, reused from day to day.
struct RankScratch {
  std::vector<double> values;
  std::vector<double> near_low, near_high;
  std::vector<double> tail_s;
  std::vector<std::int32_t> tail_at;
  std::vector<std::int8_t> tail_side;
  /// A value and its place.
  struct Valued {
    double value;
    std::int32_t at;
  };
  std::vector<Valued> valued;
  std::vector<std::int32_t> parts;   // of the range, by value
  std::vector<std::int32_t> places;  // of the values in the order of their parts
  std::vector<double> ranks;         // in the order of their parts
  /// A part of the range with names of several bins: the values of its group that are below it, all values of its group, and the
  /// place of its next name in `valued`.
  struct SplitPart {
    std::uint32_t below, among, next;
  };
  std::vector<SplitPart> split;
  std::uint32_t n_split = 0;  // names in split parts
};

/// A single sort at percent a and b; NaN values are skipped. The result is exact: two order statistics and their
/// ties determine it, so ties never straddle a cut. Cost: O(n), with one pass over the values if the guess
/// holds. Valid until the scratch is used again.
Tails find_tails(std::span<const double> values, double a, double b, CutGuess& guess, RankScratch& scratch);

/// Multiplies the side of each name by `factor` unless the name is beyond the cuts at percent a and b too. `tails`: of a sort at
/// percents not narrower, still in the scratch. O(names in the tails).
void mark_stays(const Tails& tails, double a, double b, std::int8_t factor, CutGuess& guess, RankScratch& scratch);

/// Assigns the sides that a signal of bins, positions or weights itself names: out[i] for s[i]. Requires s without NaN.
void read_sides(std::span<const double> s, InputType type, std::int8_t* out);

/// Average ranks, 1 is lowest, ties share the mean. No value is NaN. O(n); O(n log n) if many values are near each other.
void average_ranks(std::span<const double> values, RankScratch& scratch, std::vector<double>& out);

/// Values in ascending order.
struct ValueOrder {
  std::vector<double> values;
  std::vector<std::int32_t> at;  ///< their places among those given
};
/// Orders values, none of which is NaN. The order of equal values is fixed for given values. Cost as average_ranks().
void order_values(std::span<const double> values, RankScratch& scratch, ValueOrder& out);

/// Bins 0 ... k - 1 of the average ranks, as bin_of_rank() gives them from 1. No value is NaN. O(n + k); as average_ranks() if
/// many values are near each other or n is small.
void bins_of_average_ranks(std::span<const double> values, int k, RankScratch& scratch, std::vector<std::int32_t>& out);

/// The same among the values of the same group, which are 0 ... n_groups - 1; one group if `group` is empty.
void bins_within_groups(std::span<const double> values, std::span<const std::int32_t> group, std::size_t n_groups, int k,
                        RankScratch& scratch, std::vector<std::int32_t>& out);

/// The rank of a value against an ascending range without NaN: L + (E + 1) / 2 of methodology section 12. O(log m).
template <class Iterator, class Value>
double rank_against(Iterator begin, Iterator end, const Value& value) {
  const auto [first, last] = std::equal_range(begin, end, value);
  return static_cast<double>(first - begin) + (static_cast<double>(last - first) + 1.0) / 2.0;
}
/// The same of each value. O(n log m).
void ranks_against(std::span<const double> reference, std::span<const double> values, std::vector<double>& out);

/// Bin 1 ... k of a rank among m names: ceil(r k / m); k if r is above m.
inline int bin_of_rank(double rank, int k, std::size_t m) noexcept {
  const double x = rank * k / static_cast<double>(m);
  const int bin = static_cast<int>(x);
  return std::min(k, bin + (x > bin ? 1 : 0));
}

}  // namespace fractile

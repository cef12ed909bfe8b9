// Copyright The fractile authors. Licensed under the Apache License, Version 2.0.
#include "stats/rank_correlation.hpp"

#include <algorithm>
#include <array>
#include <bit>
#include <cmath>
#include <tuple>
#include <utility>
#include <vector>

#include "fractile/types.hpp"

namespace fractile {
namespace {

constexpr int kDigitBits = 11;
constexpr std::size_t kDigits = std::size_t{1} << kDigitBits;

/// A whole number in the order of the values; 0 and -0 are one.
std::uint64_t to_ordered(double x) noexcept {
  const auto bits = std::bit_cast<std::uint64_t>(x + 0.0);
  return bits >> 63 != 0 ? ~bits : bits | std::uint64_t{1} << 63;
}

/// One pass of a radix sort by the digit at `shift`. Skipped if all keys share the digit.
void sort_by_digit(DenseRankScratch& scratch, std::size_t n, int shift) {
  std::array<std::uint32_t, kDigits> next{};
  const auto digit = [shift](std::uint64_t key) { return key >> shift & (kDigits - 1); };
  for (std::size_t i = 0; i < n; ++i) ++next[digit(scratch.keys[i])];
  if (next[digit(scratch.keys[0])] == n) return;
  std::uint32_t total = 0;
  for (std::uint32_t& count : next) {
    const std::uint32_t begin = total;
    total += count;
    count = begin;
  }
  for (std::size_t i = 0; i < n; ++i) {
    const std::uint32_t to = next[digit(scratch.keys[i])]++;
    scratch.swap[to] = scratch.keys[i];
    scratch.swap_places[to] = scratch.places[i];
  }
  scratch.keys.swap(scratch.swap);
  scratch.places.swap(scratch.swap_places);
}

/// Sorts what the upper half of the keys leaves undecided. Such runs are short if values are spread.
void sort_runs(DenseRankScratch& scratch, std::size_t n) {
  for (std::size_t first = 0; first < n;) {
    std::size_t end = first + 1;
    bool is_sorted = true;
    for (; end < n && scratch.keys[end] >> 32 == scratch.keys[first] >> 32; ++end)
      is_sorted &= scratch.keys[end - 1] <= scratch.keys[end];
    if (!is_sorted) {
      std::vector<std::pair<std::uint64_t, std::uint32_t>> run;
      for (std::size_t i = first; i < end; ++i) run.emplace_back(scratch.keys[i], scratch.places[i]);
      std::sort(run.begin(), run.end());
      for (std::size_t i = first; i < end; ++i) std::tie(scratch.keys[i], scratch.places[i]) = run[i - first];
    }
    first = end;
  }
}

}  // namespace

std::int32_t rank_densely(std::span<const double> values, DenseRankScratch& scratch, std::int32_t* out) {
  for (auto* keys : {&scratch.keys, &scratch.swap}) keys->resize(std::max(keys->size(), values.size()));
  for (auto* places : {&scratch.places, &scratch.swap_places}) places->resize(std::max(places->size(), values.size()));
  std::size_t n = 0;
  for (std::size_t i = 0; i < values.size(); ++i) {
    out[i] = kNoRank;
    if (values[i] != values[i]) continue;
    scratch.keys[n] = to_ordered(values[i]);
    scratch.places[n++] = static_cast<std::uint32_t>(i);
  }
  if (n == 0) return 0;
  // The upper half decides nearly all: sign, exponent and 20 bits of the fraction.
  for (const int shift : {32, 43, 54}) sort_by_digit(scratch, n, shift);
  sort_runs(scratch, n);
  std::int32_t rank = 0;
  for (std::size_t i = 0; i < n; ++i) {
    rank += i > 0 && scratch.keys[i] != scratch.keys[i - 1];
    out[scratch.places[i]] = rank;
  }
  return rank + 1;
}

namespace {

/// Turns counts of values into twice their average rank, less the centre. Returns the sum of their squares over all names.
std::int64_t centre_ranks(std::span<std::int32_t> counts, std::int32_t n_names) {
  std::int32_t below = 0;
  std::int64_t ties = 0;
  for (std::int32_t& count : counts) {
    const std::int32_t tied = count;
    count = 2 * below + tied - n_names;  // 2 (below + (tied + 1) / 2) - (n + 1)
    below += tied;
    if (tied > 1) ties += std::int64_t{tied} * tied * tied - tied;
  }
  const std::int64_t n = n_names;
  return (n * n * n - n - ties) / 3;
}

}  // namespace

void RankCorrelation::set(std::span<const std::int32_t> a, std::int32_t n_a) {
  a_ = a;
  count_a_.assign(static_cast<std::size_t>(n_a), 0);
  for (const std::int32_t rank : a) ++count_a_[static_cast<std::size_t>(rank)];
  centred_a_ = count_a_;
  squares_a_ = centre_ranks(centred_a_, static_cast<std::int32_t>(a.size()));
}

RankCorrelation::Outcome RankCorrelation::compute(std::span<const std::int32_t> b, std::int32_t n_b) {
  // Place 0 is that of missing values, so that no branch is needed.
  centred_b_.assign(static_cast<std::size_t>(n_b) + 1, 0);
  std::int32_t* const of_b = centred_b_.data();
  for (const std::int32_t rank : b) ++of_b[rank + 1];
  const auto names = static_cast<std::int32_t>(b.size()) - of_b[0];
  if (names < kMinCorrelatedNames) return {kNaN, names};
  const std::int32_t* of_a = centred_a_.data();
  std::int64_t squares_a = squares_a_;
  if (of_b[0] > 0) {
    part_a_ = count_a_;
    for (std::size_t i = 0; i < b.size(); ++i)
      if (b[i] < 0) --part_a_[static_cast<std::size_t>(a_[i])];
    squares_a = centre_ranks(part_a_, names);
    of_a = part_a_.data();
  }
  const std::int64_t squares_b = centre_ranks(std::span(centred_b_).subspan(1), names);
  if (squares_a == 0 || squares_b == 0) return {kNaN, names};
  of_b[0] = 0;
  std::int64_t products = 0;
  for (std::size_t i = 0; i < b.size(); ++i) products += std::int64_t{of_a[a_[i]]} * of_b[b[i] + 1];
  return {static_cast<double>(products) / std::sqrt(static_cast<double>(squares_a) * static_cast<double>(squares_b)), names};
}

}  // namespace fractile

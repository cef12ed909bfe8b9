// Copyright The fractile authors. Licensed under the Apache License, Version 2.0.
#include "engine/rank.hpp"

#include <algorithm>
#include <cmath>
#include <limits>

#include "engine/kernels.hpp"

namespace fractile {
namespace {

constexpr double kInfinity = std::numeric_limits<double>::infinity();

/// The largest whole rank that is short and the smallest that is long, by the rule itself in double.
struct RankLimits {
  double am, bm;
  std::size_t low;   ///< 0: none is short
  std::size_t high;  ///< 1 ... m

  RankLimits(std::size_t m, double a, double b) : am(a * static_cast<double>(m)), bm(b * static_cast<double>(m)) {
    low = std::min(static_cast<std::size_t>(am / 100.0), m);
    while (low < m && 100.0 * static_cast<double>(low + 1) <= am) ++low;
    while (low > 0 && 100.0 * static_cast<double>(low) > am) --low;
    high = std::clamp(static_cast<std::size_t>(bm / 100.0), std::size_t{1}, m);
    while (high > 1 && 100.0 * static_cast<double>(high - 1) > bm) --high;
    while (high < m && 100.0 * static_cast<double>(high) <= bm) ++high;
  }
};

/// An order statistic and its ties, which share the mean of their ranks: that decides for all of them.
struct OrderStatistic {
  double value;
  std::size_t below;
  std::size_t equal;
  double mean_rank() const noexcept { return static_cast<double>(below) + static_cast<double>(equal + 1) / 2.0; }
};

/// The k-th smallest (from 1) of values, of which `below` more lie under them. Reorders values.
OrderStatistic select(std::span<double> values, std::size_t k, std::size_t below) {
  const auto at = values.begin() + static_cast<std::ptrdiff_t>(k - 1 - below);
  std::nth_element(values.begin(), at, values.end());
  OrderStatistic out{*at, below, 0};
  for (const double x : values) {
    out.below += x < out.value;
    out.equal += x == out.value;
  }
  return out;
}

Cuts make_cuts(const RankLimits& limits, const OrderStatistic* low, const OrderStatistic& high, std::size_t m, CutGuess& guess) {
  guess = {low ? low->value : high.value, high.value, low != nullptr};
  Cuts cuts{-kInfinity, kInfinity, m};
  if (low) cuts.low = 100.0 * low->mean_rank() <= limits.am ? low->value : std::nextafter(low->value, -kInfinity);
  cuts.high = 100.0 * high.mean_rank() > limits.bm ? high.value : std::nextafter(high.value, kInfinity);
  return cuts;
}

void assign_single(std::span<const double> s, const RunConfig& config, CutGuess& guess, RankScratch& scratch, std::int8_t* out) {
  if (s.empty()) return;
  const Cuts cuts = find_cuts(s, config.fractile[0], config.fractile[1], guess, scratch);
  for (std::size_t i = 0; i < s.size(); ++i) out[i] = static_cast<std::int8_t>((s[i] >= cuts.high) - (s[i] <= cuts.low));
}

void assign_double(std::span<const double> s, std::span<const double> double_values, const RunConfig& config,
                   RankScratch& scratch, std::int8_t* out) {
  std::fill(out, out + s.size(), static_cast<std::int8_t>(kFlat));
  scratch.part.clear();
  scratch.members.clear();
  for (std::size_t i = 0; i < s.size(); ++i)
    if (double_values[i] == double_values[i]) {
      scratch.part.push_back(double_values[i]);
      scratch.members.push_back(static_cast<std::int32_t>(i));
    }
  const std::size_t m = scratch.members.size();
  average_ranks(scratch.part, scratch, scratch.ranks);
  scratch.bins.resize(m);
  for (std::size_t j = 0; j < m; ++j) scratch.bins[j] = bin_of_rank(scratch.ranks[j], config.double_frac, m);
  for (int bin = 1; bin <= config.double_frac; ++bin) {
    scratch.part.clear();
    for (std::size_t j = 0; j < m; ++j)
      if (scratch.bins[j] == bin) scratch.part.push_back(s[static_cast<std::size_t>(scratch.members[j])]);
    scratch.part_sides.resize(scratch.part.size());
    CutGuess guess;
    assign_single(scratch.part, config, guess, scratch, scratch.part_sides.data());
    std::size_t next = 0;
    for (std::size_t j = 0; j < m; ++j)
      if (scratch.bins[j] == bin) out[scratch.members[j]] = scratch.part_sides[next++];
  }
}

}  // namespace

Cuts find_cuts(std::span<const double> values, double a, double b, CutGuess& guess, RankScratch& scratch) {
  // Cuts move little from day to day: mostly one pass brackets both, and a few values remain to select from.
  constexpr double kBracket = 0.03;
  constexpr std::size_t kWorthwhile = 128;
  if (guess.is_set && values.size() >= kWorthwhile) {
    scratch.near_low.resize(values.size() + kKernelPadding);
    scratch.near_high.resize(values.size() + kKernelPadding);
    const double half = kBracket * (guess.high - guess.low);
    const Brackets brackets{guess.low - half, guess.low + half, guess.high - half, guess.high + half};
    const BracketCount found =
        count_brackets(values.data(), values.size(), brackets, scratch.near_low.data(), scratch.near_high.data());
    const RankLimits limits(found.numbers, a, b);
    const auto is_inside = [](std::size_t k, std::size_t below, std::size_t in) { return below < k && k <= below + in; };
    if (found.numbers > 0 && is_inside(limits.low, found.below_low, found.in_low) &&
        is_inside(limits.high, found.below_high, found.in_high)) {
      const OrderStatistic low = select({scratch.near_low.data(), found.in_low}, limits.low, found.below_low);
      const OrderStatistic high = select({scratch.near_high.data(), found.in_high}, limits.high, found.below_high);
      return make_cuts(limits, &low, high, found.numbers, guess);
    }
  }
  scratch.values.resize(values.size() + kKernelPadding);
  const std::size_t m = pack_numbers(values.data(), values.size(), scratch.values.data());
  if (m == 0) return {-kInfinity, kInfinity, 0};
  const std::span<double> numbers(scratch.values.data(), m);
  const RankLimits limits(m, a, b);
  const OrderStatistic high = select(numbers, limits.high, 0);
  if (limits.low == 0) return make_cuts(limits, nullptr, high, m, guess);
  const OrderStatistic low = select(numbers, limits.low, 0);
  return make_cuts(limits, &low, high, m, guess);
}

void assign_sides(std::span<const double> s, std::span<const double> double_values, const RunConfig& config, CutGuess& guess,
                  RankScratch& scratch, std::int8_t* out) {
  switch (config.input_type) {
    case InputType::value:
      if (config.sort_method == SortMethod::double_)
        assign_double(s, double_values, config, scratch, out);
      else
        assign_single(s, config, guess, scratch, out);
      return;
    case InputType::fractile: {
      if (s.empty()) return;
      const auto [low, high] = std::minmax_element(s.begin(), s.end());
      const double lowest = *low, highest = *high;
      for (std::size_t i = 0; i < s.size(); ++i)
        out[i] = lowest == highest ? std::int8_t{kFlat} : static_cast<std::int8_t>((s[i] == highest) - (s[i] == lowest));
      return;
    }
    case InputType::position:
    case InputType::weight:
      for (std::size_t i = 0; i < s.size(); ++i) out[i] = static_cast<std::int8_t>((s[i] > 0.0) - (s[i] < 0.0));
      return;
  }
}

void average_ranks(std::span<const double> values, RankScratch& scratch, std::vector<double>& out) {
  auto& order = scratch.order;
  order.resize(values.size());
  for (std::size_t i = 0; i < values.size(); ++i) order[i] = {values[i], static_cast<std::int32_t>(i)};
  std::sort(order.begin(), order.end());
  out.resize(values.size());
  for (std::size_t first = 0; first < order.size();) {
    std::size_t last = first;
    while (last + 1 < order.size() && order[last + 1].first == order[first].first) ++last;
    const double rank = static_cast<double>(first + last + 2) / 2.0;
    for (std::size_t i = first; i <= last; ++i) out[static_cast<std::size_t>(order[i].second)] = rank;
    first = last + 1;
  }
}

}  // namespace fractile

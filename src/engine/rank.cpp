// Copyright The fractile authors. Licensed under the Apache License, Version 2.0.
#include "engine/rank.hpp"

#include <algorithm>
#include <cmath>
#include <limits>

namespace fractile {
namespace {

/// Short where s <= low, long where s >= high: ties never straddle a cut.
struct Cuts {
  double low;
  double high;
};

/// The cuts of methodology section 5: only two order statistics and their ties are needed.
Cuts find_cuts(std::span<const double> s, double a, double b, std::vector<double>& scratch) {
  const auto m = static_cast<std::int64_t>(s.size());
  const double am = a * static_cast<double>(m), bm = b * static_cast<double>(m);
  // The largest whole rank that is short, the smallest that is long, by the rule itself in double.
  auto k_low = std::clamp(static_cast<std::int64_t>(am / 100.0), std::int64_t{0}, m);
  while (k_low < m && 100.0 * static_cast<double>(k_low + 1) <= am) ++k_low;
  while (k_low > 0 && 100.0 * static_cast<double>(k_low) > am) --k_low;
  auto k_high = std::clamp(static_cast<std::int64_t>(bm / 100.0), std::int64_t{1}, m);
  while (k_high > 1 && 100.0 * static_cast<double>(k_high - 1) > bm) --k_high;
  while (k_high < m && 100.0 * static_cast<double>(k_high) <= bm) ++k_high;

  Cuts cuts{-std::numeric_limits<double>::infinity(), std::numeric_limits<double>::infinity()};
  scratch.assign(s.begin(), s.end());
  const auto high_at = scratch.begin() + (k_high - 1);
  std::nth_element(scratch.begin(), high_at, scratch.end());
  const double high = *high_at;
  double low = -std::numeric_limits<double>::infinity();
  if (k_low > 0) {
    const auto low_at = scratch.begin() + (k_low - 1);
    if (k_low < k_high) std::nth_element(scratch.begin(), low_at, high_at);
    low = *low_at;
  }
  std::int64_t below_low = 0, at_low = 0, below_high = 0, at_high = 0;
  for (const double x : s) {
    below_low += x < low;
    at_low += x == low;
    below_high += x < high;
    at_high += x == high;
  }
  // Names tied with an order statistic share the mean of their ranks, which decides for all of them.
  const auto mean_rank = [](std::int64_t below, std::int64_t at) {
    return static_cast<double>(below) + static_cast<double>(at + 1) / 2.0;
  };
  if (k_low > 0)
    cuts.low = 100.0 * mean_rank(below_low, at_low) <= am
                   ? low
                   : std::nextafter(low, -std::numeric_limits<double>::infinity());
  cuts.high = 100.0 * mean_rank(below_high, at_high) > bm
                  ? high
                  : std::nextafter(high, std::numeric_limits<double>::infinity());
  return cuts;
}

void assign_single(std::span<const double> s, double a, double b, RankScratch& scratch, std::int8_t* out) {
  if (s.empty()) return;
  const Cuts cuts = find_cuts(s, a, b, scratch.values);
  for (std::size_t i = 0; i < s.size(); ++i)
    out[i] = static_cast<std::int8_t>((s[i] >= cuts.high) - (s[i] <= cuts.low));
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
    assign_single(scratch.part, config.fractile[0], config.fractile[1], scratch, scratch.part_sides.data());
    std::size_t next = 0;
    for (std::size_t j = 0; j < m; ++j)
      if (scratch.bins[j] == bin) out[scratch.members[j]] = scratch.part_sides[next++];
  }
}

}  // namespace

void assign_sides(std::span<const double> s, std::span<const double> double_values, const RunConfig& config,
                  RankScratch& scratch, std::int8_t* out) {
  switch (config.input_type) {
    case InputType::value:
      if (config.sort_method == SortMethod::double_)
        assign_double(s, double_values, config, scratch, out);
      else
        assign_single(s, config.fractile[0], config.fractile[1], scratch, out);
      return;
    case InputType::fractile: {
      if (s.empty()) return;
      const auto [low, high] = std::minmax_element(s.begin(), s.end());
      const double lowest = *low, highest = *high;
      for (std::size_t i = 0; i < s.size(); ++i)
        out[i] = lowest == highest ? std::int8_t{kFlat}
                                   : static_cast<std::int8_t>((s[i] == highest) - (s[i] == lowest));
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

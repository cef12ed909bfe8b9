// Copyright The fractile authors. Licensed under the Apache License, Version 2.0.
#include "engine/portfolio/rank.hpp"

#include <algorithm>
#include <cmath>
#include <limits>

#include "engine/kernels/kernels.hpp"

namespace fractile {
namespace {

constexpr double kInfinity = std::numeric_limits<double>::infinity();

/// The largest whole rank that is short and the smallest that is long. The rule itself decides, evaluated in double.
struct RankLimits {
  double am, bm;
  std::size_t low;   ///< 0: no rank is short
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

/// An order statistic and its ties. They share the mean of their ranks, which decides for all of them.
struct OrderStatistic {
  double value;
  std::size_t below;
  std::size_t equal;
  double mean_rank() const noexcept { return static_cast<double>(below) + static_cast<double>(equal + 1) / 2.0; }
};

/// The k-th smallest value (from 1), when `below` other values are smaller than all of `values`. Reorders values.
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

/// As select() without other values. From a guess, which becomes the answer, it steps from value to value; each step counts
/// again.
OrderStatistic select_from(double& guess, std::span<double> values, std::size_t k) {
  constexpr std::size_t kFew = 512, kSteps = 8;  // beyond either, a selection is faster
  if (values.size() <= kFew) {
    for (std::size_t step = 0; step < kSteps; ++step) {
      const Neighbours found = find_neighbours(values.data(), values.size(), guess);
      if (found.below < k && k <= found.below + found.equal) return {guess, found.below, found.equal};
      guess = k <= found.below ? found.before : found.after;
    }
  }
  const OrderStatistic at = select(values, k, 0);
  guess = at.value;
  return at;
}

Cuts make_cuts(const RankLimits& limits, const OrderStatistic* low, const OrderStatistic& high, CutGuess& guess) {
  guess = {low ? low->value : high.value, high.value, low != nullptr};
  Cuts cuts;
  if (low) cuts.low = 100.0 * low->mean_rank() <= limits.am ? low->value : std::nextafter(low->value, -kInfinity);
  cuts.high = 100.0 * high.mean_rank() > limits.bm ? high.value : std::nextafter(high.value, kInfinity);
  return cuts;
}

/// Bounds around the two cuts. The tails contain all values <= low_to or >= high_from.
struct Bracket {
  std::size_t below_low = 0, in_low = 0, at_least_high = 0, in_high = 0;
};

Bracket collect_near(std::span<const double> tails, double low_from, double low_to, double high_from, double high_to,
                     RankScratch& scratch) {
  scratch.near_low.resize(tails.size() + 1);
  scratch.near_high.resize(tails.size() + 1);
  Bracket found;
  for (const double s : tails) {
    scratch.near_low[found.in_low] = s;
    scratch.near_high[found.in_high] = s;
    found.below_low += s < low_from;
    found.in_low += (s >= low_from) & (s <= low_to);
    found.at_least_high += s >= high_from;
    found.in_high += (s >= high_from) & (s <= high_to);
  }
  return found;
}

/// Filters the first n names in the scratch's tails: names beyond the cuts stay and get their sides.
Tails keep_tails(const Cuts& cuts, std::size_t n, std::size_t n_names, RankScratch& scratch) {
  scratch.tail_side.resize(scratch.tail_s.size());
  double* const s = scratch.tail_s.data();
  std::int32_t* const at = scratch.tail_at.data();
  std::int8_t* const side = scratch.tail_side.data();
  std::size_t kept = 0;
  for (std::size_t i = 0; i < n; ++i) {
    const double value = s[i];
    const auto its = static_cast<std::int8_t>((value >= cuts.high) - (value <= cuts.low));
    s[kept] = value;
    at[kept] = at[i];
    side[kept] = its;
    kept += its != kFlat;
  }
  return {n_names, {s, kept}, {at, kept}, {side, kept}};
}

}  // namespace

Tails find_tails(std::span<const double> values, double a, double b, CutGuess& guess, RankScratch& scratch) {
  // Cuts move little from day to day, so usually one pass brackets both and few values remain for the selection. If the cuts
  // moved farther, a wider bracket is still cheaper than none.
  constexpr double kBrackets[] = {0.03, 0.12};
  constexpr std::size_t kWorthwhile = 128;
  scratch.tail_s.resize(values.size() + kKernelPadding);
  scratch.tail_at.resize(values.size() + kKernelPadding);
  const auto pack = [&](double low, double high) {
    return pack_tails(values.data(), values.size(), low, high, scratch.tail_s.data(), scratch.tail_at.data());
  };
  for (const double bracket : kBrackets) {
    if (!guess.is_set || values.size() < kWorthwhile) break;
    const double half = bracket * (guess.high - guess.low);
    const TailCount packed = pack(guess.low + half, guess.high - half);
    if (packed.numbers == 0) return {};
    const Bracket found = collect_near({scratch.tail_s.data(), packed.tails}, guess.low - half, guess.low + half,
                                       guess.high - half, guess.high + half, scratch);
    const RankLimits limits(packed.numbers, a, b);
    const std::size_t below_high = packed.numbers - found.at_least_high;
    const auto is_inside = [](std::size_t k, std::size_t below, std::size_t in) { return below < k && k <= below + in; };
    if (is_inside(limits.low, found.below_low, found.in_low) && is_inside(limits.high, below_high, found.in_high)) {
      const OrderStatistic low = select({scratch.near_low.data(), found.in_low}, limits.low, found.below_low);
      const OrderStatistic high = select({scratch.near_high.data(), found.in_high}, limits.high, below_high);
      return keep_tails(make_cuts(limits, &low, high, guess), packed.tails, packed.numbers, scratch);
    }
  }
  scratch.values.resize(values.size() + kKernelPadding);
  const std::size_t m = pack_numbers(values.data(), values.size(), scratch.values.data());
  if (m == 0) return {};
  const std::span<double> numbers(scratch.values.data(), m);
  const RankLimits limits(m, a, b);
  const OrderStatistic high = select(numbers, limits.high, 0);
  Cuts cuts;
  if (limits.low == 0) {
    cuts = make_cuts(limits, nullptr, high, guess);
  } else {
    const OrderStatistic low = select(numbers, limits.low, 0);
    cuts = make_cuts(limits, &low, high, guess);
  }
  return keep_tails(cuts, pack(cuts.low, cuts.high).tails, m, scratch);
}

namespace {

/// As select(), which it calls for the values near the guess only, if the order statistic is among them. The answer becomes the
/// guess.
OrderStatistic select_near(double& guess, double half, std::vector<double>& values, std::size_t k, std::size_t below,
                           std::vector<double>& near) {
  near.resize(values.size() + 1);
  std::size_t n_near = 0, n_below = below;
  for (const double x : values) {
    near[n_near] = x;
    n_near += (x >= guess - half) & (x <= guess + half);
    n_below += x < guess - half;
  }
  const bool is_near = n_below < k && k <= n_below + n_near;
  const OrderStatistic at = is_near ? select({near.data(), n_near}, k, n_below) : select(values, k, below);
  guess = at.value;
  return at;
}

}  // namespace

void mark_stays(const Tails& tails, double a, double b, std::int8_t factor, CutGuess& guess, RankScratch& scratch) {
  if (tails.n_names == 0) return;
  std::vector<double>& lows = scratch.near_low;
  std::vector<double>& highs = scratch.near_high;
  const std::size_t n = tails.s.size();
  const double* const s = tails.s.data();
  lows.resize(n + 1);
  highs.resize(n + 1);
  std::size_t n_low = 0, n_high = 0;
  for (std::size_t i = 0; i < n; ++i) {
    lows[n_low] = highs[n_high] = s[i];
    n_low += tails.side[i] == kShort;
    n_high += tails.side[i] != kShort;
  }
  lows.resize(n_low);
  highs.resize(n_high);
  constexpr double kBracket = 0.03;
  const double half = kBracket * (guess.high - guess.low);
  const RankLimits limits(tails.n_names, a, b);
  // If the order statistic of a cut is not in the tail, the wider sort left its ties out, and all of it is beyond the cut.
  double low = limits.low == 0 ? -kInfinity : kInfinity, high = -kInfinity;
  if (limits.low > 0 && limits.low <= n_low) {
    const OrderStatistic at = select_near(guess.low, half, lows, limits.low, 0, scratch.values);
    low = 100.0 * at.mean_rank() <= limits.am ? at.value : std::nextafter(at.value, -kInfinity);
  }
  const std::size_t below_high = tails.n_names - n_high;
  if (limits.high > below_high && n_high > 0) {
    const OrderStatistic at = select_near(guess.high, half, highs, limits.high, below_high, scratch.values);
    high = 100.0 * at.mean_rank() > limits.bm ? at.value : std::nextafter(at.value, kInfinity);
  }
  std::int8_t* const sides = scratch.tail_side.data();
  for (std::size_t i = 0; i < n; ++i) {
    const int side = sides[i];
    const bool is_beyond = ((side == kShort) & (s[i] <= low)) | ((side != kShort) & (s[i] >= high));
    sides[i] = static_cast<std::int8_t>(side * (is_beyond ? 1 : factor));
  }
}

Cuts find_cuts(std::span<double> reference, double a, double b, CutGuess& guess) {
  const std::size_t m = reference.size();
  const double am = a * static_cast<double>(m), bm = b * static_cast<double>(m);
  // A name between the k-th and the next reference value has the rank k + 1/2.
  const auto is_short = [am](std::size_t k) { return 100.0 * (static_cast<double>(k) + 0.5) <= am; };
  const auto is_long = [bm](std::size_t k) { return 100.0 * (static_cast<double>(k) + 0.5) > bm; };
  auto low = std::min(static_cast<std::size_t>(am / 100.0), m);
  while (low > 0 && !is_short(low)) --low;
  while (is_short(low + 1)) ++low;
  auto high = std::min(static_cast<std::size_t>(bm / 100.0), m);
  while (high > 0 && is_long(high - 1)) --high;
  while (!is_long(high)) ++high;
  Cuts cuts;
  if (is_short(low) && low < m) {
    const OrderStatistic at = select_from(guess.low, reference, low + 1);
    cuts.low = 100.0 * at.mean_rank() <= am ? at.value : std::nextafter(at.value, -kInfinity);
  }
  if (high == 0) {
    cuts.high = -kInfinity;
  } else {
    const OrderStatistic at = select_from(guess.high, reference, high);
    cuts.high = 100.0 * at.mean_rank() > bm ? at.value : std::nextafter(at.value, kInfinity);
  }
  return cuts;
}

void read_sides(std::span<const double> s, InputType type, std::int8_t* out) {
  if (s.empty()) return;
  if (type != InputType::fractile) {
    for (std::size_t i = 0; i < s.size(); ++i) out[i] = static_cast<std::int8_t>((s[i] > 0.0) - (s[i] < 0.0));
    return;
  }
  const auto [low, high] = find_range(s.data(), s.size());
  for (std::size_t i = 0; i < s.size(); ++i)
    out[i] = low == high ? std::int8_t{kFlat} : static_cast<std::int8_t>((s[i] == high) - (s[i] == low));
}

void ranks_against(std::span<const double> reference, std::span<const double> values, std::vector<double>& out) {
  out.resize(values.size());
  for (std::size_t i = 0; i < values.size(); ++i) out[i] = rank_against(reference.begin(), reference.end(), values[i]);
}

}  // namespace fractile

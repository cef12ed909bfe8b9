// Copyright The fractile authors. Licensed under the Apache License, Version 2.0.
#include "stats/bootstrap.hpp"

#include <algorithm>
#include <array>
#include <cmath>

#include "fractile/types.hpp"
#include "parallel/workers.hpp"
#include "stats/distributions.hpp"
#include "stats/moments.hpp"
#include "stats/random.hpp"

namespace fractile {
namespace {

/// Four sums side by side, so that an addition does not wait for the one before.
double sum_in_lanes(std::span<const double> x) noexcept {
  std::array<double, 4> lane{};
  std::size_t t = 0;
  for (; t + 4 <= x.size(); t += 4)
    for (std::size_t k = 0; k < 4; ++k) lane[k] += x[t + k];
  for (; t < x.size(); ++t) lane[t % 4] += x[t];
  return (lane[0] + lane[1]) + (lane[2] + lane[3]);
}

double mean_in_lanes(std::span<const double> x) noexcept {
  return x.empty() ? kNaN : sum_in_lanes(x) / static_cast<double>(x.size());
}

double sharpe_in_lanes(std::span<const double> x) noexcept {
  if (x.size() < 2) return kNaN;
  const double centre = mean_in_lanes(x);
  std::array<double, 4> lane{};
  std::size_t t = 0;
  for (; t + 4 <= x.size(); t += 4)
    for (std::size_t k = 0; k < 4; ++k) lane[k] += (x[t + k] - centre) * (x[t + k] - centre);
  for (; t < x.size(); ++t) lane[t % 4] += (x[t] - centre) * (x[t] - centre);
  const double deviation = std::sqrt(((lane[0] + lane[1]) + (lane[2] + lane[3])) / static_cast<double>(x.size() - 1));
  return deviation >= 1e-15 ? centre / deviation : kNaN;
}

/// The summary of a stretch of periods from which the drawdown of a longer stretch follows. Levels count from its start.
struct Stretch {
  double sum = 0.0, highest = 0.0, lowest = 0.0, worst = 0.0;

  static Stretch of(double x) noexcept { return {x, std::max(x, 0.0), std::min(x, 0.0), std::min(x, 0.0)}; }
  friend Stretch operator+(const Stretch& a, const Stretch& b) noexcept {
    return {a.sum + b.sum, std::max(a.highest, a.sum + b.highest), std::min(a.lowest, a.sum + b.lowest),
            std::min({a.worst, b.worst, a.sum + b.lowest - a.highest})};
  }
};

std::vector<double> max_drawdown_without(std::span<const double> x) {
  std::vector<Stretch> after(x.size() + 1);
  for (std::size_t t = x.size(); t-- > 0;) after[t] = Stretch::of(x[t]) + after[t + 1];
  std::vector<double> out;
  out.reserve(x.size());
  Stretch before;
  for (std::size_t t = 0; t < x.size(); ++t) {
    out.push_back((before + after[t + 1]).worst);
    before = before + Stretch::of(x[t]);
  }
  return out;
}

double bca_quantile(std::span<const double> sorted, double bias, double acceleration, double q) noexcept {
  const double z = bias + normal_quantile(q);
  const double shifted = normal_cdf(bias + z / (1.0 - acceleration * z));
  return shifted == shifted ? quantile_of_sorted(sorted, shifted) : kNaN;
}

/// BCa's acceleration, from the statistic without each period; 0 if all of these are equal.
double acceleration_of(std::span<const double> without) noexcept {
  const double centre = mean(without);
  double squares = 0.0, cubes = 0.0;
  for (const double value : without) {
    const double e = centre - value;
    squares += e * e;
    cubes += e * e * e;
  }
  return squares == 0.0 ? 0.0 : cubes / (6.0 * std::pow(squares, 1.5));
}

/// visit(t, place) for t = 0 ... n_periods - 1: the places of a draw, as fill_stationary() describes them.
template <class Visit>
void visit_stationary(std::size_t n_periods, double block, std::uint64_t seed, std::uint64_t draw, Visit&& visit) noexcept {
  if (n_periods == 0) return;
  const auto n = static_cast<std::uint64_t>(n_periods);
  const auto begins = static_cast<std::uint64_t>(4294967296.0 / block);
  DrawStream random(seed, draw);
  std::uint64_t place = DrawStream::scale(random.next() >> 32, n);
  visit(0, place);
  for (std::size_t t = 1; t < n_periods; ++t) {
    const std::uint64_t bits = random.next();
    const std::uint64_t anywhere = DrawStream::scale(bits >> 32, n);
    // A mask instead of a branch, which the processor would predict wrongly at every other block. A block can pass the end
    // once only; its places wrap on their way out, so that no step waits for it.
    const std::uint64_t begin = 0 - static_cast<std::uint64_t>((bits & 0xffffffffULL) < begins);
    place = (anywhere & begin) | ((place + 1) & ~begin);
    visit(t, std::min(place, place - n));
  }
}

}  // namespace

void fill_stationary(std::span<std::uint32_t> index, double block, std::uint64_t seed, std::uint64_t draw) noexcept {
  visit_stationary(index.size(), block, seed, draw,
                   [&](std::size_t t, std::uint64_t place) { index[t] = static_cast<std::uint32_t>(place); });
}

double compute(Statistic statistic, std::span<const double> x) noexcept {
  switch (statistic) {
    case Statistic::mean: return mean_in_lanes(x);
    case Statistic::sharpe: return sharpe_in_lanes(x);
    case Statistic::max_drawdown: return max_drawdown(x);
  }
  return kNaN;
}

std::vector<double> leave_one_out(Statistic statistic, std::span<const double> x) {
  if (statistic == Statistic::max_drawdown) return max_drawdown_without(x);
  const auto n = static_cast<double>(x.size());
  const double m = mean(x), deviation = standard_deviation(x), squares = deviation * deviation * (n - 1.0);
  std::vector<double> out;
  out.reserve(x.size());
  for (const double value : x) {
    const double e = value - m, mean_without = m - e / (n - 1.0);
    if (statistic == Statistic::mean) {
      out.push_back(mean_without);
    } else {
      const double left = std::sqrt(std::max(0.0, squares - e * e * n / (n - 1.0)) / (n - 2.0));
      out.push_back(left >= 1e-15 ? mean_without / left : kNaN);
    }
  }
  return out;
}

std::vector<std::vector<double>> bootstrap_draws(std::span<const double> x, std::span<const Statistic> statistics,
                                                 const Resampling& resampling, const Workers& workers) {
  std::vector<std::vector<double>> out(statistics.size(), std::vector<double>(static_cast<std::size_t>(resampling.draws), kNaN));
  if (x.empty()) return out;
  const std::int64_t n_tasks = (resampling.draws + kDrawsPerTask - 1) / kDrawsPerTask;
  const auto body = [&](int task, int) {
    std::vector<double> sample(x.size());
    const std::int64_t first = task * kDrawsPerTask, last = std::min(first + kDrawsPerTask, resampling.draws);
    for (std::int64_t draw = first; draw < last; ++draw) {
      visit_stationary(x.size(), resampling.block, resampling.seed, static_cast<std::uint64_t>(draw),
                       [&](std::size_t t, std::uint64_t place) { sample[t] = x[place]; });
      for (std::size_t k = 0; k < statistics.size(); ++k) out[k][static_cast<std::size_t>(draw)] = compute(statistics[k], sample);
    }
  };
  parallel_for(workers.threads, static_cast<int>(n_tasks), body, workers.poll);
  return out;
}

double quantile_of_sorted(std::span<const double> sorted, double q) noexcept {
  if (sorted.empty()) return kNaN;
  const double place = q * static_cast<double>(sorted.size() - 1), whole = std::floor(place), share = place - whole;
  const auto i = static_cast<std::size_t>(whole);
  const double a = sorted[i], b = sorted[std::min(i + 1, sorted.size() - 1)];
  // numpy interpolates from the nearer end, for symmetry.
  return share < 0.5 ? a + (b - a) * share : b - (b - a) * (1.0 - share);
}

BootstrapInterval summarise_draws(double estimate, std::vector<double> draws, std::span<const double> without, double level) {
  std::erase_if(draws, [](double value) { return value != value; });
  BootstrapInterval out{estimate, kNaN, kNaN, kNaN, kNaN, kNaN, static_cast<std::int64_t>(draws.size())};
  if (estimate != estimate || draws.empty()) return out;
  // Before sorting: a sum in another order has other bits.
  out.se = standard_deviation(draws);
  std::sort(draws.begin(), draws.end());
  const double tail = (1.0 - level) / 2.0;
  out.low = quantile_of_sorted(draws, tail);
  out.high = quantile_of_sorted(draws, (1.0 + level) / 2.0);
  const auto [from, to] = std::equal_range(draws.begin(), draws.end(), estimate);
  const double below =
      (static_cast<double>(from - draws.begin()) + 0.5 * static_cast<double>(to - from)) / static_cast<double>(draws.size());
  if (below <= 0.0 || below >= 1.0) return out;
  const double bias = normal_quantile(below), acceleration = acceleration_of(without);
  out.bca_low = bca_quantile(draws, bias, acceleration, tail);
  out.bca_high = bca_quantile(draws, bias, acceleration, (1.0 + level) / 2.0);
  return out;
}

}  // namespace fractile

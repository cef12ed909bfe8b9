// Copyright The fractile authors. Licensed under the Apache License, Version 2.0.
#include "stats/moments.hpp"

#include <algorithm>
#include <cmath>
#include <limits>

namespace fractile {
namespace {

constexpr double kNaN = std::numeric_limits<double>::quiet_NaN();
constexpr double kSmallestDeviation = 1e-15;
constexpr double kSmallestVariance = 1e-30;

double central_moment(std::span<const double> x, double centre, int power) noexcept {
  double sum = 0.0;
  for (const double value : x) {
    const double e = value - centre;
    double product = e * e;
    for (int i = 2; i < power; ++i) product *= e;
    sum += product;
  }
  return sum / static_cast<double>(x.size());
}

}  // namespace

double mean(std::span<const double> x) noexcept {
  if (x.empty()) return kNaN;
  double sum = 0.0;
  for (const double value : x) sum += value;
  return sum / static_cast<double>(x.size());
}

double standard_deviation(std::span<const double> x) noexcept {
  if (x.size() < 2) return kNaN;
  const double centre = mean(x);
  double sum = 0.0;
  for (const double value : x) sum += (value - centre) * (value - centre);
  return std::sqrt(sum / static_cast<double>(x.size() - 1));
}

double annualised_sharpe(std::span<const double> x) noexcept {
  const double deviation = standard_deviation(x);
  if (!(deviation >= kSmallestDeviation)) return kNaN;
  return kDaysPerYear * mean(x) / (std::sqrt(kDaysPerYear) * deviation);
}

double share_positive(std::span<const double> x) noexcept {
  if (x.empty() || x.front() != x.front()) return kNaN;
  const auto positive = std::count_if(x.begin(), x.end(), [](double value) { return value > 0.0; });
  return static_cast<double>(positive) / static_cast<double>(x.size());
}

double max_drawdown(std::span<const double> x) noexcept {
  if (x.empty()) return kNaN;
  double level = 0.0, peak = 0.0, worst = 0.0;
  for (const double value : x) {
    level += value;
    if (level != level) return kNaN;
    peak = std::max(peak, level);
    worst = std::min(worst, level - peak);
  }
  return worst;
}

double t_statistic(std::span<const double> x) noexcept {
  const double deviation = standard_deviation(x);
  if (!(deviation >= kSmallestDeviation)) return kNaN;
  return mean(x) / (deviation / std::sqrt(static_cast<double>(x.size())));
}

double newey_west_t_statistic(std::span<const double> x) noexcept {
  if (x.size() < 2) return kNaN;
  const auto n = static_cast<double>(x.size());
  const double centre = mean(x);
  const auto lags = static_cast<std::size_t>(std::floor(4.0 * std::pow(n / 100.0, 2.0 / 9.0)));
  double omega = 0.0;
  for (std::size_t lag = 0; lag <= lags && lag < x.size(); ++lag) {
    double sum = 0.0;
    for (std::size_t t = lag; t < x.size(); ++t) sum += (x[t] - centre) * (x[t - lag] - centre);
    const double bartlett = 1.0 - static_cast<double>(lag) / static_cast<double>(lags + 1);
    omega += (lag == 0 ? 1.0 : 2.0 * bartlett) * sum / n;
  }
  if (!(omega >= kSmallestVariance)) return kNaN;
  return centre / std::sqrt(omega / n);
}

double skewness(std::span<const double> x) noexcept {
  if (x.empty()) return kNaN;
  const double centre = mean(x), m2 = central_moment(x, centre, 2);
  return m2 >= kSmallestVariance ? central_moment(x, centre, 3) / std::pow(m2, 1.5) : kNaN;
}

double kurtosis(std::span<const double> x) noexcept {
  if (x.empty()) return kNaN;
  const double centre = mean(x), m2 = central_moment(x, centre, 2);
  return m2 >= kSmallestVariance ? central_moment(x, centre, 4) / (m2 * m2) : kNaN;
}

}  // namespace fractile

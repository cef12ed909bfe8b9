// Copyright The fractile authors. Licensed under the Apache License, Version 2.0.
#include "stats/moments.hpp"

#include <algorithm>
#include <cmath>

#include "fractile/types.hpp"
#include "stats/newey_west.hpp"

namespace fractile {
namespace {

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

double correlation(std::span<const double> a, std::span<const double> b) noexcept {
  const auto is_constant = [](std::span<const double> x) {
    return std::all_of(x.begin(), x.end(), [&](double value) { return value == x.front(); });
  };
  if (a.size() < 2 || is_constant(a) || is_constant(b)) return kNaN;
  const double centre_a = mean(a), centre_b = mean(b);
  double squares_a = 0.0, squares_b = 0.0, products = 0.0;
  for (std::size_t t = 0; t < a.size(); ++t) {
    const double x = a[t] - centre_a, y = b[t] - centre_b;
    squares_a += x * x;
    squares_b += y * y;
    products += x * y;
  }
  return std::clamp(products / (std::sqrt(squares_a) * std::sqrt(squares_b)), -1.0, 1.0);
}

double annualised_sharpe(std::span<const double> x, double periods_per_year) noexcept {
  const double deviation = standard_deviation(x);
  if (!(deviation >= kSmallestDeviation)) return kNaN;
  return periods_per_year * mean(x) / (std::sqrt(periods_per_year) * deviation);
}

double share_positive(std::span<const double> x) noexcept { return share_above(x, 0.0); }

double share_above(std::span<const double> x, double bound) noexcept {
  if (x.empty() || x.front() != x.front()) return kNaN;
  const auto above = std::count_if(x.begin(), x.end(), [bound](double value) { return value > bound; });
  return static_cast<double>(above) / static_cast<double>(x.size());
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
  const double omega = long_run_variance(x, newey_west_lags(x.size()));
  if (!(omega >= kSmallestVariance)) return kNaN;
  return mean(x) / std::sqrt(omega / static_cast<double>(x.size()));
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

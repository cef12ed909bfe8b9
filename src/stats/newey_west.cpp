// Copyright The fractile authors. Licensed under the Apache License, Version 2.0.
#include "stats/newey_west.hpp"

#include <cmath>

#include "fractile/types.hpp"
#include "stats/distributions.hpp"
#include "stats/moments.hpp"

namespace fractile {
namespace {

double sum_of_products(std::span<const double> x, double centre, std::size_t lag) noexcept {
  double sum = 0.0;
  for (std::size_t t = lag; t < x.size(); ++t) sum += (x[t] - centre) * (x[t - lag] - centre);
  return sum;
}

}  // namespace

double autocovariance(std::span<const double> x, double centre, std::int64_t lag) noexcept {
  return sum_of_products(x, centre, static_cast<std::size_t>(lag)) / static_cast<double>(x.size());
}

std::int64_t newey_west_lags(std::size_t n) noexcept {
  return static_cast<std::int64_t>(std::floor(4.0 * std::pow(static_cast<double>(n) / 100.0, 2.0 / 9.0)));
}

double long_run_variance(std::span<const double> x, std::int64_t lags) noexcept {
  if (x.empty()) return kNaN;
  const double centre = mean(x), n = static_cast<double>(x.size());
  double omega = sum_of_products(x, centre, 0) / n;
  for (std::int64_t lag = 1; lag <= lags && lag < static_cast<std::int64_t>(x.size()); ++lag) {
    const double bartlett = 1.0 - static_cast<double>(lag) / static_cast<double>(lags + 1);
    omega += 2.0 * bartlett * sum_of_products(x, centre, static_cast<std::size_t>(lag)) / n;
  }
  return omega;
}

NeweyWest newey_west(std::span<const double> x, std::int64_t lags, bool small_sample) noexcept {
  if (lags < 0) lags = newey_west_lags(x.size());
  NeweyWest out{mean(x), kNaN, kNaN, kNaN, lags};
  if (!(standard_deviation(x) >= 1e-15)) return out;
  const auto n = static_cast<double>(x.size());
  double omega = long_run_variance(x, lags);
  if (!(omega >= 1e-30)) return out;
  if (small_sample) omega *= n / (n - 1.0);
  out.se = std::sqrt(omega / n);
  out.t = out.mean / out.se;
  out.p = std::erfc(std::fabs(out.t) / std::sqrt(2.0));
  return out;
}

}  // namespace fractile

// Copyright The fractile authors. Licensed under the Apache License, Version 2.0.
#include "stats/sharpe.hpp"

#include <algorithm>
#include <cmath>
#include <numbers>

#include "fractile/types.hpp"
#include "stats/distributions.hpp"
#include "stats/moments.hpp"
#include "stats/newey_west.hpp"

namespace fractile {
namespace {

/// The variance of an estimate, times the number of periods.
double estimate_variance(double sr, double skew, double kurt) noexcept { return 1.0 - skew * sr + (kurt - 1.0) / 4.0 * sr * sr; }

/// The expected maximum of n standard normals, by the approximation of the source.
double expected_maximum(double n) noexcept {
  if (!(n > 1.0)) return n == 1.0 ? 0.0 : kNaN;
  constexpr double gamma = std::numbers::egamma;
  return std::max(0.0, -(1.0 - gamma) * normal_quantile(1.0 / n) - gamma * normal_quantile(1.0 / (n * std::numbers::e)));
}

}  // namespace

double sharpe_per_period(std::span<const double> x) noexcept {
  const double deviation = standard_deviation(x);
  return deviation >= 1e-15 ? mean(x) / deviation : kNaN;
}

std::vector<double> sharpe_influence(std::span<const double> x) {
  const double m = mean(x);
  double q = 0.0, v = 0.0;
  for (const double value : x) {
    q += value * value;
    v += (value - m) * (value - m);
  }
  q /= static_cast<double>(x.size());
  v /= static_cast<double>(x.size());
  const double of_mean = q / std::pow(v, 1.5), of_square = m / (2.0 * std::pow(v, 1.5));
  std::vector<double> out;
  out.reserve(x.size());
  for (const double value : x) out.push_back((value - m) * of_mean - (value * value - q) * of_square);
  return out;
}

SharpeRatio sharpe_ratio(std::span<const double> x, double periods_per_year) {
  SharpeRatio out{sharpe_per_period(x), kNaN, kNaN, kNaN, kNaN, static_cast<std::int64_t>(x.size())};
  if (out.sr != out.sr) return out;
  const auto n = static_cast<double>(x.size());
  out.annualised = std::sqrt(periods_per_year) * out.sr;
  out.se_iid = std::sqrt((1.0 + out.sr * out.sr / 2.0) / n);
  out.se = std::sqrt(estimate_variance(out.sr, skewness(x), kurtosis(x)) / (n - 1.0));
  out.se_hac = std::sqrt(long_run_variance(sharpe_influence(x), newey_west_lags(x.size())) / n);
  return out;
}

SharpeInterval sharpe_interval(std::span<const double> x, double periods_per_year, double level) {
  const SharpeRatio ratio = sharpe_ratio(x, periods_per_year);
  const double reach = normal_quantile((1.0 + level) / 2.0) * std::sqrt(periods_per_year) * ratio.se_hac;
  return {ratio.annualised - reach, ratio.annualised + reach};
}

double annualization_factor(std::span<const double> x, std::int64_t q) noexcept {
  if (q >= static_cast<std::int64_t>(x.size()) || !(standard_deviation(x) >= 1e-15)) return kNaN;
  const double centre = mean(x), variance = autocovariance(x, centre, 0);
  double sum = 0.0;
  for (std::int64_t k = 1; k < q; ++k) sum += static_cast<double>(q - k) * autocovariance(x, centre, k) / variance;
  const double root = static_cast<double>(q) + 2.0 * sum;
  return root > 0.0 ? static_cast<double>(q) / std::sqrt(root) : kNaN;
}

SharpeMoments sharpe_moments(std::span<const double> x) noexcept {
  return {sharpe_per_period(x), static_cast<double>(x.size()), skewness(x), kurtosis(x)};
}

double probabilistic_sharpe(const SharpeMoments& moments, double benchmark, bool null_variance) noexcept {
  const double at = null_variance ? benchmark : moments.sr;
  const double root = std::sqrt(estimate_variance(at, moments.skew, moments.kurt));
  const double n = null_variance ? moments.periods : moments.periods - 1.0;
  return root > 0.0 ? normal_cdf((moments.sr - benchmark) * std::sqrt(n) / root) : kNaN;
}

double minimum_track_record(const SharpeMoments& moments, double benchmark, double level, bool null_variance) noexcept {
  if (!(moments.sr > benchmark)) return kNaN;
  const double z = normal_quantile(level) / (moments.sr - benchmark);
  const double variance = estimate_variance(null_variance ? benchmark : moments.sr, moments.skew, moments.kurt);
  return (null_variance ? 0.0 : 1.0) + variance * z * z;
}

double expected_maximum_sharpe(double n, double variance) noexcept { return std::sqrt(variance) * expected_maximum(n); }

double deflated_sharpe(const SharpeMoments& moments, double n_trials, double variance, bool null_variance) noexcept {
  const double benchmark = n_trials == 1.0 ? 0.0 : expected_maximum_sharpe(n_trials, variance);
  return probabilistic_sharpe(moments, benchmark, null_variance);
}

double minimum_backtest_length(double n, double sr_annual) noexcept {
  if (!(sr_annual > 0.0)) return kNaN;
  const double ratio = expected_maximum(n) / sr_annual;
  return ratio * ratio;
}

}  // namespace fractile

// Copyright The fractile authors. Licensed under the Apache License, Version 2.0.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

/// The Sharpe ratio, its errors and the tests that use them. Ratios and errors are per period unless a name says otherwise.
namespace fractile {

/// Mean over deviation (n-1); NaN if n < 2 or the deviation is below 1e-15.
double sharpe_per_period(std::span<const double> x) noexcept;

struct SharpeRatio {
  double sr, annualised;
  double se_iid;  ///< Lo 2002: normal returns, independent
  double se;      ///< Mertens 2002: independent
  double se_hac;  ///< Opdyke 2007, Lo 2002: Newey and West on the influence of each period
  std::int64_t periods;
};
SharpeRatio sharpe_ratio(std::span<const double> x, double periods_per_year);

struct SharpeInterval {
  double low, high;
};
/// The interval of the annualised ratio from its error under autocorrelation, by the normal distribution.
SharpeInterval sharpe_interval(std::span<const double> x, double periods_per_year, double level = 0.95);

/// The influence of each period on the estimate. The long-run variance of the influences over n is the squared error.
std::vector<double> sharpe_influence(std::span<const double> x);

/// Lo (2002): eta(q), the factor from a ratio per period to a ratio per q periods under autocorrelation.
double annualization_factor(std::span<const double> x, std::int64_t q) noexcept;

/// A ratio and the moments that determine its error.
struct SharpeMoments {
  double sr;
  double periods;
  double skew, kurt;  ///< of the population; a normal has 0 and 3
};
SharpeMoments sharpe_moments(std::span<const double> x) noexcept;

/// Bailey and Lopez de Prado (2012). `null_variance`: the variance at the benchmark, and n in place of n - 1
/// (Lopez de Prado, Lipton and Zoonekynd 2025).
double probabilistic_sharpe(const SharpeMoments& moments, double benchmark, bool null_variance = false) noexcept;
double minimum_track_record(const SharpeMoments& moments, double benchmark, double level, bool null_variance = false) noexcept;

/// Bailey and Lopez de Prado (2014): of n independent trials without skill, whose ratios have this variance.
double expected_maximum_sharpe(double n, double variance) noexcept;
double deflated_sharpe(const SharpeMoments& moments, double n_trials, double variance, bool null_variance = false) noexcept;
/// Bailey et al. (2014), years.
double minimum_backtest_length(double n, double sr_annual) noexcept;

}  // namespace fractile

// Copyright The fractile authors. Licensed under the Apache License, Version 2.0.
#pragma once

#include <span>

/// Statistics of a daily series, methodology section 8. A statistic is NaN if its definition needs more days than
/// there are, or divides by zero. All take O(n) and sum in the given order.
namespace fractile {

double mean(std::span<const double> x) noexcept;
/// With n - 1.
double standard_deviation(std::span<const double> x) noexcept;
double annualised_sharpe(std::span<const double> x, double periods_per_year) noexcept;
/// The share of values > 0; NaN if the series is NaN.
double share_positive(std::span<const double> x) noexcept;
/// The share of values > bound; NaN if the series is NaN.
double share_above(std::span<const double> x, double bound) noexcept;
/// The deepest drawdown of the running sum, which starts at 0; never above 0.
double max_drawdown(std::span<const double> x) noexcept;
double t_statistic(std::span<const double> x) noexcept;
/// Newey and West (1987), lag length floor(4 (n / 100)^(2/9)).
double newey_west_t_statistic(std::span<const double> x) noexcept;
double skewness(std::span<const double> x) noexcept;
/// Pearson's, over places; NaN if there are fewer than 2, or if one series is constant. Requires a.size() == b.size().
double correlation(std::span<const double> a, std::span<const double> b) noexcept;
/// The kurtosis; 3 for a normal distribution.
double kurtosis(std::span<const double> x) noexcept;

}  // namespace fractile

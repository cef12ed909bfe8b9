// Copyright The fractile authors. Licensed under the Apache License, Version 2.0.
#pragma once

#include <cstdint>
#include <span>

/// The mean of a series and its error under autocorrelation, Newey and West (1987).
namespace fractile {

/// Sum over t of (x_t - centre)(x_{t-lag} - centre), over n; 0 from lag = n on.
double autocovariance(std::span<const double> x, double centre, std::int64_t lag) noexcept;
/// floor(4 (n / 100)^(2/9)).
std::int64_t newey_west_lags(std::size_t n) noexcept;
/// Gamma_0 plus twice the later autocovariances with Bartlett's weights. O(n lags).
double long_run_variance(std::span<const double> x, std::int64_t lags) noexcept;

struct NeweyWest {
  double mean, se, t, p;  ///< p two-sided, of the normal distribution
  std::int64_t lags;
};
/// `lags` below 0: newey_west_lags. se, t and p are NaN if n < 2, if the deviation is below 1e-15 or if the long-run
/// variance is below 1e-30. `small_sample` multiplies the variance by n/(n-1).
NeweyWest newey_west(std::span<const double> x, std::int64_t lags = -1, bool small_sample = false) noexcept;

}  // namespace fractile

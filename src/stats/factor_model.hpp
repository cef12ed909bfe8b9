// Copyright The fractile authors. Licensed under the Apache License, Version 2.0.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "stats/frame.hpp"

/// Least squares of one series on factors, with a constant.
namespace fractile {

struct FactorModel {
  struct Coefficient {
    double value, se, t, p;  ///< errors of Newey and West (1987), times n/(n-k); p two-sided, of the normal distribution
  };
  std::vector<Coefficient> coefficients;  ///< alpha first; se, t and p are NaN if the residuals vanish
  double r2;                              ///< NaN if y is constant
  double deviation;                       ///< of the residuals, n - 1
  /// F of Gibbons, Ross and Shanken (1989) for alpha = 0, one series: the square of the plain t of alpha; and its p.
  double f, f_p;
  std::int64_t lags;
};

/// `lags` below 0: newey_west_lags(n). Throws INVALID_VALUE if factors are collinear or n < k + 2, k with the constant.
/// Cost: O(n k^2 lags).
FactorModel fit_factors(std::span<const double> y, const Frame& factors, std::int64_t lags = -1);

}  // namespace fractile

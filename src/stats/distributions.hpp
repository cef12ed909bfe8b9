// Copyright The fractile authors. Licensed under the Apache License, Version 2.0.
#pragma once

/// The distributions that tests refer to.
namespace fractile {

double normal_cdf(double x) noexcept;
/// Wichura (1988), AS 241: about 16 digits. NaN outside [0, 1], infinite at its ends.
double normal_quantile(double p) noexcept;
/// P(F > f) of the F distribution with (1, denominator) degrees of freedom; NaN if f is NaN or below 0.
double f_upper_tail(double f, double denominator) noexcept;

}  // namespace fractile

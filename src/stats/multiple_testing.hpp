// Copyright The fractile authors. Licensed under the Apache License, Version 2.0.
#pragma once

#include <vector>

#include "stats/bootstrap.hpp"
#include "stats/frame.hpp"

/// Many series at once: which of them earn more than luck explains.
namespace fractile {

struct MultipleTests {
  std::vector<double> sharpe;   ///< per period; one value per series, as in those below
  std::vector<double> t_nw, p;  ///< p one-sided
  std::vector<double> p_bonferroni, p_holm, p_bh, p_by, p_romano_wolf;
  double reality_check_p;  ///< White 2000
  double spa_p;            ///< Hansen 2005, consistent; NaN below 3 periods
  double block;
};
/// resampling.block below 1: the largest optimal one of the series. The frame has no NaN. A series whose t_nw is NaN is
/// in no family.
MultipleTests test_many(const Frame& frame, Resampling resampling, const Workers& workers);

/// Hansen's squared error of the mean, times n: the variance under the stationary bootstrap of this block.
double stationary_variance(const std::vector<double>& x, double block) noexcept;

struct MonotonicRelation {
  double j, p, p_studentised, block;
};
/// Patton and Timmermann (2010) on the differences between neighbours, one series per pair. block as in test_many.
MonotonicRelation test_monotonic(const Frame& differences, Resampling resampling, const Workers& workers);

}  // namespace fractile

// Copyright The fractile authors. Licensed under the Apache License, Version 2.0.
#pragma once

#include <vector>

#include "stats/bootstrap.hpp"
#include "stats/frame.hpp"

/// Tests of many series at once, which correct for the best being the luckiest.
namespace fractile {

struct MultipleTests {
  std::vector<double> sharpe;   ///< per period; all vectors have one value per series
  std::vector<double> t_nw, p;  ///< p one-sided
  std::vector<double> p_bonferroni, p_holm, p_bh, p_by, p_romano_wolf;
  double reality_check_p;  ///< White 2000
  double spa_p;            ///< Hansen 2005, consistent; NaN below 3 periods
  double block;
};
/// If resampling.block is below 1, the block is the largest optimal one of the series. Requires a frame without NaN. A series
/// whose t_nw is NaN belongs to no family.
MultipleTests test_many(const Frame& frame, Resampling resampling, const Workers& workers);

/// Hansen's squared error of the mean, times n: the variance under the stationary bootstrap of this block.
double stationary_variance(const std::vector<double>& x, double block) noexcept;

struct MonotonicRelation {
  double j, p, p_studentised, block;
};
/// Patton and Timmermann (2010) on the differences between neighbours, one series per pair. block as in test_many.
MonotonicRelation test_monotonic(const Frame& differences, Resampling resampling, const Workers& workers);

}  // namespace fractile

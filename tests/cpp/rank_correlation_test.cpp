// Copyright The fractile authors. Licensed under the Apache License, Version 2.0.
#include "stats/rank_correlation.hpp"

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <cmath>

#include "fractile/types.hpp"

namespace fractile {
namespace {

/// Twice the average rank of each number, by counting.
std::vector<double> ranks_by_counting(const std::vector<std::int32_t>& x) {
  std::vector<double> out;
  for (const std::int32_t a : x) {
    double twice = 1.0;
    for (const std::int32_t b : x) twice += 2.0 * (b < a) + (b == a);
    out.push_back(twice);
  }
  return out;
}

/// The correlation of the ranks of the places at which b is there. NaN as compute() answers.
double correlate_by_counting(const std::vector<std::int32_t>& a, const std::vector<std::int32_t>& b) {
  std::vector<std::int32_t> x, y;
  for (std::size_t i = 0; i < a.size(); ++i) {
    if (b[i] == kNoRank) continue;
    x.push_back(a[i]);
    y.push_back(b[i]);
  }
  if (x.size() < static_cast<std::size_t>(kMinCorrelatedNames)) return kNaN;
  const std::vector<double> of_x = ranks_by_counting(x), of_y = ranks_by_counting(y);
  const double centre = static_cast<double>(x.size()) + 1.0;
  double xy = 0.0, xx = 0.0, yy = 0.0;
  for (std::size_t i = 0; i < x.size(); ++i) {
    xy += (of_x[i] - centre) * (of_y[i] - centre);
    xx += (of_x[i] - centre) * (of_x[i] - centre);
    yy += (of_y[i] - centre) * (of_y[i] - centre);
  }
  return xx > 0.0 && yy > 0.0 ? xy / std::sqrt(xx * yy) : kNaN;
}

RC_GTEST_PROP(RankCorrelation, EqualsRanksByCountingIfFewOrManyAreAbsent, ())
{
  const auto n = *rc::gen::inRange<std::size_t>(1, 120);
  const auto n_values = *rc::gen::elementOf(std::vector<std::int32_t>{1, 2, 7, 1000});
  const auto absent_percent = *rc::gen::elementOf(std::vector<int>{0, 2, 50, 95});
  const auto numbers = rc::gen::container<std::vector<std::int32_t>>(n, rc::gen::inRange(0, n_values));
  const std::vector<std::int32_t> a = *numbers;
  RankCorrelation correlation;
  correlation.set(a, n_values);
  // One object serves many series.
  for (int series = 0; series < 3; ++series) {
    std::vector<std::int32_t> b = *numbers;
    const auto percents = *rc::gen::container<std::vector<int>>(n, rc::gen::inRange(0, 100));
    std::int32_t names = 0;
    for (std::size_t i = 0; i < n; ++i) {
      if (percents[i] < absent_percent) b[i] = kNoRank;
      names += b[i] != kNoRank;
    }
    const RankCorrelation::Outcome found = correlation.compute(b, n_values);
    const double expected = correlate_by_counting(a, b);
    RC_ASSERT(found.names == names);
    if (std::isnan(expected))
      RC_ASSERT(std::isnan(found.value));
    else
      RC_ASSERT(std::abs(found.value - expected) < 1e-12);
  }
}

}  // namespace
}  // namespace fractile

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

/// The widest day, tied or not: the sums of ranks are the largest that the type must hold.
template <class Number>
void check_widest_day(std::size_t n) {
  for (const std::size_t tied : {std::size_t{1}, n / 2, n - 1}) {
    std::vector<Number> up(n), down(n);
    for (std::size_t i = 0; i < n; ++i) {
      up[i] = static_cast<Number>(i < tied ? 0 : i);
      down[n - 1 - i] = static_cast<Number>(i);
    }
    RankCorrelation<Number> correlation;
    correlation.set(up, static_cast<std::int32_t>(n));
    EXPECT_NEAR(correlation.compute(up, static_cast<std::int32_t>(n)).value, 1.0, 1e-12);
    // The ties of one side against none of the other: -sqrt(1 - (t^3 - t) / (n^3 - n)).
    const auto cube = [](double x) { return x * x * x - x; };
    const double expected = -std::sqrt(1.0 - cube(static_cast<double>(tied)) / cube(static_cast<double>(n)));
    EXPECT_NEAR(correlation.compute(down, static_cast<std::int32_t>(n)).value, expected, 1e-12);
  }
}

TEST(RankCorrelation, HoldsTheWidestDayOfItsType) {
  check_widest_day<std::int16_t>(RankCorrelation<std::int16_t>::kMaxNames);
  check_widest_day<std::int32_t>(100'000);
}

template <class Number>
void check_by_counting() {
  const auto n = *rc::gen::inRange<std::size_t>(1, 120);
  const auto n_values = *rc::gen::elementOf(std::vector<std::int32_t>{1, 2, 7, 1000});
  const auto absent_percent = *rc::gen::elementOf(std::vector<int>{0, 2, 50, 95});
  const auto numbers = rc::gen::container<std::vector<std::int32_t>>(n, rc::gen::inRange(0, n_values));
  const std::vector<std::int32_t> a = *numbers;
  const std::vector<Number> narrow_a(a.begin(), a.end());
  RankCorrelation<Number> correlation;
  correlation.set(narrow_a, n_values);
  // One object serves many series.
  for (int series = 0; series < 3; ++series) {
    std::vector<std::int32_t> b = *numbers;
    const auto percents = *rc::gen::container<std::vector<int>>(n, rc::gen::inRange(0, 100));
    std::int32_t names = 0;
    for (std::size_t i = 0; i < n; ++i) {
      if (percents[i] < absent_percent) b[i] = kNoRank;
      names += b[i] != kNoRank;
    }
    const auto found = correlation.compute(std::vector<Number>(b.begin(), b.end()), n_values);
    const double expected = correlate_by_counting(a, b);
    RC_ASSERT(found.names == names);
    if (std::isnan(expected))
      RC_ASSERT(std::isnan(found.value));
    else
      RC_ASSERT(std::abs(found.value - expected) < 1e-12);
  }
}

RC_GTEST_PROP(RankCorrelation, EqualsRanksByCountingIn16BitsIfFewOrManyAreAbsent, ())
{
  check_by_counting<std::int16_t>();
}

RC_GTEST_PROP(RankCorrelation, EqualsRanksByCountingIn32BitsIfFewOrManyAreAbsent, ())
{
  check_by_counting<std::int32_t>();
}

}  // namespace
}  // namespace fractile

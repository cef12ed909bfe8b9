// Copyright The fractile authors. Licensed under the Apache License, Version 2.0.
#include "stats/moments.hpp"

#include <gtest/gtest.h>

#include <cmath>
#include <vector>

namespace fractile {
namespace {

const std::vector<double> kSeries{0.01, -0.02, 0.03, 0.00, -0.01};

TEST(Moments, MeanAndDeviationByHand) {
  EXPECT_DOUBLE_EQ(mean(kSeries), 0.002);
  EXPECT_NEAR(standard_deviation(kSeries), std::sqrt(0.00148 / 4.0), 1e-15);
  EXPECT_NEAR(annualised_sharpe(kSeries, 252.0), std::sqrt(252.0) * 0.002 / std::sqrt(0.00037), 1e-12);
  EXPECT_NEAR(t_statistic(kSeries), 0.002 / (std::sqrt(0.00037) / std::sqrt(5.0)), 1e-14);
}

TEST(Moments, NeweyWestByHand) {
  // n = 5: L = floor(4 * 0.05^(2/9)) = 2, weights 2/3 and 1/3.
  const std::vector<double> e{0.008, -0.022, 0.028, -0.002, -0.012};
  const auto gamma = [&e](std::size_t lag) {
    double sum = 0.0;
    for (std::size_t t = lag; t < e.size(); ++t) sum += e[t] * e[t - lag];
    return sum / 5.0;
  };
  const double omega = gamma(0) + 2.0 * (2.0 / 3.0 * gamma(1) + 1.0 / 3.0 * gamma(2));
  const double expected = omega >= 1e-30 ? 0.002 / std::sqrt(omega / 5.0) : std::nan("");
  EXPECT_NEAR(newey_west_t_statistic(kSeries), expected, 1e-12);
}

TEST(Moments, DrawdownStartsAtZero) {
  EXPECT_DOUBLE_EQ(max_drawdown(std::vector<double>{-0.1, 0.3, -0.2}), -0.2);
  EXPECT_DOUBLE_EQ(max_drawdown(std::vector<double>{-0.1, -0.1}), -0.2);
  EXPECT_DOUBLE_EQ(max_drawdown(std::vector<double>{0.1, 0.1}), 0.0);
}

TEST(Moments, ShapeOfTwoPoints) {
  EXPECT_NEAR(skewness(std::vector<double>{-1, 1}), 0.0, 1e-15);
  EXPECT_NEAR(kurtosis(std::vector<double>{-1, 1}), 1.0, 1e-15);
}

TEST(Moments, UndefinedIsNaN) {
  const std::vector<double> one{0.01}, constant{0.01, 0.01}, none;
  EXPECT_TRUE(std::isnan(mean(none)));
  EXPECT_TRUE(std::isnan(standard_deviation(one)));
  EXPECT_TRUE(std::isnan(annualised_sharpe(constant, 252.0)));
  EXPECT_TRUE(std::isnan(t_statistic(constant)));
  EXPECT_TRUE(std::isnan(newey_west_t_statistic(constant)));
  EXPECT_TRUE(std::isnan(skewness(constant)));
  EXPECT_TRUE(std::isnan(share_positive(std::vector<double>{std::nan("")})));
}

}  // namespace
}  // namespace fractile

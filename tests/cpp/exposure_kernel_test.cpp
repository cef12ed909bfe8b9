// Copyright The fractile authors. Licensed under the Apache License, Version 2.0.
#include <gtest/gtest.h>

#include <cmath>
#include <vector>

#include "engine/kernels.hpp"

namespace fractile {
namespace {

TEST(Kernels, ExposuresSumInOrderAndPassOverMissing) {
  std::vector<float> x(8 * 50);
  for (std::size_t i = 0; i < x.size(); ++i) x[i] = i % 11 == 0 ? NAN : static_cast<float>(i) * 0.37F - 40.0F;
  const std::vector<RowIndex> rows{3, 4, 9, 20, 49, 0, 7};
  const std::vector<double> weights{0.1, -0.3, 0.25, 0.0, -0.125, 0.7, 1e-3};
  std::vector<double> expected(8, 0.5), sums(8, 0.5);
  for (std::size_t i = 0; i < rows.size(); ++i)
    for (std::size_t k = 0; k < 8; ++k) {
      const double value = x[static_cast<std::size_t>(rows[i]) * 8 + k];
      const double term = weights[i] * value;
      expected[k] += value == value ? term : 0.0;
    }
  sum_exposures(x.data(), rows.data(), weights.data(), rows.size(), sums.data());
  EXPECT_EQ(sums, expected);
}

}  // namespace
}  // namespace fractile

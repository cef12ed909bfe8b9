// Copyright The fractile authors. Licensed under the Apache License, Version 2.0.
#include <gtest/gtest.h>

#include <cstdint>
#include <limits>
#include <vector>

#include "engine/kernels/kernels.hpp"

namespace fractile {
namespace {

template <class T>
std::vector<T> make_exposures(bool with_missing) {
  std::vector<T> x(kExposureStride * 50);
  for (std::size_t i = 0; i < x.size(); ++i) {
    const bool is_missing = i % kExposureStride == kNExposures || (with_missing && i % 11 == 0);
    x[i] = is_missing ? std::numeric_limits<T>::quiet_NaN() : static_cast<T>(static_cast<double>(i * i % 97) * 0.37 - 17.0);
  }
  return x;
}

const std::vector<RowIndex> kRows{3, 4, 9, 20, 49, 0, 7};
const std::vector<std::uint16_t> kGroups{1, 0, 1, 2, 2, 2, 0};

template <class T>
FactorRows names_of(const std::vector<T>& x) {
  return {{x.data(), sizeof(T) == 8}, kRows.data(), kRows.size()};
}

template <class T>
class ExposureKernels : public testing::Test {};
using Stored = testing::Types<float, double>;
TYPED_TEST_SUITE(ExposureKernels, Stored);

TYPED_TEST(ExposureKernels, SumInOrderAndPassOverMissing) {
  const auto x = make_exposures<TypeParam>(true);
  const FactorRows names = names_of(x);
  const std::vector<double> weights{0.1, -0.3, 0.25, 0.0, -0.125, 0.7, 1e-3};
  std::vector<double> expected(kExposureStride, 0.5), sums(kExposureStride, 0.5);
  for (std::size_t i = 0; i < kRows.size(); ++i)
    for (int k = 0; k < kExposureStride; ++k) {
      const double value = names.read(i, k);
      const double term = weights[i] * value;
      expected[static_cast<std::size_t>(k)] += value == value ? term : 0.0;
    }
  sum_exposures(names, weights.data(), sums.data());
  EXPECT_EQ(sums, expected);
}

TYPED_TEST(ExposureKernels, SumByCellAndPassOverMissing) {
  const auto x = make_exposures<TypeParam>(true);
  const FactorRows names = names_of(x);
  const std::vector<double> weights{0.1, 0.3, 0.25, 0.0, 0.125, 0.7, 1e-3};
  const std::vector<std::uint32_t> cells{1, 0, 1, 2, 2, 2, 0};
  for (const bool is_weighted : {false, true}) {
    std::vector<double> expected(3 * kExposureStride, 0.5), sums(expected);
    for (std::size_t i = 0; i < kRows.size(); ++i)
      for (int k = 0; k < kExposureStride; ++k) {
        const double value = names.read(i, k);
        const double term = (is_weighted ? weights[i] : 1.0) * value;
        expected[cells[i] * std::size_t{kExposureStride} + static_cast<std::size_t>(k)] += value == value ? term : 0.0;
      }
    sum_exposures_by_cell(names, is_weighted ? weights.data() : nullptr, cells.data(), sums.data());
    EXPECT_EQ(sums, expected);
  }
}

TYPED_TEST(ExposureKernels, ProductsAndSumsByGroup) {
  const auto x = make_exposures<TypeParam>(false);
  const FactorRows names = names_of(x);
  std::vector<double> sums(3 * kExposureStride), gram(kExposureStride * kExposureStride);
  std::vector<double> expected_sums(sums), expected_gram(gram);
  for (std::size_t i = 0; i < kRows.size(); ++i)
    for (int k = 0; k < kNExposures; ++k) {
      const auto at = static_cast<std::size_t>(k);
      expected_sums[kGroups[i] * std::size_t{kExposureStride} + at] += names.read(i, k);
      for (int l = 0; l <= k; ++l)
        expected_gram[at * kExposureStride + static_cast<std::size_t>(l)] += names.read(i, k) * names.read(i, l);
    }
  add_factors(names, kGroups.data(), sums.data(), gram.data());
  for (std::size_t k = 0; k < kNExposures; ++k) {
    for (std::size_t g = 0; g < 3; ++g) EXPECT_EQ(sums[g * kExposureStride + k], expected_sums[g * kExposureStride + k]);
    for (std::size_t l = 0; l <= k; ++l) EXPECT_EQ(gram[k * kExposureStride + l], expected_gram[k * kExposureStride + l]);
  }
}

TYPED_TEST(ExposureKernels, FitsAreSubtractedAndWhatIsLeftMultiplied) {
  const auto x = make_exposures<TypeParam>(false);
  const FactorRows names = names_of(x);
  std::vector<double> y{1.0, -2.0, 0.5, 3.0, -1.5, 0.25, 8.0}, expected(y);
  const std::vector<double> beta{0.3, -0.1, 0.0, 2.0, -0.7, 0.05, 1.0}, offset{0.5, -4.0, 9.0};
  std::vector<double> products(kExposureStride), expected_products(kExposureStride);
  for (std::size_t i = 0; i < y.size(); ++i) {
    double even = 0.0, odd = 0.0;
    for (int k = 0; k < kNExposures; ++k) (k % 2 == 0 ? even : odd) += names.read(i, k) * beta[static_cast<std::size_t>(k)];
    expected[i] = (y[i] + offset[kGroups[i]]) - (even + odd);
    for (int k = 0; k < kNExposures; ++k) expected_products[static_cast<std::size_t>(k)] += names.read(i, k) * expected[i];
  }
  subtract_fit(names, kGroups.data(), beta.data(), offset.data(), y.data(), products.data());
  EXPECT_EQ(y, expected);
  std::vector<double> again(kExposureStride);
  multiply_factors(names, y.data(), again.data());
  for (std::size_t k = 0; k < kNExposures; ++k) {
    EXPECT_EQ(products[k], expected_products[k]);
    EXPECT_EQ(again[k], expected_products[k]);
  }
}

}  // namespace
}  // namespace fractile

// Copyright The fractile authors. Licensed under the Apache License, Version 2.0.
#include "engine/kernels/kernels.hpp"

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <algorithm>
#include <bit>
#include <cmath>
#include <limits>
#include <numeric>
#include <vector>

namespace fractile {
namespace {

/// Whole numbers with many ties, about a third of them missing.
std::vector<double> make_slots() {
  const auto codes = *rc::gen::container<std::vector<int>>(rc::gen::inRange(-20, 40));
  std::vector<double> slots;
  for (const int code : codes) slots.push_back(code >= 20 ? std::nan("") : code);
  return slots;
}

RC_GTEST_PROP(Kernels, PackKeepsNumbersInOrder, ())
{
  const auto slots = make_slots();
  std::vector<double> expected;
  std::vector<RowIndex> expected_rows;
  for (std::size_t i = 0; i < slots.size(); ++i)
    if (slots[i] == slots[i]) {
      expected.push_back(slots[i]);
      expected_rows.push_back(static_cast<RowIndex>(i) + 1000);
    }
  std::vector<double> out(slots.size() + kKernelPadding), out2(out.size());
  std::vector<RowIndex> rows(out.size());
  out.resize(pack_numbers(slots.data(), slots.size(), out.data()));
  const std::size_t n = pack_numbers_and_rows(slots.data(), slots.size(), 1000, out2.data(), rows.data());
  out2.resize(n);
  rows.resize(n);
  RC_ASSERT(out == expected);
  RC_ASSERT(out2 == expected);
  RC_ASSERT(rows == expected_rows);
}

RC_GTEST_PROP(Kernels, EveryNaNAndInfinityIsFound, ())
{
  auto values = make_slots();
  for (double& x : values)
    if (x == 19.0 || x == -20.0) x *= std::numeric_limits<double>::infinity();
  std::vector<std::int32_t> expected, places(values.size() + 1);
  for (std::size_t i = 0; i < values.size(); ++i)
    if (!std::isfinite(values[i])) expected.push_back(static_cast<std::int32_t>(i));
  places.resize(find_not_finite(values.data(), values.size(), places.data()));
  RC_ASSERT(places == expected);
}

RC_GTEST_PROP(Kernels, TailsAreTheNumbersBeyondTheCuts, ())
{
  const auto slots = make_slots();
  const double low = *rc::gen::inRange(-21, 21), high = *rc::gen::inRange(-21, 21);
  std::vector<double> expected, out(slots.size() + kKernelPadding);
  std::vector<std::int32_t> expected_places, places(out.size());
  std::size_t numbers = 0;
  for (std::size_t i = 0; i < slots.size(); ++i) {
    numbers += slots[i] == slots[i];
    if (!(slots[i] <= low || slots[i] >= high)) continue;
    expected.push_back(slots[i]);
    expected_places.push_back(static_cast<std::int32_t>(i));
  }
  const TailCount found = pack_tails(slots.data(), slots.size(), low, high, out.data(), places.data());
  out.resize(found.tails);
  places.resize(found.tails);
  RC_ASSERT(found.numbers == numbers);
  RC_ASSERT(out == expected);
  RC_ASSERT(places == expected_places);
}

RC_GTEST_PROP(Kernels, RangeIsOfTheLowestAndTheHighest, ())
{
  const auto codes = *rc::gen::nonEmpty(rc::gen::container<std::vector<int>>(rc::gen::inRange(-1000, 1000)));
  const std::vector<double> values(codes.begin(), codes.end());
  const Range found = find_range(values.data(), values.size());
  RC_ASSERT(found.low == *std::min_element(values.begin(), values.end()));
  RC_ASSERT(found.high == *std::max_element(values.begin(), values.end()));
}

/// The outputs of all kernels for some input, as bits.
std::vector<std::uint64_t> bits_of_kernels(const std::vector<double>& slots, const std::vector<double>& numbers) {
  std::vector<std::uint64_t> bits;
  const auto add = [&](const auto* values, std::size_t n) {
    for (std::size_t i = 0; i < n; ++i) bits.push_back(std::bit_cast<std::uint64_t>(static_cast<double>(values[i])));
  };
  const std::size_t padded = slots.size() + numbers.size() + kKernelPadding;
  std::vector<double> out(padded);
  std::vector<std::int32_t> places(padded);
  add(out.data(), pack_numbers(slots.data(), slots.size(), out.data()));
  const std::size_t n_rows = pack_numbers_and_rows(slots.data(), slots.size(), 70, out.data(), places.data());
  add(places.data(), n_rows);
  const TailCount tails = pack_tails(slots.data(), slots.size(), -3.0, 8.0, out.data(), places.data());
  add(out.data(), tails.tails);
  add(places.data(), tails.tails);
  add(places.data(), find_not_finite(slots.data(), slots.size(), places.data()));
  const std::vector<double> other(numbers.rbegin(), numbers.rend());
  const std::size_t n = numbers.size();
  for (const double x : {sum(numbers.data(), n), sum_products(numbers.data(), other.data(), n),
                         sum_long_products(numbers.data(), other.data(), n), sum_short_products(numbers.data(), other.data(), n)})
    add(&x, 1);
  const Range range = find_range(numbers.data(), n);
  const Neighbours near = find_neighbours(numbers.data(), n, numbers[n / 2]);
  for (const double x : {range.low, range.high, near.before, near.after}) add(&x, 1);
  std::vector<float> exposures;
  for (std::size_t i = 0; i < n * kExposureStride; ++i)
    exposures.push_back(static_cast<float>(numbers[i % n] * static_cast<double>(i % 7)));
  std::vector<RowIndex> rows(n);
  std::iota(rows.begin(), rows.end(), 0);
  const std::vector<std::uint16_t> group(n, 0);
  const FactorRows factors{{exposures.data(), false}, rows.data(), n};
  std::vector<double> sums(kExposureStride), gram(kExposureStride * kExposureStride), products(kExposureStride), y(numbers);
  sum_exposures(factors, numbers.data(), sums.data());
  add(sums.data(), kNExposures);
  std::vector<double> neighbours(kRankReach, std::nan(""));
  neighbours.insert(neighbours.end(), numbers.begin(), numbers.end());
  neighbours.insert(neighbours.end(), kRankReach + kKernelPadding, std::nan(""));
  place_among_neighbours(neighbours.data() + kRankReach, n, places.data());
  for (std::size_t i = 0; i < n; ++i) bits.push_back(static_cast<std::uint64_t>(places[i]));
  add_factors(factors, group.data(), sums.data(), gram.data());
  add(sums.data(), kNExposures);
  for (std::size_t k = 0; k < kNExposures; ++k) add(gram.data() + k * kExposureStride, k + 1);
  const double beta[kExposureStride] = {0.3, -0.1, 0.7, 0.01, -2.0, 0.5, 1.0, 0.0}, offset[] = {0.25};
  subtract_fit(factors, group.data(), beta, offset, y.data(), products.data());
  add(y.data(), n);
  add(products.data(), kNExposures);
  return bits;
}

RC_GTEST_PROP(Kernels, EveryInstructionSetGivesTheSameBits, ())
{
  const auto slots = make_slots();
  const auto numbers = *rc::gen::nonEmpty(rc::gen::container<std::vector<double>>(
      rc::gen::map(rc::gen::inRange(-100000, 100000), [](int x) { return static_cast<double>(x) / 977.0; })));
  const std::vector<std::string> targets = kernel_targets();
  RC_ASSERT(!targets.empty());
  std::vector<std::uint64_t> expected;
  for (const std::string& target : targets) {
    RC_ASSERT(use_kernels(target));
    RC_ASSERT(target == kernel_target());
    const auto found = bits_of_kernels(slots, numbers);
    if (expected.empty()) expected = found;
    RC_ASSERT(found == expected);
  }
  RC_ASSERT(use_kernels(""));
}

}  // namespace
}  // namespace fractile

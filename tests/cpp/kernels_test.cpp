// Copyright The fractile authors. Licensed under the Apache License, Version 2.0.
#include "engine/kernels.hpp"

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <cmath>
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

RC_GTEST_PROP(Kernels, BracketsCountAndCollect, ())
{
  const auto slots = make_slots();
  const double a = *rc::gen::inRange(-21, 21), b = *rc::gen::inRange(-21, 21);
  const Brackets brackets{a, a + 3, b, b + 5};
  std::vector<double> low(slots.size() + kKernelPadding), high(low.size()), expected_low, expected_high;
  BracketCount expected{};
  for (const double x : slots) {
    if (x != x) continue;
    ++expected.numbers;
    expected.below_low += x < a;
    expected.below_high += x < b;
    if (x >= a && x <= a + 3) expected_low.push_back(x);
    if (x >= b && x <= b + 5) expected_high.push_back(x);
  }
  const BracketCount found = count_brackets(slots.data(), slots.size(), brackets, low.data(), high.data());
  low.resize(found.in_low);
  high.resize(found.in_high);
  RC_ASSERT(found.numbers == expected.numbers);
  RC_ASSERT(found.below_low == expected.below_low);
  RC_ASSERT(found.below_high == expected.below_high);
  RC_ASSERT(low == expected_low);
  RC_ASSERT(high == expected_high);
}

RC_GTEST_PROP(Kernels, OuterRowsAreThoseBeyondTheCuts, ())
{
  const auto slots = make_slots();
  const double low = *rc::gen::inRange(-21, 0), high = *rc::gen::inRange(0, 21);
  std::vector<RowIndex> expected, rows(slots.size() + kKernelPadding);
  for (std::size_t i = 0; i < slots.size(); ++i)
    if (slots[i] <= low || slots[i] >= high) expected.push_back(static_cast<RowIndex>(i) + 7);
  rows.resize(pack_outer_rows(slots.data(), slots.size(), low, high, 7, rows.data()));
  RC_ASSERT(rows == expected);
}

}  // namespace
}  // namespace fractile

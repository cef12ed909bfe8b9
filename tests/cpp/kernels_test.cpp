// Copyright The fractile authors. Licensed under the Apache License, Version 2.0.
#include "engine/kernels.hpp"

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <cmath>
#include <limits>
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

}  // namespace
}  // namespace fractile

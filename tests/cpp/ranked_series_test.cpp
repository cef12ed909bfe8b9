// Copyright The fractile authors. Licensed under the Apache License, Version 2.0.
#include "stats/ranked_series.hpp"

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <cstdint>
#include <vector>

namespace fractile {
namespace {

/// Twice the average rank of `number` among `others`, less the mean, by counting.
std::int64_t centred_by_counting(std::int32_t number, const std::vector<std::int32_t>& others) {
  std::int64_t twice = 1;
  for (const std::int32_t other : others) twice += 2 * (other < number) + (other == number);
  return twice - static_cast<std::int64_t>(others.size()) - 1;
}

template <class Number>
void check_without(const std::vector<std::int32_t>& numbers, const std::vector<bool>& is_gone) {
  std::vector<Number> all(numbers.begin(), numbers.end()), gone, memory;
  std::vector<std::int32_t> rest;
  for (std::size_t i = 0; i < numbers.size(); ++i)
    if (is_gone[i])
      gone.push_back(all[i]);
    else
      rest.push_back(numbers[i]);
  RankedSeries<Number> series;
  series.set(all, 40);
  RC_ASSERT(static_cast<std::size_t>(series.names()) == numbers.size());
  const CentredRanks<Number> found = series.without(gone, memory);
  std::int64_t squares = 0;
  for (const std::int32_t number : rest) {
    const std::int64_t expected = centred_by_counting(number, rest);
    RC_ASSERT(std::int64_t{found.of_number[number]} == expected);
    squares += expected * expected;
  }
  RC_ASSERT(found.squares == squares);
  RC_ASSERT(found.of_number[kNoRank] == 0);
}

RC_GTEST_PROP(RankedSeries, RanksOfAPartAreThoseOfItsNames, ())
{
  const auto n = static_cast<std::size_t>(*rc::gen::inRange(0, 200));
  const auto numbers = *rc::gen::container<std::vector<std::int32_t>>(n, rc::gen::inRange(0, 40));
  const int one_in = *rc::gen::element(2, 30, 1000);
  std::vector<bool> is_gone(n);
  for (std::size_t i = 0; i < n; ++i) is_gone[i] = *rc::gen::inRange(0, one_in) == 0;
  check_without<std::int16_t>(numbers, is_gone);
  check_without<std::int32_t>(numbers, is_gone);
}

RC_GTEST_PROP(RankedSeries, PlacesAndTheirTiesAreNumbers, ())
{
  std::vector<TiedPlaces> ties;
  std::vector<std::int16_t> numbers;
  while (numbers.size() < 60) {
    const auto begin = static_cast<std::int32_t>(numbers.size());
    const int length = *rc::gen::weightedElement<int>({{8, 1}, {2, 2}, {1, 5}});
    numbers.insert(numbers.end(), static_cast<std::size_t>(length), static_cast<std::int16_t>(begin));
    if (length > 1) ties.push_back({begin, begin + length});
  }
  const auto n = static_cast<std::int32_t>(numbers.size());
  RankedSeries<std::int16_t> by_place, by_number;
  by_place.set_places(n, ties);
  by_number.set(numbers, n);
  RC_ASSERT(by_place.names() == n);
  RC_ASSERT(by_place.all().squares == by_number.all().squares);
  for (const std::int16_t number : numbers) RC_ASSERT(by_place.all().of_number[number] == by_number.all().of_number[number]);
}

TEST(RankedSeries, TheWidestDayFits) {
  constexpr std::size_t kN = RankedSeries<std::int16_t>::kMaxNames;
  std::vector<std::int16_t> numbers(kN), memory;
  for (std::size_t i = 0; i < kN; ++i) numbers[i] = static_cast<std::int16_t>(i);
  RankedSeries<std::int16_t> series;
  series.set(numbers, static_cast<std::int32_t>(kN));
  EXPECT_EQ(series.all().of_number[0], 1 - static_cast<std::int32_t>(kN));
  EXPECT_EQ(series.all().of_number[kN - 1], static_cast<std::int32_t>(kN) - 1);
  std::vector<std::int16_t> gone{5, 3};
  EXPECT_EQ(series.without(gone, memory).of_number[kN - 1], static_cast<std::int32_t>(kN) - 3);
}

}  // namespace
}  // namespace fractile

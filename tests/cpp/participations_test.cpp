// Copyright The fractile authors. Licensed under the Apache License, Version 2.0.
#include "analysis/participations.hpp"

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <algorithm>
#include <cmath>
#include <optional>
#include <vector>

#include "fractile/types.hpp"

namespace fractile {
namespace {

using Days = std::vector<std::vector<double>>;

/// Adds the days to two slots in turn, in memory that had other numbers before.
class Filled {
 public:
  explicit Filled(const Days& days) : memory_(2) {
    for (ByteBuffer& of_slot : memory_) of_slot.append_value(1e9);
    numbers_.emplace(days.size(), memory_);
    for (std::size_t day = 0; day < days.size(); ++day) {
      const int slot = static_cast<int>(day % 2);
      std::copy(days[day].begin(), days[day].end(), numbers_->prepare(slot, days[day].size()));
      numbers_->add(day, slot, days[day].size());
    }
  }
  double quantile(const std::vector<std::size_t>& days, double q) const { return numbers_->quantile(days, q); }

 private:
  std::vector<ByteBuffer> memory_;
  std::optional<Participations> numbers_;
};

double expected_quantile(const Days& days, const std::vector<std::size_t>& asked, double q) {
  std::vector<double> all;
  for (const std::size_t day : asked) all.insert(all.end(), days[day].begin(), days[day].end());
  if (all.empty()) return kNaN;
  std::sort(all.begin(), all.end());
  const double place = q * static_cast<double>(all.size() - 1);
  const auto below = static_cast<std::size_t>(place);
  const double high = all[std::min(below + 1, all.size() - 1)];
  return all[below] + (high - all[below]) * (place - static_cast<double>(below));
}

RC_GTEST_PROP(Participations, AQuantileIsThatOfTheSortedNumbers, ())
{
  const auto number = rc::gen::map(rc::gen::inRange(1, 400), [](int i) { return std::exp(i / 40.0); });  // with ties
  const Days days = *rc::gen::container<Days>(rc::gen::container<std::vector<double>>(number));
  std::vector<std::size_t> asked;
  for (std::size_t day = 0; day < days.size(); ++day)
    if (*rc::gen::inRange(0, 3) > 0) asked.push_back(day);
  const Filled filled(days);
  for (const double q : {0.0, 0.01, 0.5, 0.95, 1.0}) {
    const double found = filled.quantile(asked, q), expected = expected_quantile(days, asked, q);
    RC_ASSERT(found == expected || (std::isnan(found) && std::isnan(expected)));
  }
}

TEST(Participations, ASampleThatMisleadsChangesNoQuantile) {
  // The sample is of all days, and those that nobody asks for have far larger numbers.
  Days days(40);
  for (std::size_t day = 0; day < days.size(); ++day)
    for (int i = 0; i < 500; ++i)
      days[day].push_back((day < 30 ? 1e6 : 1.0) + static_cast<double>((i * 7919 + day * 104729) % 1000));
  std::vector<std::size_t> asked{30, 31, 32, 33, 34, 35, 36, 37, 38, 39};
  EXPECT_EQ(Filled(days).quantile(asked, 0.95), expected_quantile(days, asked, 0.95));
}

}  // namespace
}  // namespace fractile

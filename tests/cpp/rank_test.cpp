// Copyright The fractile authors. Licensed under the Apache License, Version 2.0.
#include "engine/portfolio/sorter.hpp"

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <algorithm>
#include <cmath>
#include <numeric>
#include <string>
#include <vector>

#include "engine/kernels/kernels.hpp"

namespace fractile {
namespace {

/// Methodology section 5 word by word: average ranks by counting, the rule name by name.
std::vector<std::int8_t> sides_by_the_rule(const std::vector<double>& s, double a, double b) {
  std::vector<std::int8_t> out;
  const auto m = static_cast<double>(s.size());
  for (const double x : s) {
    double below = 0, equal = 0;
    for (const double y : s) {
      below += y < x;
      equal += y == x;
    }
    const double r = below + (equal + 1) / 2;
    out.push_back(100.0 * r <= a * m ? std::int8_t{-1} : 100.0 * r > b * m ? std::int8_t{1} : std::int8_t{0});
  }
  return out;
}

/// The sides of n names, of which the candidates are those that can have one.
std::vector<std::int8_t> sides_of_all(const Candidates& found, std::size_t n) {
  std::vector<std::int8_t> out(n, kFlat);
  for (std::size_t i = 0; i < found.rows.size(); ++i) out[static_cast<std::size_t>(found.rows[i])] = found.sides[i];
  return out;
}

std::vector<std::int8_t> sides(const std::vector<double>& s, const RunConfig& config,
                               const std::vector<double>& double_values = {}) {
  Sorter sorter(config);
  std::vector<RowIndex> rows(s.size());
  std::iota(rows.begin(), rows.end(), 0);
  return sides_of_all(sorter.sort_names({rows, s, double_values, {}, 0, {}}), s.size());
}

/// The same by the two cut points that a plain run takes.
std::vector<std::int8_t> plain_sides(const std::vector<double>& s, const RunConfig& config) {
  Sorter sorter(config);
  SortGuess guess;
  return sides_of_all(sorter.sort_values(s, 0, {}, guess), s.size());
}

RC_GTEST_PROP(Rank, CutsAgainstReferencesFollowTheRule, ())
{
  const auto coarse = *rc::gen::nonEmpty(rc::gen::container<std::vector<int>>(rc::gen::inRange(-6, 6)));
  std::vector<double> reference(coarse.begin(), coarse.end());
  const double a = *rc::gen::inRange(1, 980) / 10.0;
  const double b = std::max(a, *rc::gen::inRange(1, 999) / 10.0);
  std::vector<double> names;
  for (int x = -14; x <= 14; ++x) names.push_back(x / 2.0);
  const auto m = static_cast<double>(reference.size());
  std::vector<int> expected;
  for (const double s : names) {
    double below = 0, equal = 0;
    for (const double y : reference) {
      below += y < s;
      equal += y == s;
    }
    const double r = below + (equal + 1) / 2;
    expected.push_back((100.0 * r > b * m) - (100.0 * r <= a * m));
  }
  // Neither a near nor a far guess changes an answer.
  CutGuess guess{*rc::gen::inRange(-9, 9) / 2.0, *rc::gen::inRange(-9, 9) / 2.0};
  for (int again = 0; again < 2; ++again) {
    std::vector<double> reordered = reference;
    const Cuts cuts = find_cuts(reordered, a, b, guess);
    for (std::size_t i = 0; i < names.size(); ++i) RC_ASSERT(cuts.side_of(names[i]) == expected[i]);
  }
}

RC_GTEST_PROP(Rank, SidesFollowTheRuleWithTies, ())
{
  const auto coarse = *rc::gen::container<std::vector<int>>(rc::gen::inRange(-6, 6));
  const std::vector<double> s(coarse.begin(), coarse.end());
  RunConfig config;
  const double a = *rc::gen::inRange(1, 980) / 10.0;
  const double b = std::max(a, *rc::gen::inRange(1, 999) / 10.0);
  config.fractile = {a, b};
  RC_ASSERT(sides(s, config) == sides_by_the_rule(s, a, b));
  RC_ASSERT(plain_sides(s, config) == sides_by_the_rule(s, a, b));
}

RC_GTEST_PROP(Rank, SidesFollowTheRuleWithoutTies, ())
{
  const auto whole = *rc::gen::unique<std::vector<int>>(rc::gen::arbitrary<int>());
  std::vector<double> s(whole.begin(), whole.end());
  RunConfig config;
  const int a = *rc::gen::inRange(1, 100);
  const int b = *rc::gen::inRange(a, 100);
  config.fractile = {static_cast<double>(a), static_cast<double>(b)};
  RC_ASSERT(sides(s, config) == sides_by_the_rule(s, a, b));
}

RC_GTEST_PROP(Rank, AGuessNeverChangesTheAnswer, ())
{
  // Long enough for the guess to be used; coarse enough for ties at the cuts.
  const auto coarse = *rc::gen::container<std::vector<int>>(500, rc::gen::inRange(-80, 80));
  const std::vector<double> s(coarse.begin(), coarse.end());
  RankScratch scratch;
  const double low = *rc::gen::inRange(-100, 100);
  CutGuess guess{low, low + *rc::gen::inRange(-10, 160), true}, none;
  RankScratch other;
  const Tails guessed = find_tails(s, 10, 90, guess, scratch), exact = find_tails(s, 10, 90, none, other);
  RC_ASSERT(guessed.n_names == exact.n_names);
  RC_ASSERT(std::ranges::equal(guessed.s, exact.s));
  RC_ASSERT(std::ranges::equal(guessed.at, exact.at));
  RC_ASSERT(std::ranges::equal(guessed.side, exact.side));
}

RC_GTEST_PROP(Rank, IncreasingTransformKeepsTheBook, ())
{
  const auto whole = *rc::gen::container<std::vector<int>>(rc::gen::inRange(-300, 300));
  std::vector<double> s(whole.begin(), whole.end()), t;
  for (const double x : s) t.push_back(std::exp(x / 50.0));
  RC_ASSERT(sides(s, {}) == sides(t, {}));
  RC_ASSERT(plain_sides(s, {}) == plain_sides(t, {}));
}

TEST(Rank, AllTiedIsFlatAtTenNinety) { EXPECT_EQ(sides(std::vector<double>(20, 1.5), {}), std::vector<std::int8_t>(20, 0)); }

TEST(Rank, OneNameIsLongOrFlat) {
  EXPECT_EQ(sides({1.0}, {}), std::vector<std::int8_t>{1});  // 100 > 90
  RunConfig config;
  config.fractile = {99.5, 99.5};
  EXPECT_EQ(sides({1.0}, config), std::vector<std::int8_t>{1});
}

TEST(Rank, FractileInputTakesLowestAndHighestBin) {
  RunConfig config;
  config.input_type = InputType::fractile;
  EXPECT_EQ(sides({3, 1, 2, 1, 3}, config), (std::vector<std::int8_t>{1, -1, 0, -1, 1}));
  EXPECT_EQ(sides({2, 2, 2}, config), (std::vector<std::int8_t>{0, 0, 0}));
}

TEST(Rank, DoubleSortPoolsSidesOverBins) {
  RunConfig config;
  config.sort_method = SortMethod::double_;
  config.double_frac = 2;
  config.fractile = {50, 50};
  // Two bins of double_var (1 1 | 9 9), one name without: each bin has its own short and long.
  EXPECT_EQ(sides({5, 6, 50, 60, 7}, config, {1, 1, 9, 9, std::nan("")}), (std::vector<std::int8_t>{-1, 1, -1, 1, 0}));
}

TEST(Rank, AverageRanksShareTies) {
  RankScratch scratch;
  std::vector<double> ranks;
  average_ranks(std::vector<double>{10, 30, 10, 20}, scratch, ranks);
  EXPECT_EQ(ranks, (std::vector<double>{1.5, 4, 1.5, 3}));
}

/// Few digits (ties), values that differ in their last bits only, both signs, both zeros, fat tails, infinities; few and many.
std::vector<double> make_values(int variant) {
  constexpr double kSteps[] = {0.25, 1e-9, 0x1p-45, 1e300};
  const double step = kSteps[variant % 4];
  const int n = variant < 4 ? 90 : variant < 8 ? 3000 : 30'000;
  std::vector<double> values;
  for (int i = 0; i < n; ++i) {
    const double x = (i * 7919LL % 3001 - 1500) / (variant % 4 + 1) * step;
    values.push_back(step > 1.0 ? std::cbrt(x) * std::fabs(x / step) * std::fabs(x / step) * (i % 7 + 1) : x + (step < 0.1));
  }
  values.push_back(0.0);
  values.push_back(-0.0);
  if (variant % 2 == 1) values.insert(values.end(), {HUGE_VAL, -HUGE_VAL, -HUGE_VAL});
  return values;
}

TEST(Rank, AverageRanksOfManyValuesAreThoseOfASort) {
  for (int variant = 0; variant < 12; ++variant) {
    const std::vector<double> values = make_values(variant);
    RankScratch scratch;
    std::vector<double> ranks;
    average_ranks(values, scratch, ranks);
    std::vector<double> sorted = values;
    std::sort(sorted.begin(), sorted.end());
    for (std::size_t i = 0; i < values.size(); ++i) {
      const auto [low, high] = std::equal_range(sorted.begin(), sorted.end(), values[i]);
      EXPECT_EQ(ranks[i], static_cast<double>((low - sorted.begin()) + (high - sorted.begin()) + 1) / 2.0) << variant << " " << i;
    }
  }
}

TEST(Rank, OrderOfManyValuesIsThatOfASort) {
  RankScratch scratch;
  ValueOrder order;
  for (const std::string& target : kernel_targets()) {
    ASSERT_TRUE(use_kernels(target));
    for (int variant = 0; variant < 12; ++variant) {
      const std::vector<double> values = make_values(variant);
      order_values(values, scratch, order);
      std::vector<double> sorted = values;
      std::sort(sorted.begin(), sorted.end());
      EXPECT_EQ(order.values, sorted) << target << " " << variant;
      std::vector<bool> is_listed(values.size(), false);
      ASSERT_EQ(order.at.size(), values.size());
      for (std::size_t place = 0; place < values.size(); ++place) {
        const auto at = static_cast<std::size_t>(order.at[place]);
        ASSERT_TRUE(at < values.size() && !is_listed[at]) << target << " " << variant << " " << place;
        is_listed[at] = true;
        EXPECT_EQ(values[at], order.values[place]);
      }
    }
  }
  EXPECT_TRUE(use_kernels(""));
  order_values(std::vector<double>{3, 1, 2, 1}, scratch, order);
  EXPECT_EQ(order.values, (std::vector<double>{1, 1, 2, 3}));
  order_values({}, scratch, order);
  EXPECT_TRUE(order.at.empty());
}

TEST(Rank, BinsOfManyValuesAreThoseOfTheirAverageRanks) {
  RankScratch scratch;
  std::vector<double> ranks;
  std::vector<std::int32_t> bins;
  for (int variant = 0; variant < 12; ++variant) {
    const std::vector<double> values = make_values(variant);
    average_ranks(values, scratch, ranks);
    for (const int k : {1, 2, 3, 10, 49, 5000}) {
      bins_of_average_ranks(values, k, scratch, bins);
      for (std::size_t i = 0; i < values.size(); ++i)
        ASSERT_EQ(bins[i], bin_of_rank(ranks[i], k, values.size()) - 1) << variant << " " << k << " " << i;
    }
  }
  bins_of_average_ranks({}, 5, scratch, bins);
  EXPECT_TRUE(bins.empty());
}

TEST(Rank, BinsWithinGroupsAreThoseOfEachGroupAlone) {
  RankScratch scratch;
  std::vector<std::int32_t> together, alone;
  for (int variant = 0; variant < 12; ++variant) {
    const std::vector<double> values = make_values(variant);
    for (const std::size_t n_groups : {1, 5, 40, 1000}) {
      std::vector<std::int32_t> group(values.size());
      for (std::size_t i = 0; i < group.size(); ++i) group[i] = static_cast<std::int32_t>(i * i / 3 % n_groups);
      for (const int k : {3, 300}) {
        bins_within_groups(values, group, n_groups, k, scratch, together);
        std::vector<std::int32_t> expected(values.size());
        for (std::size_t g = 0; g < n_groups; ++g) {
          std::vector<double> of_group;
          for (std::size_t i = 0; i < group.size(); ++i)
            if (group[i] == static_cast<std::int32_t>(g)) of_group.push_back(values[i]);
          bins_of_average_ranks(of_group, k, scratch, alone);
          for (std::size_t i = 0, at = 0; i < group.size(); ++i)
            if (group[i] == static_cast<std::int32_t>(g)) expected[i] = alone[at++];
        }
        ASSERT_EQ(together, expected) << variant << " " << n_groups << " " << k;
      }
    }
  }
}

TEST(Rank, BinsAreCeilings) {
  EXPECT_EQ(bin_of_rank(1.0, 10, 10), 1);
  EXPECT_EQ(bin_of_rank(1.5, 10, 10), 2);
  EXPECT_EQ(bin_of_rank(10.0, 10, 10), 10);
  EXPECT_EQ(bin_of_rank(2.0, 3, 6), 1);
}

}  // namespace
}  // namespace fractile

// Copyright The fractile authors. Licensed under the Apache License, Version 2.0.
#include "analysis/equal_book.hpp"

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <algorithm>
#include <cmath>
#include <map>
#include <vector>

namespace fractile {
namespace {

constexpr std::size_t kSecurities = 150;

/// An order of names by values, many of them equal.
struct MadeOrder {
  OrderedSignal signal;
  std::vector<double> values;        // by place
  std::vector<std::int32_t> number;  // by place: the first place of a tie
};

MadeOrder make_order() {
  MadeOrder made;
  const int n = *rc::gen::inRange(0, 100), n_values = *rc::gen::element(3, 60, 100000);
  for (int i = 0; i < n; ++i) made.values.push_back(*rc::gen::inRange(0, n_values));
  std::sort(made.values.begin(), made.values.end());
  made.signal.names.reset(kSecurities);
  for (std::int32_t i = 0; i < n; ++i) {
    const auto security = static_cast<SecurityIndex>((i * 37) % static_cast<std::int32_t>(kSecurities));
    made.signal.security.push_back(security);
    made.signal.names.add(static_cast<std::size_t>(security));
    const bool is_tied = i > 0 && made.values[static_cast<std::size_t>(i)] == made.values[static_cast<std::size_t>(i - 1)];
    made.number.push_back(is_tied ? made.number.back() : i);
    if (!is_tied) continue;
    if (!made.signal.ties.empty() && made.signal.ties.back().end == i)
      ++made.signal.ties.back().end;
    else
      made.signal.ties.push_back({i - 1, i + 1});
  }
  return made;
}

RC_GTEST_PROP(OrderCuts, AreThoseOfTheRanksOfTheNamesThatAreThere, ())
{
  const MadeOrder made = make_order();
  const std::size_t n = made.values.size();
  const int one_in = *rc::gen::element(2, 15, 1000);
  std::vector<std::int32_t> missing;
  std::vector<std::size_t> present;
  for (std::size_t i = 0; i < n; ++i)
    if (*rc::gen::inRange(0, one_in) == 0)
      missing.push_back(made.number[i]);
    else
      present.push_back(i);
  const double a = *rc::gen::element(0.0, 3.3, 10.0, 50.0, 100.0), b = *rc::gen::element(0.0, 50.0, 66.6, 90.0, 100.0);
  const OrderCuts cuts = find_order_cuts(made.signal, missing, a, b);
  const auto m = static_cast<double>(present.size());
  std::size_t n_short = 0, n_long = 0;
  for (const std::size_t i : present) {
    double rank = 0.5;
    for (const std::size_t j : present) rank += (made.values[j] < made.values[i]) + 0.5 * (made.values[j] == made.values[i]);
    const bool is_short = 100.0 * rank <= a * m, is_long = 100.0 * rank > b * m;
    RC_ASSERT((i < cuts.short_end) == is_short);
    RC_ASSERT((i >= cuts.long_begin) == is_long);
    n_short += is_short;
    n_long += is_long;
  }
  RC_ASSERT(cuts.n_short == n_short);
  RC_ASSERT(cuts.n_long == n_long);
}

RC_GTEST_PROP(OrderSides, MoveFromCutsToCuts, ())
{
  const MadeOrder made = make_order();
  const auto n = made.values.size();
  OrderSides sides;
  sides.set(made.signal, kSecurities);
  for (int step = 0; step < 4; ++step) {
    const auto short_end = *rc::gen::inRange<std::size_t>(0, n + 1), long_begin = *rc::gen::inRange<std::size_t>(0, n + 1);
    sides.move_to({short_end, long_begin, 0, 0});
    for (std::size_t i = 0; i < n; ++i) {
      const auto security = static_cast<std::size_t>(made.signal.security[i]);
      RC_ASSERT(sides.short_names().has(security) == (i < short_end));
      RC_ASSERT(sides.long_names().has(security) == (i >= long_begin));
    }
  }
}

RC_GTEST_PROP(EqualBook, TradesAreTheChangesOfItsWeights, ())
{
  const auto make_book = [](EqualBook& book) {
    book.long_names.reset(kSecurities);
    book.short_names.reset(kSecurities);
    std::map<std::size_t, int> side_of;
    for (std::size_t i = 0; i < kSecurities; ++i) {
      const int side = *rc::gen::element(0, 0, 1, -1);
      if (side == 0) continue;
      side_of[i] = side;
      (side > 0 ? book.long_names : book.short_names).add(i);
      ++(side > 0 ? book.n_long : book.n_short);
    }
    std::map<std::size_t, double> weights;
    for (const auto& [security, side] : side_of)
      weights[security] = side > 0 ? 1.0 / static_cast<double>(book.n_long) : -1.0 / static_cast<double>(book.n_short);
    return weights;
  };
  EqualBook before, now;
  auto weights = make_book(before);
  for (const auto& [security, weight] : make_book(now)) weights[security] = weight - weights[security];
  double expected = 0.0;
  for (std::size_t i = 0; i < kSecurities; ++i) expected += weights.contains(i) ? std::fabs(weights[i]) : 0.0;
  RC_ASSERT(std::fabs(sum_trades(before, now) - expected) < 1e-12);
}

}  // namespace
}  // namespace fractile

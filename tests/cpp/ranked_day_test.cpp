// Copyright The fractile authors. Licensed under the Apache License, Version 2.0.
#include "analysis/ranked_day.hpp"

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <algorithm>
#include <map>
#include <vector>

namespace fractile {
namespace {

/// Checks that `found` has the names of `value_of` in the order of their values, and their ties.
void check_order(const OrderedSignal& found, const std::map<SecurityIndex, double>& value_of) {
  RC_ASSERT(found.security.size() == value_of.size());
  std::vector<SecurityIndex> names = found.security;
  std::sort(names.begin(), names.end());
  RC_ASSERT(std::unique(names.begin(), names.end()) == names.end());
  std::vector<double> values;
  for (const SecurityIndex name : found.security) values.push_back(value_of.at(name));
  RC_ASSERT(std::is_sorted(values.begin(), values.end()));
  std::size_t tie = 0;
  for (std::size_t begin = 0, end = 0; begin < values.size(); begin = end) {
    for (end = begin + 1; end < values.size() && values[end] == values[begin];) ++end;
    if (end - begin == 1) continue;
    RC_ASSERT(tie < found.ties.size());
    RC_ASSERT(static_cast<std::size_t>(found.ties[tie].begin) == begin);
    RC_ASSERT(static_cast<std::size_t>(found.ties[tie].end) == end);
    ++tie;
  }
  RC_ASSERT(tie == found.ties.size());
}

RC_GTEST_PROP(DayRanker, OrdersNamesAndThoseThatComeLater, ())
{
  const int n_values = *rc::gen::element(3, 20, 1000000);
  const auto value = [&] { return static_cast<double>(*rc::gen::inRange(0, n_values)); };
  const int n_names = *rc::gen::inRange(0, 60), n_later = *rc::gen::inRange(0, 10);
  std::vector<SecurityIndex> names;
  std::vector<double> values;
  std::map<SecurityIndex, double> own, all;
  for (SecurityIndex i = 0; i < n_names; ++i) {
    names.push_back(2 * i);
    values.push_back(value());
    own[names.back()] = all[names.back()] = values.back();
  }
  std::vector<NamedSignal> later;
  for (SecurityIndex i = 0; i < n_later; ++i) {
    later.push_back({2 * i + 1, value()});
    all[later.back().security] = later.back().value;
  }
  DayRanker ranker(200);
  RankedDay day;
  ranker.rank(names, values, later, day);
  check_order(day.all, all);
  RC_ASSERT(std::is_sorted(day.later_places.begin(), day.later_places.end()));
  std::size_t n_own = 0;
  for (std::size_t place = 0; place < day.all.security.size(); ++place) {
    const bool is_own = !std::binary_search(day.later_places.begin(), day.later_places.end(), static_cast<std::int32_t>(place));
    RC_ASSERT(is_own == own.contains(day.all.security[place]));
    n_own += is_own;
  }
  RC_ASSERT(n_own == own.size());
  std::vector<std::uint32_t> in_set;
  day.all.names.list(in_set);
  RC_ASSERT(in_set.size() == all.size());
  for (const std::uint32_t security : in_set) RC_ASSERT(all.contains(static_cast<SecurityIndex>(security)));
}

}  // namespace
}  // namespace fractile

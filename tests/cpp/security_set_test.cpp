// Copyright The fractile authors. Licensed under the Apache License, Version 2.0.
#include "engine/panel/security_set.hpp"

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <algorithm>
#include <iterator>
#include <set>
#include <vector>

namespace fractile {
namespace {

constexpr std::uint32_t kSecurities = 300;

std::vector<std::uint32_t> make_securities() {
  const auto most = *rc::gen::element<std::size_t>(3, 40, 300);  // few per word, or many
  const auto found = *rc::gen::container<std::set<std::uint32_t>>(rc::gen::inRange<std::uint32_t>(0, kSecurities));
  std::vector<std::uint32_t> out(found.begin(), found.end());
  out.resize(std::min(out.size(), most));
  return out;
}

SecuritySet set_of(const std::vector<std::uint32_t>& securities) {
  SecuritySet set;
  set.reset(kSecurities);
  for (const std::uint32_t security : securities) set.add(security);
  return set;
}

std::vector<std::uint32_t> list(const SecuritySet& set) {
  std::vector<std::uint32_t> out;
  set.list(out);
  return out;
}

RC_GTEST_PROP(SecuritySet, OperationsAreThoseOfSets, ())
{
  const auto a = make_securities(), b = make_securities();
  const SecuritySet set_a = set_of(a), set_b = set_of(b);
  RC_ASSERT(list(set_a) == a);
  std::vector<std::uint32_t> missing, common, either, found;
  std::set_difference(a.begin(), a.end(), b.begin(), b.end(), std::back_inserter(missing));
  std::set_intersection(a.begin(), a.end(), b.begin(), b.end(), std::back_inserter(common));
  std::set_union(a.begin(), a.end(), b.begin(), b.end(), std::back_inserter(either));
  set_a.list_missing_in(set_b, found);
  RC_ASSERT(found == missing);
  RC_ASSERT(set_a.count_common(set_b) == common.size());
  SecuritySet both, united = set_a;
  both.intersect(set_a, set_b);
  RC_ASSERT(list(both) == common);
  united.unite(set_b);
  RC_ASSERT(list(united) == either);
  united.unite(SecuritySet());
  RC_ASSERT(list(united) == either);
  for (const std::uint32_t security : b) united.flip(security);
  RC_ASSERT(list(united) == missing);
}

RC_GTEST_PROP(AscendingAdder, AddsThoseThatAreIn, ())
{
  auto a = make_securities();
  if (*rc::gen::arbitrary<bool>()) std::reverse(a.begin(), a.end());
  SecuritySet set;
  set.reset(kSecurities);
  AscendingAdder adder(set);
  std::vector<std::uint32_t> expected;
  for (const std::uint32_t security : a) {
    adder.add_if(security % 3 != 0, security);
    if (security % 3 != 0) expected.push_back(security);
  }
  adder.finish();
  std::sort(expected.begin(), expected.end());
  RC_ASSERT(list(set) == expected);
}

}  // namespace
}  // namespace fractile

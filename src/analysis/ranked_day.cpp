// Copyright The fractile authors. Licensed under the Apache License, Version 2.0.
#include "analysis/ranked_day.hpp"

#include <algorithm>

namespace fractile {

void DayRanker::rank_own(std::span<const SecurityIndex> names, std::span<const double> values, std::span<const double> ranks,
                         OrderedSignal& out) {
  const std::size_t n = names.size();
  out.security.resize(n);
  out.ties.clear();
  value_at_.resize(n);
  // Counts by the whole part of the rank become the places of the names.
  next_.assign(n + 1, 0);
  const auto number_of = [&](std::size_t i) { return static_cast<std::size_t>(ranks[i]) - 1; };
  for (std::size_t i = 0; i < n; ++i) ++next_[number_of(i) + 1];
  for (std::size_t k = 0; k < n; ++k) {
    const std::int32_t begin = next_[k], count = next_[k + 1];
    next_[k + 1] = begin + count;
    if (count > 1) out.ties.push_back({begin, begin + count});
  }
  for (std::size_t i = 0; i < n; ++i) {
    const auto place = static_cast<std::size_t>(next_[number_of(i)]++);
    out.security[place] = names[i];
    value_at_[place] = values[i];
  }
}

void DayRanker::merge(const OrderedSignal& own, std::span<const NamedSignal> later, OrderedSignal& out) const {
  out.security.clear();
  out.security.reserve(own.security.size() + later.size());
  out.ties.clear();
  std::size_t from = 0, tie = 0;  // own places and ties that are not yet copied
  const auto copy_to = [&](std::size_t to) {
    const auto shift = static_cast<std::int32_t>(out.security.size() - from);
    for (; tie < own.ties.size() && static_cast<std::size_t>(own.ties[tie].begin) < to; ++tie)
      out.ties.push_back({own.ties[tie].begin + shift, own.ties[tie].end + shift});
    out.security.insert(out.security.end(), own.security.begin() + static_cast<std::ptrdiff_t>(from),
                        own.security.begin() + static_cast<std::ptrdiff_t>(to));
    from = to;
  };
  for (std::size_t k = 0, end = 0; k < later.size(); k = end) {
    const double value = later[k].value;
    for (end = k + 1; end < later.size() && later[end].value == value;) ++end;
    const auto at = std::lower_bound(value_at_.begin(), value_at_.end(), value);
    copy_to(static_cast<std::size_t>(at - value_at_.begin()));
    const auto begin = static_cast<std::int32_t>(out.security.size());
    for (std::size_t i = k; i < end; ++i) out.security.push_back(later[i].security);
    auto n_equal = static_cast<std::int32_t>(end - k);
    if (at != value_at_.end() && *at == value) {
      const bool is_tie = tie < own.ties.size() && static_cast<std::size_t>(own.ties[tie].begin) == from;
      n_equal += is_tie ? own.ties[tie].end - own.ties[tie].begin : 1;
      tie += is_tie;
    }
    if (n_equal > 1) out.ties.push_back({begin, begin + n_equal});
  }
  copy_to(own.security.size());
}

void DayRanker::rank(std::span<const SecurityIndex> names, std::span<const double> values, std::span<const double> ranks,
                     std::span<NamedSignal> later, RankedDay& out) {
  rank_own(names, values, ranks, out.own);
  out.with_later = {};
  if (later.empty()) return;
  std::sort(later.begin(), later.end(), [](const NamedSignal& a, const NamedSignal& b) { return a.value < b.value; });
  merge(out.own, later, out.with_later);
}

}  // namespace fractile

// Copyright The fractile authors. Licensed under the Apache License, Version 2.0.
#include "analysis/ranked_day.hpp"

#include <algorithm>

namespace fractile {

void DayRanker::find_ties() {
  const std::vector<double>& values = own_.values;
  equal_to_next_.resize(values.size() + 1);
  std::size_t n_equal = 0;
  for (std::size_t i = 0; i + 1 < values.size(); ++i) {
    equal_to_next_[n_equal] = static_cast<std::int32_t>(i);
    n_equal += values[i] == values[i + 1];
  }
  own_ties_.clear();
  for (std::size_t k = 0; k < n_equal; ++k) {
    const std::int32_t at = equal_to_next_[k];
    if (!own_ties_.empty() && own_ties_.back().end == at + 1)
      ++own_ties_.back().end;
    else
      own_ties_.push_back({at, at + 2});
  }
}

void DayRanker::rank(std::span<const SecurityIndex> names, std::span<const double> values, std::span<NamedSignal> later,
                     RankedDay& out) {
  order_values(values, scratch_, own_);
  find_ties();
  std::sort(later.begin(), later.end(), [](const NamedSignal& a, const NamedSignal& b) { return a.value < b.value; });
  OrderedSignal& all = out.all;
  all.security.resize(names.size() + later.size());
  all.ties.clear();
  all.ties.reserve(own_ties_.size() + later.size());
  out.later_places.clear();
  out.later_places.reserve(later.size());
  std::size_t from = 0, tie = 0, count = 0;  // own places and ties that are copied, and names of `all`
  const auto copy_to = [&](std::size_t to) {
    const auto shift = static_cast<std::int32_t>(count - from);
    for (; tie < own_ties_.size() && static_cast<std::size_t>(own_ties_[tie].begin) < to; ++tie)
      all.ties.push_back({own_ties_[tie].begin + shift, own_ties_[tie].end + shift});
    for (; from < to; ++from, ++count) all.security[count] = names[static_cast<std::size_t>(own_.at[from])];
  };
  for (std::size_t k = 0, end = 0; k < later.size(); k = end) {
    const double value = later[k].value;
    for (end = k + 1; end < later.size() && later[end].value == value;) ++end;
    const auto at = std::lower_bound(own_.values.begin(), own_.values.end(), value);
    copy_to(static_cast<std::size_t>(at - own_.values.begin()));
    const auto begin = static_cast<std::int32_t>(count);
    for (std::size_t i = k; i < end; ++i, ++count) {
      out.later_places.push_back(static_cast<std::int32_t>(count));
      all.security[count] = later[i].security;
    }
    auto n_equal = static_cast<std::int32_t>(end - k);
    if (at != own_.values.end() && *at == value) {
      const bool is_tie = tie < own_ties_.size() && static_cast<std::size_t>(own_ties_[tie].begin) == from;
      n_equal += is_tie ? own_ties_[tie].end - own_ties_[tie].begin : 1;
      tie += is_tie;
    }
    if (n_equal > 1) all.ties.push_back({begin, begin + n_equal});
  }
  copy_to(names.size());
  all.names.reset(n_securities_);
  AscendingAdder adder(all.names);
  for (const SecurityIndex name : names) adder.add_if(true, static_cast<std::size_t>(name));
  adder.finish();
  for (const NamedSignal& name : later) all.names.add(static_cast<std::size_t>(name.security));
}

}  // namespace fractile

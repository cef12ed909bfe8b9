// Copyright The fractile authors. Licensed under the Apache License, Version 2.0.
#include "engine/day_counts.hpp"

#include <algorithm>

namespace fractile {

void DayCounts::merge(const DayCounts& other) {
  names += other.names;
  days_with_names += other.days_with_names;
  long_names += other.long_names;
  short_names += other.short_names;
  asked_long += other.asked_long;
  asked_short += other.asked_short;
  most_long = std::max(most_long, other.most_long);
  most_short = std::max(most_short, other.most_short);
  missing_return += other.missing_return;
  left_panel += other.left_panel;
  missing_weight += other.missing_weight;
  missing_double_var += other.missing_double_var;
  missing_rank_within += other.missing_rank_within;
  one_sided_category += other.one_sided_category;
  missing_group.resize(std::max(missing_group.size(), other.missing_group.size()));
  for (std::size_t i = 0; i < other.missing_group.size(); ++i) missing_group[i] += other.missing_group[i];
  has_names.resize(std::max(has_names.size(), other.has_names.size()));
  for (std::size_t i = 0; i < other.has_names.size(); ++i) has_names[i] |= other.has_names[i];
}

}  // namespace fractile

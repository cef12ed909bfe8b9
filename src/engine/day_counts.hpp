// Copyright The fractile authors. Licensed under the Apache License, Version 2.0.
#pragma once

#include <cstdint>
#include <vector>

namespace fractile {

/// Counts over the days of a run. They are sums of whole numbers, so the order of days does not matter.
struct DayCounts {
  std::int64_t names = 0;  ///< used rows and copies
  std::int64_t days_with_names = 0;
  std::int64_t long_names = 0, short_names = 0;  ///< names on a side of overall, before mincos
  std::int64_t asked_long = 0, asked_short = 0;  ///< the same for values without ties
  std::int64_t most_long = 0, most_short = 0;    ///< the largest number of names per day on a side
  std::int64_t missing_return = 0;
  std::int64_t left_panel = 0;
  std::int64_t missing_weight = 0;
  std::int64_t missing_double_var = 0;
  std::int64_t missing_rank_within = 0;
  std::int64_t one_sided_category = 0;      ///< (category value, day) pairs of overall
  std::vector<std::int64_t> missing_group;  ///< by grouping
  std::vector<std::uint8_t> has_names;      ///< by portfolio
  void merge(const DayCounts& other);
};

}  // namespace fractile

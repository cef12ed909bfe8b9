// Copyright The fractile authors. Licensed under the Apache License, Version 2.0.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "report/series.hpp"

namespace fractile {

/// One column of the summary: its declaration and its formula.
struct SummaryStatistic {
  std::string name;
  std::string unit;
  std::string doc;
  std::function<double(const Series& series)> compute;
  bool is_count = false;      ///< a whole number
  bool is_of_borrow = false;  ///< a column only if a fee for short positions can arise
};

/// The columns between byvar, group and the exposures, in order.
const std::vector<SummaryStatistic>& summary_statistics();

/// Throws INVALID_VALUE if an own factor would be a second column of one name.
void refuse_factors_named_like_columns(const RunConfig& config);

/// One row per series, in the order given.
Table build_summary(const std::vector<const Series*>& series, const SeriesShape& shape);

}  // namespace fractile

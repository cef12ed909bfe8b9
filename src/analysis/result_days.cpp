// Copyright The fractile authors. Licensed under the Apache License, Version 2.0.
#include "analysis/result_days.hpp"

namespace fractile {

ResultDays::ResultDays(const AnalysisContext& context, const TableSet& tables) : daily_(tables["daily"]) {
  const Column* const dates = daily_.find("date");
  if (!dates) return;
  dates_ = std::get<Column::Dates>(dates->values);
  if (dates_.days.empty()) return;
  // The table has every trading day from its first to its last.
  const DateIndex first = context.panel.on_or_after(dates_.days.front()) - context.panel.first();
  for (std::size_t i = 0; i < dates_.days.size(); ++i) places_.push_back(static_cast<std::size_t>(first) + i);
}

std::vector<double> ResultDays::daily(std::string_view column) const {
  const Column* const found = daily_.find(column);
  return found ? std::get<std::vector<double>>(found->values) : std::vector<double>(places_.size(), 0.0);
}

}  // namespace fractile

// Copyright The fractile authors. Licensed under the Apache License, Version 2.0.
#pragma once

#include <span>
#include <vector>

#include "analysis/analysis_module.hpp"

namespace fractile {

/// The days of the daily table of a result, and their numbers among the loaded days.
class ResultDays {
 public:
  /// `tables`: the tables of the run, which adds `daily` before any analysis finishes.
  ResultDays(const AnalysisContext& context, const TableSet& tables);
  const Column::Dates& dates() const noexcept { return dates_; }
  std::span<const std::size_t> places() const noexcept { return places_; }
  /// A column of the daily table; zeros if it has no such column.
  std::vector<double> daily(std::string_view column) const;

 private:
  const Table& daily_;
  Column::Dates dates_;
  std::vector<std::size_t> places_;
};

}  // namespace fractile

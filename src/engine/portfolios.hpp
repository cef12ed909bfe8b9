// Copyright The fractile authors. Licensed under the Apache License, Version 2.0.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "engine/panel/grouped_days.hpp"
#include "engine/panel/panel_view.hpp"

namespace fractile {

/// The portfolios of a run: number 0 is overall, then one per group of each category byvar.
struct Portfolios {
  struct Grouping {
    std::string byvar;
    std::shared_ptr<const Category> category;
    std::shared_ptr<const GroupedDays> days;
    int first = 0;  ///< portfolio number of its group 0
  };
  std::vector<Grouping> groupings;
  int count = 1;

  /// Calendar byvars make no portfolios and are skipped. Throws MISSING_PANEL_COLUMN, INVALID_BYVAR.
  static Portfolios make(const PanelView& panel, const RunConfig& config);
};
bool is_calendar_byvar(const std::string& byvar) noexcept;
/// True if the byvar's groups are portfolios of their own.
bool makes_portfolios(const std::string& byvar) noexcept;

}  // namespace fractile

// Copyright The fractile authors. Licensed under the Apache License, Version 2.0.
#include "engine/portfolios.hpp"

#include <utility>

namespace fractile {

bool is_calendar_byvar(const std::string& byvar) noexcept { return byvar == "year" || byvar == "quarter" || byvar == "month"; }

bool makes_portfolios(const std::string& byvar) noexcept { return byvar != "overall" && !is_calendar_byvar(byvar); }

Portfolios Portfolios::make(const PanelView& panel, const RunConfig& config) {
  Portfolios out;
  for (const std::string& byvar : config.byvar_list) {
    if (!makes_portfolios(byvar)) continue;
    Grouping grouping{byvar, panel.category(byvar), panel.grouped_days(byvar, config.characteristics_asof), out.count};
    out.count += grouping.category->n_groups();
    out.groupings.push_back(std::move(grouping));
  }
  return out;
}

}  // namespace fractile

// Copyright The fractile authors. Licensed under the Apache License, Version 2.0.
#include "engine/panel/earned_returns.hpp"

#include "fractile/types.hpp"

namespace fractile {
namespace {

constexpr const char* kDelistingColumn = "delist_ret";

}  // namespace

EarnedReturns::EarnedReturns(const PanelView& panel, const RunConfig& config) {
  if (config.from_open) panel.require("openret", "from_open");
  column_ = panel.reals(config.from_open ? "openret" : "ret");
  exits_ = find_exits(panel, config, column_);
}

std::shared_ptr<const EarnedReturns::Exits> EarnedReturns::find_exits(const PanelView& panel, const RunConfig& config,
                                                                      const Reals& column) {
  const Characteristic known = panel.number(kDelistingColumn, "delisting_return");
  if (!known && config.delisting_return == 0.0) return nullptr;
  auto exits = std::make_shared<Exits>(Exits{panel, std::vector<Exit>(panel.ranges().size())});
  bool is_any = false;
  for (std::size_t i = 0; i < exits->of_security.size(); ++i) {
    const SecurityRange& range = panel.ranges()[i];
    const DateIndex last = range.first + range.length - 1;
    if (last + 1 >= panel.n_dates()) continue;
    const RowIndex row = panel.find_row(static_cast<SecurityIndex>(i), last);
    if (row == kNoRow) continue;
    const double of_panel = known ? known[row] : kNaN;
    const double d = of_panel == of_panel ? of_panel : config.delisting_return;
    if (d == 0.0) continue;
    const double r = column[row];
    exits->of_security[i] = {row, (1.0 + (r == r ? r : 0.0)) * (1.0 + d) - 1.0};
    is_any = true;
  }
  return is_any ? exits : nullptr;
}

}  // namespace fractile

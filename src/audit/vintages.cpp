// Copyright The fractile authors. Licensed under the Apache License, Version 2.0.
#include "audit/vintages.hpp"
#include "fractile/types.hpp"

namespace fractile::audit {

Vintages compare_vintages(const PanelView& panel, const SignalRows& newer, std::int64_t newer_rows, const SignalRows& older,
                          std::int64_t older_rows) {
  Vintages out;
  out.newer.assign(static_cast<std::size_t>(newer_rows), kNaN);
  out.older.assign(static_cast<std::size_t>(older_rows), kNaN);
  double changes = 0.0;
  for (DateIndex n = 0; n < panel.n_dates(); ++n) {
    for (RowIndex row = panel.row_begin(n); row < panel.row_end(n); ++row) {
      const auto at = static_cast<std::size_t>(row);
      const double a = newer.by_panel_row[at], b = older.by_panel_row[at];
      if (a != a || b != b) continue;
      ++out.common;
      out.newer[newer.signal_row[at]] = a;
      out.older[older.signal_row[at]] = b;
      if (a == b) continue;
      out.changed.add(newer.signal_row[at]);
      changes += a - b;
    }
  }
  out.mean_change = out.changed.count > 0 ? changes / static_cast<double>(out.changed.count) : 0.0;
  return out;
}

}  // namespace fractile::audit

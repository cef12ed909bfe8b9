// Copyright The fractile authors. Licensed under the Apache License, Version 2.0.
#pragma once

#include "engine/panel/panel_view.hpp"

namespace fractile {

/// The newest known value of a column at or before a row, of any age; NaN if there is none. Costs use it.
inline double last_known(const PanelView& panel, const Reals& column, RowIndex newest, bool must_be_positive) noexcept {
  for (RowIndex row = newest; row >= 0; row = panel.previous_row(row)) {
    const double value = column[row];
    if (must_be_positive ? value > 0.0 : value == value) return value;
  }
  return __builtin_nan("");
}

}  // namespace fractile

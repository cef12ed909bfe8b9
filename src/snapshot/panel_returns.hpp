// Copyright The fractile authors. Licensed under the Apache License, Version 2.0.
#pragma once

#include <vector>

#include "ingest/read_options.hpp"
#include "snapshot/panel_reader.hpp"

/// Values that no return can have.
namespace fractile {

/// Refuses `ret` and `openret` below -1; other columns are ignored. Throws PANEL_COLUMN_TYPE.
void check_returns(const std::vector<double>& values, const ColumnRules& rules, const PanelIndex& index);
/// Throws PANEL_COLUMN_TYPE where every return is missing.
void require_any_return(const PanelColumn& ret);

}  // namespace fractile

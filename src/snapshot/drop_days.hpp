// Copyright The fractile authors. Licensed under the Apache License, Version 2.0.
#pragma once

#include <span>

#include "snapshot/build_index.hpp"

namespace fractile {

/// The index of a panel without some of its trading days (their numbers, ascending). Source rows of these days have no row:
/// kNoRow. O(rows). Throws PANEL_EMPTY if no day is left.
PanelIndex drop_days(const PanelIndex& index, std::span<const DateIndex> days);

}  // namespace fractile

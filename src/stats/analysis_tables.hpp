// Copyright The fractile authors. Licensed under the Apache License, Version 2.0.
#pragma once

#include "engine/analyse.hpp"
#include "fractile/result.hpp"
#include "report/series.hpp"

/// The tables of `analysis`, methodology section 8.
namespace fractile {

Table build_ic(const DailyAnalysis& daily, const PanelView& panel);
Table build_ic_summary(const DailyAnalysis& daily);
Table build_fractile_table(const DailyAnalysis& daily, const SeriesShape& shape);
Table build_coverage(const DailyAnalysis& daily, const PanelView& panel);

}  // namespace fractile

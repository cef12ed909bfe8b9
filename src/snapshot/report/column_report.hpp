// Copyright The fractile authors. Licensed under the Apache License, Version 2.0.
#pragma once

#include <span>
#include <string>
#include <vector>

#include "fractile/data_report.hpp"
#include "fractile/frequency.hpp"
#include "snapshot/build_index.hpp"
#include "snapshot/panel_reader.hpp"

/// The part of the data report that reads one column: missing values, percent, codes, signs.
namespace fractile {

/// `name`, `source`: our name of the column and the panel's. `column`: by row of `index`, padding included. O(rows), one pass if
/// nothing is found.
void report_column(const std::string& name, const std::string& source, const PanelColumn& column, const PanelIndex& index,
                   Frequency frequency, std::vector<ReportLine>& report);

}  // namespace fractile

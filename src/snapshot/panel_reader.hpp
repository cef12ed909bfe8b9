// Copyright The fractile authors. Licensed under the Apache License, Version 2.0.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "fractile/data_report.hpp"
#include "fractile/panel.hpp"
#include "snapshot/build_index.hpp"

/// The reader of a panel's source: columns as numbers or codes by row.
namespace fractile {

/// Our column names and the source's.
using PanelNames = std::vector<std::pair<std::string, std::string>>;

/// One column by row: numbers (NaN is missing), or codes with their texts, ascending.
struct PanelColumn {
  bool is_text = false;
  std::vector<double> numbers;
  std::vector<std::int32_t> codes;
  std::vector<std::string> texts;
};

/// Our names for the source's columns, those of the options. Throws PANEL_MISSING_COLUMN (ret only if `needs_ret`),
/// PANEL_COLUMN_TYPE.
PanelNames match_names(const std::vector<std::string>& source, const ReadOptions& options, bool needs_ret,
                       std::vector<ReportLine>& report);
/// Reads security_id and date. `wanted`: the kind of the ids that the panel joins; none: integers if all of them are, else texts.
/// Throws the errors of build_index(), UNREADABLE_PANEL, PANEL_COLUMN_TYPE.
PanelIndex read_index(PanelSource& panel, const PanelNames& names, const ReadOptions& options, std::vector<ReportLine>& report,
                      std::optional<IdType> wanted = std::nullopt);
/// Reads one column into the rows of `index`, padding included. Nothing if no option of a run can use it, which is reported.
/// `joins_texts`: its texts join a category, so all of them are values, those that look like numbers or dates too.
/// Throws PANEL_COLUMN_TYPE, PANEL_INFINITE_VALUE, UNREADABLE_PANEL.
std::optional<PanelColumn> read_column(PanelSource& panel, const std::string& name, const std::string& source,
                                       const PanelIndex& index, const ReadOptions& options, std::vector<ReportLine>& report,
                                       bool joins_texts = false);

}  // namespace fractile

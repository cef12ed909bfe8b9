// Copyright The fractile authors. Licensed under the Apache License, Version 2.0.
#pragma once

#include <optional>

#include "arrow/arrow_column.hpp"
#include "ingest/read_options.hpp"
#include "snapshot/panel_reader.hpp"

/// From a column of texts to numbers or a category, as docs/reading.md says.
namespace fractile {

/// Nothing if the column is of no use to a run (texts of dates, too many different texts), which is reported.
std::optional<PanelColumn> read_text_column(const ArrowBatches& batches, const ColumnRules& rules, const PanelIndex& index,
                                            std::vector<ReportLine>& report);
/// Booleans are the category "true", "false".
PanelColumn read_boolean_column(const ArrowBatches& batches, const PanelIndex& index);
/// 1, 2, 3 of "large", "mid", "small"; 0 for another text.
int cap_of_text(std::string_view text);

}  // namespace fractile

// Copyright The fractile authors. Licensed under the Apache License, Version 2.0.
#pragma once

#include <string>
#include <utility>
#include <vector>

#include "arrow/arrow_abi.h"
#include "fractile/changes.hpp"
#include "fractile/data_report.hpp"
#include "fractile/result.hpp"

namespace fractile {

enum class Orient : std::uint8_t { records, split };

/// A table as JSON: a list of records, or (split) {"columns": [...], "data": [[...], ...]} by column.
/// Dates are "2020-01-02", NaN is null, and a real is printed so that it reads back to the same bits.
std::string table_to_json(const Table& table, Orient orient = Orient::records);
/// The answer of POST /run: the tables by name, then the members of facts_to_json().
std::string result_to_json(const Result& result, Orient orient = Orient::records);
/// Everything but the tables: sharpe, annual_return, ..., diagnostics, config, run_id, timings.
std::string facts_to_json(const Result& result);
/// Reads what result_to_json() writes with Orient::split: reals, dates and texts; whole numbers become reals. Throws BAD_REQUEST.
Result result_from_json(const std::string& text);
/// Exports one batch; dates are date32, NaN stays NaN. The table must live until the stream is released.
/// `metadata`: texts of the schema.
void table_to_arrow(const Table& table, ArrowArrayStream* out,
                    const std::vector<std::pair<std::string, std::string>>& metadata = {});
/// Right-aligned text for a terminal, cut to `max_rows` rows, reals with 6 significant digits.
std::string table_to_text(const Table& table, std::size_t max_rows = 60);
/// CSV by RFC 4180: a header and one line per row. NaN is an empty field; a real reads back to the same bits.
std::string table_to_csv(const Table& table);
/// The changes as one JSON object with the keys that docs/how_to_own_data.md shows.
std::string changes_to_json(const SnapshotChanges& changes);
/// The data report of a snapshot: one object with id, frequency, periods_per_year and the lines.
std::string report_to_json(const std::string& id, const DataReport& report);
/// A line of text per finding, warnings first.
std::string report_to_text(const std::vector<ReportLine>& lines);
/// Three lines of counts and a table of columns.
std::string changes_to_text(const SnapshotChanges& changes);

}  // namespace fractile

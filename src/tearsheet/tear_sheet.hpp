// Copyright The fractile authors. Licensed under the Apache License, Version 2.0.
#pragma once

#include <span>
#include <string>

#include "fractile/result.hpp"

/// The tear sheet: one HTML file with the pictures of a result, which opens offline.
namespace fractile {

/// The code that repeats a run, in parts.
struct Repeat {
  std::string arguments;       ///< of `fractile run`; "" if they are not known
  std::string service = "{}";  ///< JSON object: start_date, end_date and compact, if they differ from their defaults
  /// JSON object: sigvar and the options of reading and of the run that differ from their defaults, and byvar_list.
  std::string given = "{}";
};

/// A result of a sheet, and the facts that the result itself does not know.
struct SheetEntry {
  std::string name;
  const Result* result = nullptr;
  Repeat repeat;
  std::string study = "";  ///< a sentence about the study that the run is a trial of; "" if none
  std::string audit = "";  ///< the audit of the signal as JSON: audit_to_json(); "" if none was made
};

/// The file. Several entries are shown side by side first. Names and titles are foreign text: none becomes markup.
std::string tear_sheet(std::span<const SheetEntry> entries, const std::string& title);

/// The data that the file embeds, as one JSON object without "<". web/src/data.ts reads it.
std::string sheet_data(std::span<const SheetEntry> entries, const std::string& title);

/// The place of a run: signal, folder and dates, for the code that repeats it.
struct RunPlace {
  std::string signal = "SIGNAL";
  std::string sigvar = "signal";
  std::string root, start_date, end_date;  ///< "" if not given
  bool compact = true;
  std::string reading = "{}";  ///< the options of reading as JSON: read_options_to_json()
};

/// The code that repeats the run of a result at its place.
Repeat repeat_run(const Result& result, const RunPlace& place);

/// Statistics of the overall book's returns, a row each for ret and ret_net: table "inference" of the sheet.
Table inference_rows(const Result& result);

}  // namespace fractile

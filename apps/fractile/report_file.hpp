// Copyright The fractile authors. Licensed under the Apache License, Version 2.0.
#pragma once

#include <string>

#include "fractile/backtest.hpp"
#include "tearsheet/tear_sheet.hpp"

namespace fractile::cli {

/// Refuses a name that a browser would not open, before any work. Throws INVALID_VALUE.
void require_report_file(const std::string& path);

/// The parts of a sheet that its result does not have.
struct ReportParts {
  std::string study = "";  ///< a sentence about the study that the run is a trial of
  bool has_audit = false;  ///< the look-ahead audit of the signal
};

/// Writes the tear sheet of the first column's result, with the tables that it draws. Throws IO_FAILURE, CANCELLED.
void write_report(const Backtester& backtester, const Signal& signal, const RunConfig& config, const Result& result,
                  const RunPlace& place, const std::string& path, const ReportParts& parts = {});

}  // namespace fractile::cli

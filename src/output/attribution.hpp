// Copyright The fractile authors. Licensed under the Apache License, Version 2.0.
#pragma once

#include <string>

#include "output/output.hpp"
#include "report/attribution.hpp"

namespace fractile {

/// The run that an answer of POST /attribution, /spanning or /similar is about.
struct ExplainedRun {
  std::string series;
  std::string snapshot;
  std::string run_id;
};

/// The answer of POST /attribution.
std::string attribution_to_json(const Attribution& found, const ExplainedRun& run, Orient orient = Orient::records);
/// The table, and a line of numbers.
std::string attribution_to_text(const Attribution& found);
/// The answer of POST /spanning.
std::string spanning_to_json(const Spanning& found, const ExplainedRun& run);
/// One row: alpha, t, sharpe2_increase, f, p, periods.
Table spanning_to_table(const Spanning& found);
/// The answer of POST /similar.
std::string library_to_json(const Table& table, const ExplainedRun& run, Orient orient = Orient::records);

}  // namespace fractile

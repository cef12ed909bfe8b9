// Copyright The fractile authors. Licensed under the Apache License, Version 2.0.
#pragma once

#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "fractile/config.hpp"
#include "fractile/snapshot.hpp"

/// Defaults and suites: the same for the command line, the server and Python.
namespace fractile {

/// Run options as JSON texts, by name.
using OptionTexts = std::map<std::string, std::string>;

/// True for overall, year, quarter, month and for columns of the snapshot.
bool has_group(const Snapshot& snapshot, std::string_view byvar);

/// Returns the options of a run as a JSON object: `given`, a JSON object, over `defaults`. If the snapshot lacks a group, it is
/// left out if only a default names it; a run refuses it if `given` names it. Throws INVALID_VALUE if `given` is
/// not an object.
std::string complete_options(const std::string& given, const OptionTexts& defaults, const Snapshot& snapshot);

/// One run of a suite, named such as "lag0_residoff".
struct SuiteCell {
  std::string name;
  RunConfig config;
};

/// Makes a cell for every pair of lag and resid mode, lags first. All arguments are JSON texts: an object of options, and two
/// lists. Throws the errors of parse_config(), and INVALID_VALUE on an empty list.
std::vector<SuiteCell> make_suite_cells(const std::string& options, const std::string& lags, const std::string& resid_modes);

}  // namespace fractile

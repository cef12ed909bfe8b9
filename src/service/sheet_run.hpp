// Copyright The fractile authors. Licensed under the Apache License, Version 2.0.
#pragma once

#include "fractile/backtest.hpp"

/// The tables of a tear sheet beyond those that a run was asked for.
namespace fractile {

/// The options of a run, with the groups and analysis tables of a tear sheet that this snapshot and these options allow.
RunConfig sheet_config(const RunConfig& config, const Snapshot& snapshot);

/// `result`, with more tables and groups from a second run on the same rows. Its run_id, options and diagnostics stay. If the
/// second run is refused, or its returns differ because `values` have changed, the result stays as it is. Throws CANCELLED.
Result with_sheet_tables(const Backtester& backtester, const SignalKeys& keys, const double* values, const RunConfig& config,
                         Result result, const Interrupt& interrupt = {});

}  // namespace fractile

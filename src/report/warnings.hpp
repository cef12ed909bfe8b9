// Copyright The fractile authors. Licensed under the Apache License, Version 2.0.
#pragma once

#include <cstdint>
#include <span>

#include "engine/day.hpp"
#include "fractile/config.hpp"
#include "fractile/result.hpp"
#include "report/series.hpp"

/// Warnings about a result that means little. docs/errors.md lists the codes.
namespace fractile {

/// The inputs of the warnings, beside the diagnostics.
struct WarningFacts {
  const RunConfig& config;
  const Series& overall;
  const DayCounts& days;
  std::span<const double> values;  ///< of the signal, NaN if missing
};

/// Appends a sentence and its code for every warning that holds, in the order of docs/errors.md.
void add_warnings(const WarningFacts& facts, Diagnostics& diagnostics);

/// The mode, and its share among those that are not missing. Values of a share under 1 % may be passed over.
struct TiedValue {
  double value = 0.0;
  double share = 0.0;
};
TiedValue find_tied_value(std::span<const double> values);

}  // namespace fractile

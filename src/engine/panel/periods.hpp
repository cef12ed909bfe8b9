// Copyright The fractile authors. Licensed under the Apache License, Version 2.0.
#pragma once

#include "fractile/backtest.hpp"
#include "fractile/frequency.hpp"

namespace fractile {

/// The frequency and the periods per year that a run annualises with: those of the snapshot, or of the option.
Periodicity periodicity(const View& view, const RunConfig& config) noexcept;

}  // namespace fractile

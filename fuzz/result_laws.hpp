// Copyright The fractile authors. Licensed under the Apache License, Version 2.0.
#pragma once

#include "fractile/config.hpp"
#include "fractile/result.hpp"
#include "markets.hpp"
#include "naive_align.hpp"

namespace fractile::fuzz {

/// Checks the laws within every result: rows given are rows used and dropped; sides sum to one; net is gross less cost;
/// returns, trades and counts follow from the weights. Requires a run with keep_weights.
void check_result(const Result& result, const SignalCase& made);

/// Compares the result with the naive model of methodology sections 2, 5 and 6.
void check_against(const NaiveAlignment& naive, const Result& result, const SignalCase& made);

}  // namespace fractile::fuzz

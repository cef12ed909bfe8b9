// Copyright The fractile authors. Licensed under the Apache License, Version 2.0.
#pragma once

#include "fractile/config.hpp"
#include "fractile/result.hpp"
#include "markets.hpp"
#include "naive_align.hpp"

namespace fractile::fuzz {

/// What holds within every result: rows given are rows used and dropped, sides sum to one, net is gross less cost, returns,
/// trades and counts are those of the weights. The run kept its weights.
void check_result(const Result& result, const SignalCase& made);

/// The result is that of methodology sections 2, 5 and 6.
void check_against(const NaiveAlignment& naive, const Result& result, const SignalCase& made);

}  // namespace fractile::fuzz

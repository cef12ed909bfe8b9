// Copyright The fractile authors. Licensed under the Apache License, Version 2.0.
#pragma once

#include <functional>

#include "engine/market.hpp"
#include "fractile/config.hpp"

/// Methodology section 2, rule 8 and `bad_open_print`: the panel rows that take no signal.
namespace fractile {

/// An openret this low is a bad print (methodology section 2, rule 7).
inline constexpr double kBadOpenReturn = -0.95;

/// Marks the cleared slots of rows outside the universe and, with from_open, of bad open prints.
void mark_closed_slots(const Market& market, const RunConfig& config, int threads, double* slots,
                       const std::function<void()>& between);

}  // namespace fractile

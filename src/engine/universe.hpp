// Copyright The fractile authors. Licensed under the Apache License, Version 2.0.
#pragma once

#include <cstdint>
#include <functional>

#include "engine/market.hpp"
#include "fractile/config.hpp"

/// Methodology section 2, rule 8 and `bad_open_print`: the panel rows that take no signal.
namespace fractile {

/// An openret this low is a bad print (methodology section 2, rule 7).
inline constexpr double kBadOpenReturn = -0.95;

/// Marks the cleared slots (by row, any type) of rows outside the universe and, with from_open, of bad open prints.
template <class T>
void mark_closed_slots(const Market& market, const RunConfig& config, int threads, T* slots, T outside, T bad_open,
                       const std::function<void()>& between);

extern template void mark_closed_slots(const Market&, const RunConfig&, int, double*, double, double,
                                       const std::function<void()>&);
extern template void mark_closed_slots(const Market&, const RunConfig&, int, std::int32_t*, std::int32_t, std::int32_t,
                                       const std::function<void()>&);

}  // namespace fractile

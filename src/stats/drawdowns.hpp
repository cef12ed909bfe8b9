// Copyright The fractile authors. Licensed under the Apache License, Version 2.0.
#pragma once

#include <cstddef>
#include <span>
#include <vector>

/// The separate drawdowns of a series whose level is the running sum, which starts at 0.
namespace fractile {

/// Periods by place; a drawdown runs from `start` to the period before `end`.
struct Drawdown {
  std::size_t start, trough;
  std::size_t end;  ///< the first period at the peak again; the length of the series if there is none
  double depth;     ///< below 0
};
/// Deepest first, then by date; no more than `top` of them.
std::vector<Drawdown> find_drawdowns(std::span<const double> x, std::size_t top);

}  // namespace fractile

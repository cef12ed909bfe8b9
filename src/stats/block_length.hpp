// Copyright The fractile authors. Licensed under the Apache License, Version 2.0.
#pragma once

#include <span>

/// The optimal block length of a bootstrap: Politis and White (2004), corrected by Patton, Politis and White (2009).
namespace fractile {

struct BlockLength {
  double stationary, circular;  ///< NaN if n < 10 or the series is constant
};
BlockLength optimal_block_length(std::span<const double> x);
/// The optimal length for the stationary bootstrap; 1 if it is NaN or below 1.
double usable_block_length(std::span<const double> x);

}  // namespace fractile

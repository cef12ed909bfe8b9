// Copyright The fractile authors. Licensed under the Apache License, Version 2.0.
#pragma once

#include <cstdint>
#include <span>

#include "stats/bootstrap.hpp"

/// Two Sharpe ratios of the same periods: Ledoit and Wolf (2008), with the kernel of Newey and West.
namespace fractile {

struct SharpeDifference {
  double difference, se_hac, p_hac, p_bootstrap;  ///< per period, p two-sided
  std::int64_t block;
};
/// `block` below 1: the larger circular optimal length, rounded up, from 1 to n/3.
SharpeDifference sharpe_difference(std::span<const double> x, std::span<const double> y, std::int64_t draws, std::int64_t block,
                                   std::uint64_t seed, const Workers& workers);

}  // namespace fractile

// Copyright The fractile authors. Licensed under the Apache License, Version 2.0.
#pragma once

#include <cstdint>
#include <vector>

#include "stats/bootstrap.hpp"
#include "stats/frame.hpp"

/// The probability that the choice of the best series among many is overfitted.
namespace fractile {

struct Overfitting {
  double pbo, prob_loss, slope, intercept;
  std::vector<double> logits;  ///< one per split, splits in the order of combinations
};
/// Combinatorially symmetric cross-validation, Bailey, Borwein, Lopez de Prado and Zhu (2017). `blocks` is even; the
/// frame has no NaN, two or more series and 2 blocks or more periods. O(C(blocks, blocks/2) blocks series).
Overfitting probability_of_overfitting(const Frame& frame, int blocks, const Workers& workers);

/// The independent trials that n trials of this mean correlation are worth: n of them if it is not above 0, 1 if it is 1.
double independent_trials(double n, double mean_correlation) noexcept;

/// The number of independent series to which many correlated ones are equivalent. NaN is a missing period.
double effective_trials(const Frame& frame, const Workers& workers);

}  // namespace fractile

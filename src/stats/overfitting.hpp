// Copyright The fractile authors. Licensed under the Apache License, Version 2.0.
#pragma once

#include <cstdint>
#include <vector>

#include "stats/bootstrap.hpp"
#include "stats/frame.hpp"

/// How much of a choice among many is luck.
namespace fractile {

struct Overfitting {
  double pbo, prob_loss, slope, intercept;
  std::vector<double> logits;  ///< one per split, splits in the order of combinations
};
/// Combinatorially symmetric cross-validation, Bailey, Borwein, Lopez de Prado and Zhu (2017). `blocks` is even; the
/// frame has no NaN, two or more series and 2 blocks or more periods. O(C(blocks, blocks/2) blocks series).
Overfitting probability_of_overfitting(const Frame& frame, int blocks, const Workers& workers);

/// The independent series that many correlated ones are worth. NaN is a missing period.
double effective_trials(const Frame& frame, const Workers& workers);

}  // namespace fractile

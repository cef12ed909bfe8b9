// Copyright The fractile authors. Licensed under the Apache License, Version 2.0.
#pragma once

#include <span>
#include <vector>

/// Corrections of many p-values. All give values up to 1, in the order given; a NaN stays NaN and is in no family.
namespace fractile {

std::vector<double> adjust_bonferroni(std::span<const double> p);
std::vector<double> adjust_holm(std::span<const double> p);
/// Benjamini and Hochberg (1995).
std::vector<double> adjust_bh(std::span<const double> p);
/// Benjamini and Yekutieli (2001): under any dependence.
std::vector<double> adjust_by(std::span<const double> p);

}  // namespace fractile

// Copyright The fractile authors. Licensed under the Apache License, Version 2.0.
#pragma once

#include <span>
#include <vector>

/// Corrections of many p-values. All return values up to 1 in the given order; a NaN stays NaN and belongs to no family.
namespace fractile {

std::vector<double> adjust_bonferroni(std::span<const double> p);
std::vector<double> adjust_holm(std::span<const double> p);
/// Benjamini and Hochberg (1995).
std::vector<double> adjust_bh(std::span<const double> p);
/// Benjamini and Yekutieli (2001): under any dependence.
std::vector<double> adjust_by(std::span<const double> p);

}  // namespace fractile

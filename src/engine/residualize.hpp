// Copyright The fractile authors. Licensed under the Apache License, Version 2.0.
#pragma once

#include <span>
#include <vector>

#include "engine/exposures.hpp"
#include "fractile/types.hpp"

/// Stage 3, methodology section 3: the part of a signal that industries and factors do not explain.
namespace fractile {

/// Memory of one thread, reused from day to day.
struct ResidualScratch {
  std::vector<double> columns;
  std::vector<double>
      wide;  // by name: the factors and the signal side by side  ///< regressors, one after the other, padded to whole lanes
  std::vector<double> signal;  ///< the centred signal, padded
  std::vector<std::int32_t> industry;
  std::vector<double> sums;
  std::vector<double> counts;
};

/// Replaces the values of one return day by their residuals: exact projection by orthonormal columns
/// (Gram-Schmidt, twice), so collinear columns are dropped, not damped. Rounded as the methodology
/// says, so that names equal in exact arithmetic tie.
/// Cost for n names and f factors: about 8 n f (f + 1) operations; n where only industries are taken
/// out. s: n values; rows: their exposure rows.
void residualize(const ExposureRows& exposures, std::span<const RowIndex> rows, std::span<double> s, ResidualScratch& scratch);

}  // namespace fractile

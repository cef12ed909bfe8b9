// Copyright The fractile authors. Licensed under the Apache License, Version 2.0.
#pragma once

#include <span>
#include <vector>

#include "engine/residual/regressors.hpp"

/// Stage 3, methodology section 3: the part of a signal that industries and factors do not explain.
namespace fractile {

/// Memory of one thread, reused from day to day.
struct ResidualScratch {
  std::vector<double> signal;   ///< what is left of the signal
  std::vector<double> means;    ///< by industry
  OwnFactorRows own;            ///< own factors only: filled with the regressors of the day, or empty
  std::vector<double> columns;  ///< the factors one after the other, where they are near to collinear
};

/// Replaces the values of one return day by their residuals: an exact projection, so that collinear columns are dropped,
/// not damped. The normal equations of the factors, refined until what is left is orthogonal to them; where those are near
/// to collinear, orthonormal columns (Gram-Schmidt, twice). Rounded as the methodology says, so that names equal in exact
/// arithmetic tie.
/// s: n values; rows: their exposure rows; regressors: those of the same rows. Cost for n names and f factors: about
/// 4 n f operations; n where only industries are taken out.
void residualize(const ExposureRows& exposures, std::span<const RowIndex> rows, const Regressors& regressors, std::span<double> s,
                 ResidualScratch& scratch);

}  // namespace fractile

// Copyright The fractile authors. Licensed under the Apache License, Version 2.0.
#pragma once

#include <span>
#include <vector>

#include "engine/residual/regressors.hpp"

/// Residuals: the part of a signal that industries and factors do not explain, methodology section 3.
namespace fractile {

/// Memory of one thread, reused from day to day.
struct ResidualScratch {
  std::vector<double> signal;   ///< the remaining part of the signal
  std::vector<double> means;    ///< by industry
  OwnFactorRows own;            ///< own factors only: filled with the regressors of the day, or empty
  std::vector<double> columns;  ///< the factors one after the other, if they are nearly collinear
};

/// Replaces the values of one return day by their residuals. The projection is exact, so collinear columns are dropped, not
/// damped. It solves the normal equations of the factors and refines until the rest is orthogonal to the factors. If these are
/// nearly collinear, it uses orthonormal columns instead (Gram-Schmidt, twice). Residuals are rounded as the methodology says,
/// so that names that are equal in exact arithmetic tie.
/// s: n values; rows: their exposure rows; regressors: those of the same rows. Cost for n names and f factors: about
/// 4 n f operations; n if the run uses only industries.
void residualize(const ExposureRows& exposures, std::span<const RowIndex> rows, const Regressors& regressors, std::span<double> s,
                 ResidualScratch& scratch);

}  // namespace fractile

// Copyright The fractile authors. Licensed under the Apache License, Version 2.0.
#pragma once

/// The bounds that decide which factors a regression of residuals uses, methodology section 3.
namespace fractile {

/// A pivot is the share of a factor's variance that earlier factors do not explain. Below this bound the square of the condition
/// number would cost more digits than refinement restores.
inline constexpr double kSmallestPivot = 1e-6;
/// If the remaining part of a column is below this share of the column, it is in the span of the earlier columns.
inline constexpr double kCollinear = 1e-11;
/// Maximum part of an orthogonal residual along a factor, as a share of the signal.
inline constexpr double kOrthogonal = 1e-14;

}  // namespace fractile

// Copyright The fractile authors. Licensed under the Apache License, Version 2.0.
#pragma once

#include <array>
#include <cstdint>
#include <span>
#include <vector>

#include "engine/kernels/kernels.hpp"
#include "engine/residual/exposures.hpp"

/// The regressors of a day, which do not depend on the signal's values: methodology section 3.
namespace fractile {

inline constexpr std::size_t kFactors = kNExposures;
inline constexpr std::size_t kFactorStride = kExposureStride;
using Coefficients = std::array<double, kFactors>;

/// The normal equations of least squares on factors without their industry means, for factors that are far from
/// collinear.
class NormalEquations {
 public:
  NormalEquations() = default;
  /// `gram`: products of the raw factors k and l <= k; `sums`: sums of the factors by industry, kFactorStride apart.
  NormalEquations(const double* gram, std::span<const double> sums, std::span<const double> counts);
  bool is_well_conditioned() const noexcept { return is_well_conditioned_; }
  /// Coefficients from the factors' products with y.
  Coefficients solve(const double* products) const noexcept;
  /// The largest part of y along one factor.
  double largest_part(const double* products) const noexcept;

 private:
  bool is_well_conditioned_ = false;
  Coefficients scale_{};
  std::array<Coefficients, kFactors> root_{};  // lower triangle of the Cholesky factor
};

/// The regressors of one day's names: industries, and the equations of the factors.
class Regressors {
 public:
  /// `rows`: the names' exposure rows. Cost for n names and f factors: about n f (f + 1) / 2 operations; n for industries.
  /// `own`: receives the names' own factors, if there are any.
  void assign(const ExposureRows& exposures, std::span<const RowIndex> rows, OwnFactorRows& own);

  /// True if assign() was called with these rows.
  bool is_of(std::span<const RowIndex> rows) const noexcept;
  std::size_t n_names() const noexcept { return rows_.size(); }
  /// Industry of each name; 0 for all names if industries are not a regressor.
  const std::uint16_t* industry() const noexcept { return industry_.data(); }
  /// Number of names in each industry.
  std::span<const double> counts() const noexcept { return counts_; }
  /// Sums of the factors in each industry, kFactorStride apart.
  const double* sums() const noexcept { return sums_.data(); }
  const NormalEquations& equations() const noexcept { return equations_; }
  /// The same for own factors; counts() are sums of weights then.
  const OwnEquations& own_equations() const noexcept { return own_equations_; }

 private:
  std::vector<RowIndex> rows_;
  std::vector<std::uint16_t> industry_;
  std::vector<double> counts_, sums_;
  NormalEquations equations_;
  OwnEquations own_equations_;
};

}  // namespace fractile

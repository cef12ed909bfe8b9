// Copyright The fractile authors. Licensed under the Apache License, Version 2.0.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "engine/panel/factor_columns.hpp"
#include "engine/panel/panel_view.hpp"
#include "fractile/config.hpp"

/// Weighted least squares on any factors: methodology section 15. Without weights, the seven usual factors have a faster path
/// (regressors.hpp).
namespace fractile {

/// The factors of one day's names, and memory for their regression. One thread uses one object.
struct OwnFactorRows {
  std::size_t n_factors = 0;
  std::vector<double> x;        ///< factor after factor, a number per name each
  std::vector<double> weights;  ///< per name
  std::vector<double> columns;  ///< columns of a basis, if the factors are nearly collinear
  std::vector<double> products, beta, means;
  std::vector<double> weighted, fit;  ///< per name

  const double* factor(std::size_t f) const noexcept { return x.data() + f * weights.size(); }
};

/// The panel columns of a regression by `factors` and `neutralize_weight`.
class OwnFactors {
 public:
  /// `with_factors`: false if industries are the only regressors. Throws MISSING_PANEL_COLUMN; INVALID_VALUE if a column is text.
  OwnFactors(const PanelView& panel, const RunConfig& config, bool with_factors);
  /// True if the residuals of a run need this class.
  static bool is_needed(const RunConfig& config) noexcept;

  std::size_t size() const noexcept { return columns_.size(); }
  /// True if a row has all factors, and a weight above 0.
  bool is_complete(RowIndex row) const noexcept;
  /// The factors of rows, a number per row each, one factor after the other, and the rows' weights.
  void read(std::span<const RowIndex> rows, std::vector<double>& x, std::vector<double>& weights) const;

 private:
  double weight(RowIndex row) const noexcept;

  FactorColumns columns_;
  NeutralizeWeight scheme_;
  Characteristic mcap_;  // empty for equal weights
};

/// The normal equations of one day's factors without their weighted industry means.
class OwnEquations {
 public:
  /// `industry`: by name; `weights`: sums by industry.
  void assign(OwnFactorRows& rows, std::span<const std::uint16_t> industry, std::span<const double> weights);
  /// Subtracts the fit of the factors from y, in the names' order. Requires that the weighted industry means of y are 0.
  void project(OwnFactorRows& rows, std::span<const std::uint16_t> industry, std::span<const double> weights, double* y) const;

 private:
  bool solve(OwnFactorRows& rows, std::span<const std::uint16_t> industry, std::span<const double> weights, double* y) const;

  bool is_well_conditioned_ = false;
  std::vector<double> sums_;  // by industry
  std::vector<double> scale_;
  std::vector<double> root_;  // lower triangle of the Cholesky factor, row by row
};

/// Subtracts the weighted mean of its industry from every name's number. `weights`: sums by industry.
void centre_weighted(OwnFactorRows& rows, std::span<const std::uint16_t> industry, std::span<const double> weights, double* y);

}  // namespace fractile

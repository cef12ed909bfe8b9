// Copyright The fractile authors. Licensed under the Apache License, Version 2.0.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

/// Weighted least squares of the returns of one day.
namespace fractile::regression {

/// The data of one day's n names. Columns are adjacent: value i of column k is x[k * n + i].
struct DayDesign {
  std::vector<double> y;
  std::vector<double> weights;  ///< positive; empty: equal
  std::vector<double> x;
  /// Group of each name, in place of a dummy per group; the intercept is that of the lowest group. Empty: one group.
  std::vector<std::int32_t> group;
  std::int32_t n_groups = 1;  ///< groups are 0 ... n_groups-1; a group may have no name

  std::size_t n() const noexcept { return y.size(); }
  std::size_t n_columns() const noexcept { return y.empty() ? 0 : x.size() / y.size(); }
};

/// A solver. One thread uses one solver.
class DayRegression {
 public:
  /// Returns false if the columns are collinear with each other or with the groups. Cost: O(n columns^2). Changes the design.
  bool fit(DayDesign& design);
  /// By column, of the last fit.
  std::span<const double> coefficients() const noexcept { return coefficients_; }
  double intercept() const noexcept { return intercept_; }
  /// 1 - squared residuals over squared deviations of y from its mean, all weighted; NaN if y is constant.
  double r2() const noexcept { return r2_; }

 private:
  void centre(DayDesign& design);
  bool scale_columns(const DayDesign& design);
  bool solve_by_products(const DayDesign& design);
  bool solve_by_basis(const DayDesign& design);
  void subtract_fit(const DayDesign& design, std::span<const double> change);
  bool factorise(std::size_t k);
  void solve_factor(std::size_t k, std::vector<double>& b) const;

  std::vector<double> sums_;       // weight of each group
  std::vector<double> means_;      // by group: mean of y, then of each column
  std::vector<double> scale_;      // by column: 1 over its centred length
  std::vector<double> root_;       // Cholesky factor, lower triangle, k by k
  std::vector<double> residuals_;  // of scaled rows
  std::vector<double> basis_, upper_, products_;
  std::vector<double> coefficients_;
  double intercept_ = 0.0, r2_ = 0.0, total_ = 0.0;
};

}  // namespace fractile::regression

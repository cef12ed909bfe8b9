// Copyright The fractile authors. Licensed under the Apache License, Version 2.0.
#include "regression/day_regression.hpp"

#include <algorithm>
#include <cmath>

#include "engine/kernels/kernels.hpp"
#include "fractile/types.hpp"

namespace fractile::regression {
namespace {

/// Below this pivot the products of columns lose too many digits, and an orthonormal basis is made instead.
constexpr double kSmallestPivot = 1e-6;
/// A column whose part off the others is not above this share of its length is collinear, as in methodology section 3.
constexpr double kCollinear = 1e-11;

}  // namespace

/// Subtracts the group means of y and the columns, and multiplies the rows by the roots of their weights.
void DayRegression::centre(DayDesign& design) {
  const std::size_t n = design.n(), n_groups = static_cast<std::size_t>(design.n_groups), k = design.n_columns();
  const bool has_groups = !design.group.empty(), has_weights = !design.weights.empty();
  const auto group = [&](std::size_t i) { return has_groups ? static_cast<std::size_t>(design.group[i]) : 0; };
  const auto weight = [&](std::size_t i) { return has_weights ? design.weights[i] : 1.0; };
  sums_.assign(n_groups, 0.0);
  for (std::size_t i = 0; i < n; ++i) sums_[group(i)] += weight(i);
  means_.assign(n_groups * (k + 1), 0.0);
  total_ = 0.0;
  double all = 0.0, whole = 0.0;
  for (std::size_t i = 0; i < n; ++i) {
    all += weight(i) * design.y[i];
    whole += weight(i);
  }
  for (std::size_t i = 0; i < n; ++i) total_ += weight(i) * (design.y[i] - all / whole) * (design.y[i] - all / whole);
  for (std::size_t column = 0; column <= k; ++column) {
    double* const values = column == 0 ? design.y.data() : design.x.data() + (column - 1) * n;
    double* const means = means_.data() + column * n_groups;
    for (int pass = 0; pass < 2; ++pass)  // the second removes the rounding error of a large mean
      if (!has_groups && !has_weights) {
        const double mean = sum(values, n) / static_cast<double>(n);
        means[0] += mean;
        for (std::size_t i = 0; i < n; ++i) values[i] -= mean;
      } else {
        for (std::size_t g = 0; g < n_groups; ++g) products_[g] = 0.0;
        for (std::size_t i = 0; i < n; ++i) products_[group(i)] += weight(i) * values[i];
        for (std::size_t g = 0; g < n_groups; ++g) {
          products_[g] = sums_[g] > 0.0 ? products_[g] / sums_[g] : 0.0;
          means[g] += products_[g];
        }
        for (std::size_t i = 0; i < n; ++i) values[i] -= products_[group(i)];
      }
    if (has_weights)
      for (std::size_t i = 0; i < n; ++i) values[i] *= std::sqrt(design.weights[i]);
  }
}

/// False if a column is constant within the groups.
bool DayRegression::scale_columns(const DayDesign& design) {
  const std::size_t n = design.n(), k = design.n_columns(), n_groups = static_cast<std::size_t>(design.n_groups);
  scale_.resize(k);
  for (std::size_t column = 0; column < k; ++column) {
    const double* const x = design.x.data() + column * n;
    const double length = std::sqrt(sum_products(x, x, n));
    double of_means = 0.0;
    for (std::size_t g = 0; g < n_groups; ++g) {
      const double mean = means_[(column + 1) * n_groups + g];
      of_means += sums_[g] * mean * mean;
    }
    if (!(length > kCollinear * std::sqrt(length * length + of_means))) return false;
    scale_[column] = 1.0 / length;
  }
  return true;
}

/// Cholesky of the matrix in root_. False if a pivot is too small.
bool DayRegression::factorise(std::size_t k) {
  for (std::size_t f = 0; f < k; ++f)
    for (std::size_t l = 0; l <= f; ++l) {
      double rest = root_[f * k + l];
      for (std::size_t j = 0; j < l; ++j) rest -= root_[f * k + j] * root_[l * k + j];
      if (l < f) {
        root_[f * k + l] = rest / root_[l * k + l];
      } else {
        if (!(rest > kSmallestPivot)) return false;
        root_[f * k + f] = std::sqrt(rest);
      }
    }
  return true;
}

void DayRegression::solve_factor(std::size_t k, std::vector<double>& b) const {
  for (std::size_t f = 0; f < k; ++f) {
    for (std::size_t j = 0; j < f; ++j) b[f] -= root_[f * k + j] * b[j];
    b[f] /= root_[f * k + f];
  }
  for (std::size_t f = k; f-- > 0;) {
    for (std::size_t j = f + 1; j < k; ++j) b[f] -= root_[j * k + f] * b[j];
    b[f] /= root_[f * k + f];
  }
}

void DayRegression::subtract_fit(const DayDesign& design, std::span<const double> change) {
  const std::size_t n = design.n();
  for (std::size_t column = 0; column < change.size(); ++column) {
    const double* const x = design.x.data() + column * n;
    const double b = change[column];
    for (std::size_t i = 0; i < n; ++i) residuals_[i] -= b * x[i];
    coefficients_[column] += b;
  }
}

/// By the products of the columns, and once more with the residuals. False if the columns are nearly collinear.
bool DayRegression::solve_by_products(const DayDesign& design) {
  const std::size_t n = design.n(), k = design.n_columns();
  const auto x = [&](std::size_t column) { return design.x.data() + column * n; };
  root_.resize(k * k);
  for (std::size_t f = 0; f < k; ++f)
    for (std::size_t l = 0; l <= f; ++l) root_[f * k + l] = sum_products(x(f), x(l), n) * scale_[f] * scale_[l];
  if (!factorise(k)) return false;
  constexpr int kSteps = 2;
  for (int step = 0; step < kSteps; ++step) {
    products_.assign(k, 0.0);
    for (std::size_t f = 0; f < k; ++f) products_[f] = sum_products(x(f), residuals_.data(), n) * scale_[f];
    solve_factor(k, products_);
    for (std::size_t f = 0; f < k; ++f) products_[f] *= scale_[f];
    subtract_fit(design, products_);
  }
  return true;
}

/// By an orthonormal basis of the columns. False if they are collinear.
bool DayRegression::solve_by_basis(const DayDesign& design) {
  const std::size_t n = design.n(), k = design.n_columns();
  basis_.assign(design.x.begin(), design.x.end());
  upper_.assign(k * k, 0.0);
  const auto unit = [&](std::size_t column) { return basis_.data() + column * n; };
  for (std::size_t f = 0; f < k; ++f) {
    for (int pass = 0; pass < 2; ++pass)
      for (std::size_t j = 0; j < f; ++j) {
        const double part = sum_products(unit(j), unit(f), n);
        upper_[j * k + f] += part;
        for (std::size_t i = 0; i < n; ++i) unit(f)[i] -= part * unit(j)[i];
      }
    const double length = std::sqrt(sum_products(unit(f), unit(f), n));
    if (!(length * scale_[f] > kCollinear)) return false;
    upper_[f * k + f] = length;
    for (std::size_t i = 0; i < n; ++i) unit(f)[i] /= length;
  }
  constexpr int kSteps = 2;
  for (int step = 0; step < kSteps; ++step) {
    products_.assign(k, 0.0);
    for (std::size_t f = 0; f < k; ++f) products_[f] = sum_products(unit(f), residuals_.data(), n);
    for (std::size_t f = k; f-- > 0;) {
      for (std::size_t j = f + 1; j < k; ++j) products_[f] -= upper_[f * k + j] * products_[j];
      products_[f] /= upper_[f * k + f];
    }
    subtract_fit(design, products_);
  }
  return true;
}

bool DayRegression::fit(DayDesign& design) {
  const std::size_t n = design.n(), k = design.n_columns(), n_groups = static_cast<std::size_t>(design.n_groups);
  products_.assign(std::max(n_groups, k), 0.0);
  centre(design);
  if (!scale_columns(design)) return false;
  coefficients_.assign(k, 0.0);
  residuals_ = design.y;
  if (!solve_by_products(design)) {
    coefficients_.assign(k, 0.0);
    residuals_ = design.y;
    if (!solve_by_basis(design)) return false;
  }
  std::size_t base = 0;
  while (!(sums_[base] > 0.0)) ++base;
  intercept_ = means_[base];
  for (std::size_t column = 0; column < k; ++column) intercept_ -= coefficients_[column] * means_[(column + 1) * n_groups + base];
  r2_ = total_ > 0.0 ? 1.0 - sum_products(residuals_.data(), residuals_.data(), n) / total_ : kNaN;
  return true;
}

}  // namespace fractile::regression

// Copyright The fractile authors. Licensed under the Apache License, Version 2.0.
#include "engine/residual/residualize.hpp"

#include <algorithm>
#include <cmath>
#include <cstdlib>

#include "engine/kernels/kernels.hpp"
#include "engine/residual/bounds.hpp"

namespace fractile {
namespace {

/// Residuals are rounded to this many bits of the signal's deviation, so that exact ties tie.
constexpr int kBits = 36;

/// The exponent of the power of two by which a signal is divided: 0 unless its squares would leave the range of doubles. The
/// division does not change the order of residuals, and only their order matters.
int scale_of(double largest) noexcept {
  constexpr int kFar = 300;
  const int exponent = std::ilogb(largest);
  return std::abs(exponent) > kFar ? exponent : 0;
}

/// Subtracts the mean of its industry from every name's number.
void centre(const Regressors& regressors, double* x, ResidualScratch& scratch) {
  const std::uint16_t* const industry = regressors.industry();
  const std::size_t n = regressors.n_names();
  const std::span<const double> counts = regressors.counts();
  scratch.means.assign(counts.size(), 0.0);
  double* const means = scratch.means.data();
  for (std::size_t i = 0; i < n; ++i) means[industry[i]] += x[i];
  for (std::size_t g = 0; g < counts.size(); ++g) means[g] /= std::max(counts[g], 1.0);
  for (std::size_t i = 0; i < n; ++i) x[i] -= means[industry[i]];
}

/// The products of the factors with the industry means that rounding left in y. The raw factors include their means, so their
/// products with y contain these terms, which must be subtracted.
void multiply_means(const Regressors& regressors, const double* y, double* products, ResidualScratch& scratch) {
  const std::uint16_t* const industry = regressors.industry();
  const std::span<const double> counts = regressors.counts();
  scratch.means.assign(counts.size(), 0.0);
  for (std::size_t i = 0; i < regressors.n_names(); ++i) scratch.means[industry[i]] += y[i];
  std::fill_n(products, kFactorStride, 0.0);
  for (std::size_t g = 0; g < counts.size(); ++g) {
    const double mean = scratch.means[g] / std::max(counts[g], 1.0);
    const double* const sums = regressors.sums() + g * kFactorStride;
    for (std::size_t k = 0; k < kFactors; ++k) products[k] += mean * sums[k];
  }
}

/// Subtracts the fit of the factors from a centred y. Returns false if y is not orthogonal to all factors afterwards.
bool solve_equations(const FactorRows& factors, const Regressors& regressors, double* y, ResidualScratch& scratch) {
  constexpr int kMostSteps = 6;
  const NormalEquations& equations = regressors.equations();
  if (!equations.is_well_conditioned()) return false;
  const double length = std::sqrt(sum_products(y, y, factors.n));
  const std::span<const double> counts = regressors.counts();
  double products[kFactorStride];
  multiply_factors(factors, y, products);
  for (int step = 0; step < kMostSteps; ++step) {
    const Coefficients beta = equations.solve(products);
    // The factors are read with their means and fitted without them.
    for (std::size_t g = 0; g < counts.size(); ++g) {
      const double* const sums = regressors.sums() + g * kFactorStride;
      double mean = 0.0;
      for (std::size_t k = 0; k < kFactors; ++k) mean += beta[k] * sums[k];
      scratch.means[g] = mean / std::max(counts[g], 1.0);
    }
    subtract_fit(factors, regressors.industry(), beta.data(), scratch.means.data(), y, products);
    if (equations.largest_part(products) > kOrthogonal * length) continue;
    double of_means[kFactorStride];
    multiply_means(regressors, y, of_means, scratch);
    if (equations.largest_part(of_means) <= kOrthogonal * length) return true;
    centre(regressors, y, scratch);
    multiply_factors(factors, y, products);
  }
  return false;
}

/// Works for any factors: makes an orthonormal basis of them, column by column, and subtracts a centred y's projection on it.
/// Returns the number of factors that are independent of each other and of the industries.
std::size_t project_off_basis(const FactorRows& factors, const Regressors& regressors, double* y, ResidualScratch& scratch) {
  const std::size_t n = factors.n;
  scratch.columns.resize(n * kFactors);
  const auto column = [&](std::size_t k) { return scratch.columns.data() + k * n; };
  const auto take_out = [&](std::size_t k, double* x) {
    const double* const unit = column(k);
    const double factor = sum_products(x, unit, n);
    for (std::size_t i = 0; i < n; ++i) x[i] -= factor * unit[i];
  };
  std::size_t rank = 0;
  for (std::size_t k = 0; k < kFactors; ++k) {
    double* const x = column(rank);
    for (std::size_t i = 0; i < n; ++i) x[i] = factors.read(i, static_cast<int>(k));
    const double before = sum_products(x, x, n);
    centre(regressors, x, scratch);
    centre(regressors, x, scratch);  // removes the rounding error of a large mean
    for (int pass = 0; pass < 2; ++pass)
      for (std::size_t j = 0; j < rank; ++j) take_out(j, x);
    const double length = std::sqrt(sum_products(x, x, n));
    if (!(length > kCollinear * std::sqrt(before))) continue;
    for (std::size_t i = 0; i < n; ++i) x[i] /= length;
    ++rank;
  }
  for (int pass = 0; pass < 2; ++pass)
    for (std::size_t j = 0; j < rank; ++j) take_out(j, y);
  return rank;
}

/// The number of industries that have a name; 1 without industries.
std::size_t count_groups(const Regressors& regressors) noexcept {
  const std::span<const double> counts = regressors.counts();
  return static_cast<std::size_t>(std::count_if(counts.begin(), counts.end(), [](double count) { return count > 0.0; }));
}

}  // namespace

void residualize(const ExposureRows& exposures, std::span<const RowIndex> rows, const Regressors& regressors, std::span<double> s,
                 ResidualScratch& scratch) {
  const std::size_t n = s.size();
  if (n == 0) return;
  const auto [low, high] = find_range(s.data(), n);
  if (low == high) {
    std::fill(s.begin(), s.end(), 0.0);
    return;
  }
  if (const int exponent = scale_of(std::max(std::fabs(low), std::fabs(high))); exponent != 0)
    for (double& value : s) value = std::ldexp(value, -exponent);
  scratch.signal.resize(n);
  double* const y = scratch.signal.data();
  const double mean = sum(s.data(), n) / static_cast<double>(n);
  for (std::size_t i = 0; i < n; ++i) y[i] = s[i] - mean;
  const double sigma = std::sqrt(sum_products(y, y, n) / static_cast<double>(n));
  if (!(sigma > 0.0)) {
    std::fill(s.begin(), s.end(), 0.0);
    return;
  }
  if (const OwnFactors* const own = exposures.own()) {
    if (scratch.own.weights.size() != n) {
      scratch.own.n_factors = own->size();
      own->read(rows, scratch.own.x, scratch.own.weights);
    }
    const std::span<const std::uint16_t> industry(regressors.industry(), n);
    centre_weighted(scratch.own, industry, regressors.counts(), y);
    regressors.own_equations().project(scratch.own, industry, regressors.counts(), y);
  } else {
    centre(regressors, y, scratch);
  }
  if (exposures.with_factors() && !exposures.own()) {
    const FactorRows factors = exposures.factors(rows);
    // As many regressors as names fit every signal: the residuals are 0, and what is left of y is rounding.
    const std::size_t n_groups = count_groups(regressors);
    const bool may_fit_all = n <= n_groups + kFactors;
    if (may_fit_all || !solve_equations(factors, regressors, y, scratch)) {
      centre(regressors, y, scratch);
      if (project_off_basis(factors, regressors, y, scratch) + n_groups >= n) std::fill_n(y, n, 0.0);
    }
  }
  const double unit = std::ldexp(1.0, std::ilogb(sigma) - kBits);
  for (std::size_t i = 0; i < n; ++i) {
    const double rounded = std::nearbyint(y[i] / unit) * unit + 0.0;
    s[i] = rounded == rounded ? rounded : 0.0;  // a damaged regressor may be infinite, and ranks need numbers
  }
}

}  // namespace fractile

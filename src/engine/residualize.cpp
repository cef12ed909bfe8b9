// Copyright The fractile authors. Licensed under the Apache License, Version 2.0.
#include "engine/residualize.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdlib>

#include "engine/kernels.hpp"

namespace fractile {
namespace {

/// A column whose remaining part is smaller than this share of it lies in the span of those before.
constexpr double kCollinear = 1e-11;
/// Residuals are rounded to this many bits of the signal's deviation, so that exact ties tie.
constexpr int kBits = 36;

void subtract_multiple(double* a, const double* b, double factor, std::size_t n) noexcept {
  for (std::size_t i = 0; i < n; ++i) a[i] -= factor * b[i];
}

/// The power of two that a signal is divided by: 0 but where its squares would leave the range of doubles. Residuals
/// decide an order only, which it does not change.
int scale_of(double largest) noexcept {
  constexpr int kFar = 300;
  const int exponent = std::ilogb(largest);
  return std::abs(exponent) > kFar ? exponent : 0;
}

/// The industry of each name (0 for all where industries are no regressor), and how many names each has.
void read_industries(const ExposureRows& exposures, std::span<const RowIndex> rows, ResidualScratch& scratch) {
  const std::size_t n_groups = exposures.with_industry() ? static_cast<std::size_t>(exposures.n_industries()) : 1;
  scratch.counts.assign(n_groups, 0.0);
  scratch.industry.assign(rows.size(), 0);
  if (exposures.with_industry())
    for (std::size_t i = 0; i < rows.size(); ++i) scratch.industry[i] = exposures.industry(rows[i]);
  for (const std::int32_t industry : scratch.industry) scratch.counts[static_cast<std::size_t>(industry)] += 1.0;
}

/// Takes the mean of its industry out of every name's number. Twice, so that what rounding leaves of a large
/// mean goes too.
void centre(double* x, ResidualScratch& scratch) {
  const std::vector<std::int32_t>& industry = scratch.industry;
  for (int pass = 0; pass < 2; ++pass) {
    scratch.sums.assign(scratch.counts.size(), 0.0);
    double* const sums = scratch.sums.data();
    for (std::size_t i = 0; i < industry.size(); ++i) sums[industry[i]] += x[i];
    for (std::size_t g = 0; g < scratch.sums.size(); ++g) sums[g] /= std::max(scratch.counts[g], 1.0);
    for (std::size_t i = 0; i < industry.size(); ++i) x[i] -= sums[industry[i]];
  }
}

/// The same for kGramWidth numbers a name, side by side.
void centre_wide(double* x, ResidualScratch& scratch) {
  const std::vector<std::int32_t>& industry = scratch.industry;
  for (int pass = 0; pass < 2; ++pass) {
    scratch.sums.assign(scratch.counts.size() * kGramWidth, 0.0);
    sum_by_group(x, industry.data(), industry.size(), scratch.sums.data());
    for (std::size_t g = 0; g < scratch.sums.size(); ++g) scratch.sums[g] /= std::max(scratch.counts[g / kGramWidth], 1.0);
    subtract_by_group(x, industry.data(), industry.size(), scratch.sums.data());
  }
}

constexpr std::size_t kFactors = kNExposures;
static_assert(kFactors + 1 == kGramWidth);

/// Solves least squares by the normal equations, for factors that are far from collinear.
class NormalEquations {
 public:
  /// `gram`: cross products of the centred factors; `squares`: sums of squares before centring.
  NormalEquations(const double* gram, const std::array<double, kFactors>& squares) {
    // Pivots are shares of a factor's variance that those before it do not explain. Below this the square of
    // the condition number would cost digits that one refinement does not give back.
    constexpr double kSmallestPivot = 1e-6;
    for (std::size_t k = 0; k < kFactors; ++k) {
      const double square = gram[k * kGramWidth + k];
      if (!(square > kSmallestPivot * squares[k])) return;
      scale_[k] = 1.0 / std::sqrt(square);
    }
    for (std::size_t k = 0; k < kFactors; ++k)
      for (std::size_t l = 0; l <= k; ++l) {
        double rest = gram[k * kGramWidth + l] * scale_[k] * scale_[l];
        for (std::size_t j = 0; j < l; ++j) rest -= root_[k][j] * root_[l][j];
        if (l < k) {
          root_[k][l] = rest / root_[l][l];
        } else {
          if (!(rest > kSmallestPivot)) return;
          root_[k][k] = std::sqrt(rest);
        }
      }
    is_well_conditioned_ = true;
  }
  bool is_well_conditioned() const noexcept { return is_well_conditioned_; }

  /// Coefficients from the factors' products with y.
  std::array<double, kFactors> solve(const double* products) const noexcept {
    std::array<double, kFactors> x{};
    for (std::size_t k = 0; k < kFactors; ++k) {
      double rest = products[k] * scale_[k];
      for (std::size_t j = 0; j < k; ++j) rest -= root_[k][j] * x[j];
      x[k] = rest / root_[k][k];
    }
    for (std::size_t k = kFactors; k-- > 0;) {
      double rest = x[k];
      for (std::size_t j = k + 1; j < kFactors; ++j) rest -= root_[j][k] * x[j];
      x[k] = rest / root_[k][k];
    }
    for (std::size_t k = 0; k < kFactors; ++k) x[k] *= scale_[k];
    return x;
  }

 private:
  bool is_well_conditioned_ = false;
  std::array<double, kFactors> scale_{};
  std::array<std::array<double, kFactors>, kFactors> root_{};  // lower triangle of the Cholesky factor
};

/// Whatever the factors: an orthonormal basis of them column by column, y projected off it.
void project_off_basis(std::size_t n, const std::array<double, kFactors>& squares, double* y, ResidualScratch& scratch) {
  const double* const wide = scratch.wide.data();
  scratch.columns.resize(n * kFactors);
  double* const columns = scratch.columns.data();
  std::size_t rank = 0;
  for (std::size_t k = 0; k < kFactors; ++k) {
    double* const column = columns + rank * n;
    for (std::size_t i = 0; i < n; ++i) column[i] = wide[i * kGramWidth + k];
    for (int pass = 0; pass < 2; ++pass)
      for (std::size_t j = 0; j < rank; ++j)
        subtract_multiple(column, columns + j * n, sum_products(column, columns + j * n, n), n);
    const double length = std::sqrt(sum_products(column, column, n));
    if (!(length > kCollinear * std::sqrt(squares[k]))) continue;
    for (std::size_t i = 0; i < n; ++i) column[i] /= length;
    ++rank;
  }
  for (int pass = 0; pass < 2; ++pass)
    for (std::size_t j = 0; j < rank; ++j) subtract_multiple(y, columns + j * n, sum_products(y, columns + j * n, n), n);
}

/// Takes industries and factors out of y.
void project_off_factors(const ExposureRows& exposures, std::span<const RowIndex> rows, double* y, ResidualScratch& scratch) {
  const std::size_t n = rows.size();
  scratch.wide.resize(n * kGramWidth);
  double* const wide = scratch.wide.data();
  std::array<double, kFactors> squares{};
  constexpr std::size_t kAhead = 24;  // a row of exposures is a cache line of its own
  for (std::size_t i = 0; i < n; ++i) {
    double* const x = wide + i * kGramWidth;
    exposures.prefetch_factors(rows[std::min(i + kAhead, n - 1)]);
    exposures.read_factors(rows[i], x);
    for (std::size_t k = 0; k < kFactors; ++k) squares[k] += x[k] * x[k];
    x[kFactors] = y[i];
  }
  centre_wide(wide, scratch);
  double gram[kGramWidth * kGramWidth];
  sum_cross_products(wide, n, gram);
  const NormalEquations equations(gram, squares);
  if (!equations.is_well_conditioned()) {
    for (std::size_t i = 0; i < n; ++i) y[i] = wide[i * kGramWidth + kFactors];
    return project_off_basis(n, squares, y, scratch);
  }
  double products[kGramWidth];
  std::copy_n(gram + kFactors * kGramWidth, kGramWidth, products);
  for (int pass = 0; pass < 3; ++pass) subtract_fit(wide, n, equations.solve(products).data(), products);
  for (std::size_t i = 0; i < n; ++i) y[i] = wide[i * kGramWidth + kFactors];
}

}  // namespace

void residualize(const ExposureRows& exposures, std::span<const RowIndex> rows, std::span<double> s, ResidualScratch& scratch) {
  const std::size_t n = s.size();
  if (n == 0) return;
  double low = s[0], high = s[0];
  for (const double value : s) {
    low = std::min(low, value);
    high = std::max(high, value);
  }
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
  read_industries(exposures, rows, scratch);
  if (exposures.with_factors())
    project_off_factors(exposures, rows, y, scratch);
  else
    centre(y, scratch);
  const double unit = std::ldexp(1.0, std::ilogb(sigma) - kBits);
  for (std::size_t i = 0; i < n; ++i) s[i] = std::nearbyint(y[i] / unit) * unit + 0.0;
}

}  // namespace fractile

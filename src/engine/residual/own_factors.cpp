// Copyright The fractile authors. Licensed under the Apache License, Version 2.0.
#include "engine/residual/own_factors.hpp"

#include <algorithm>
#include <cmath>
#include <string>

#include "engine/kernels/kernels.hpp"
#include "engine/residual/bounds.hpp"

namespace fractile {
namespace {

/// products[f] = sum over names of the product of weight, factor f and y.
void multiply(OwnFactorRows& rows, const double* y) {
  const std::size_t n = rows.weights.size();
  rows.weighted.resize(n);
  for (std::size_t i = 0; i < n; ++i) rows.weighted[i] = rows.weights[i] * y[i];
  rows.products.resize(rows.n_factors);
  for (std::size_t f = 0; f < rows.n_factors; ++f) rows.products[f] = sum_products(rows.weighted.data(), rows.factor(f), n);
}

/// Subtracts the sum over factors f of beta[f] times factor f from y.
void subtract_factors(OwnFactorRows& rows, double* y) {
  const std::size_t n = rows.weights.size();
  rows.fit.assign(n, 0.0);
  double* const fit = rows.fit.data();
  for (std::size_t f = 0; f < rows.n_factors; ++f) {
    const double beta = rows.beta[f];
    const double* const x = rows.factor(f);
    for (std::size_t i = 0; i < n; ++i) fit[i] += beta * x[i];
  }
  for (std::size_t i = 0; i < n; ++i) y[i] -= fit[i];
}

/// Makes unit vectors that span the centred factors of names scaled by the roots of their weights. Projects y off these vectors.
/// Returns their number.
std::size_t project_off_basis(OwnFactorRows& rows, std::span<const std::uint16_t> industry, std::span<const double> weights,
                              double* y) {
  const std::size_t n = rows.weights.size(), k = rows.n_factors;
  rows.columns.resize(n * k);
  const auto column = [&](std::size_t j) { return rows.columns.data() + j * n; };
  const auto take_out = [&](std::size_t j, double* x) {
    const double* const unit = column(j);
    const double factor = sum_products(x, unit, n);
    for (std::size_t i = 0; i < n; ++i) x[i] -= factor * unit[i];
  };
  std::size_t rank = 0;
  for (std::size_t f = 0; f < k; ++f) {
    double* const x = column(rank);
    double before = 0.0;
    for (std::size_t i = 0; i < n; ++i) {
      x[i] = rows.factor(f)[i];
      before += rows.weights[i] * x[i] * x[i];
    }
    centre_weighted(rows, industry, weights, x);
    centre_weighted(rows, industry, weights, x);  // removes the rounding error of a large mean
    for (std::size_t i = 0; i < n; ++i) x[i] *= std::sqrt(rows.weights[i]);
    for (int pass = 0; pass < 2; ++pass)
      for (std::size_t j = 0; j < rank; ++j) take_out(j, x);
    const double length = std::sqrt(sum_products(x, x, n));
    if (!(length > kCollinear * std::sqrt(before))) continue;
    for (std::size_t i = 0; i < n; ++i) x[i] /= length;
    ++rank;
  }
  for (std::size_t i = 0; i < n; ++i) y[i] *= std::sqrt(rows.weights[i]);
  for (int pass = 0; pass < 2; ++pass)
    for (std::size_t j = 0; j < rank; ++j) take_out(j, y);
  for (std::size_t i = 0; i < n; ++i) y[i] /= std::sqrt(rows.weights[i]);
  return rank;
}

}  // namespace

bool OwnFactors::is_needed(const RunConfig& config) noexcept {
  const bool with_factors = config.resid == Resid::factor || config.resid == Resid::all;
  return config.resid != Resid::off &&
         (config.neutralize_weight != NeutralizeWeight::equal || (with_factors && !config.factors.empty()));
}

OwnFactors::OwnFactors(const PanelView& panel, const RunConfig& config, bool with_factors)
    : columns_(panel), scheme_(config.neutralize_weight) {
  if (with_factors) {
    std::vector<std::string> names = config.factors;
    if (names.empty()) names.assign(std::begin(kExposures), std::end(kExposures));
    const char* const option = config.factors.empty() ? "resid" : "factors";
    for (const std::string& name : names) columns_.add(name, option);
  }
  if (scheme_ == NeutralizeWeight::equal) return;
  panel.require("mcap", "neutralize_weight");
  mcap_ = panel.number("mcap", "neutralize_weight");
}

double OwnFactors::weight(RowIndex row) const noexcept {
  if (!mcap_) return 1.0;
  const double mcap = mcap_[row];
  return scheme_ == NeutralizeWeight::sqrt_mcap && mcap > 0.0 ? std::sqrt(mcap) : mcap;
}

bool OwnFactors::is_complete(RowIndex row) const noexcept { return weight(row) > 0.0 && columns_.is_complete(row); }

void OwnFactors::read(std::span<const RowIndex> rows, std::vector<double>& x, std::vector<double>& weights) const {
  const std::size_t n = rows.size();
  x.resize(columns_.size() * n);
  weights.resize(n);
  columns_.read(rows, x.data());
  for (std::size_t i = 0; i < n; ++i) weights[i] = weight(rows[i]);
}

void centre_weighted(OwnFactorRows& rows, std::span<const std::uint16_t> industry, std::span<const double> weights, double* y) {
  rows.means.assign(weights.size(), 0.0);
  for (std::size_t i = 0; i < industry.size(); ++i) rows.means[industry[i]] += rows.weights[i] * y[i];
  for (std::size_t g = 0; g < weights.size(); ++g)
    if (weights[g] > 0.0) rows.means[g] /= weights[g];
  for (std::size_t i = 0; i < industry.size(); ++i) y[i] -= rows.means[industry[i]];
}

void OwnEquations::assign(OwnFactorRows& rows, std::span<const std::uint16_t> industry, std::span<const double> weights) {
  const std::size_t k = rows.n_factors;
  is_well_conditioned_ = false;
  sums_.assign(weights.size() * k, 0.0);
  scale_.assign(k, 0.0);
  root_.assign(k * k, 0.0);
  std::vector<double> gram(k * k, 0.0);
  const std::size_t n = industry.size();
  rows.weighted.resize(n);
  for (std::size_t f = 0; f < k; ++f) {
    const double* const x = rows.factor(f);
    for (std::size_t i = 0; i < n; ++i) rows.weighted[i] = rows.weights[i] * x[i];
    for (std::size_t i = 0; i < n; ++i) sums_[industry[i] * k + f] += rows.weighted[i];
    for (std::size_t l = 0; l <= f; ++l) gram[f * k + l] = sum_products(rows.weighted.data(), rows.factor(l), n);
  }
  std::vector<double> centred = gram;
  for (std::size_t g = 0; g < weights.size(); ++g) {
    if (!(weights[g] > 0.0)) continue;
    const double* const sum = sums_.data() + g * k;
    for (std::size_t f = 0; f < k; ++f)
      for (std::size_t l = 0; l <= f; ++l) centred[f * k + l] -= sum[f] * sum[l] / weights[g];
  }
  for (std::size_t f = 0; f < k; ++f) {
    if (!(centred[f * k + f] > kSmallestPivot * gram[f * k + f])) return;
    scale_[f] = 1.0 / std::sqrt(centred[f * k + f]);
  }
  for (std::size_t f = 0; f < k; ++f)
    for (std::size_t l = 0; l <= f; ++l) {
      double rest = centred[f * k + l] * scale_[f] * scale_[l];
      for (std::size_t j = 0; j < l; ++j) rest -= root_[f * k + j] * root_[l * k + j];
      if (l < f) {
        root_[f * k + l] = rest / root_[l * k + l];
      } else {
        if (!(rest > kSmallestPivot)) return;
        root_[f * k + f] = std::sqrt(rest);
      }
    }
  is_well_conditioned_ = true;
}

/// Returns false if y is not orthogonal to all factors afterwards.
bool OwnEquations::solve(OwnFactorRows& rows, std::span<const std::uint16_t> industry, std::span<const double> weights,
                         double* y) const {
  constexpr int kMostSteps = 6;
  if (!is_well_conditioned_) return false;
  const std::size_t k = rows.n_factors, n = rows.weights.size();
  rows.beta.resize(k);
  multiply(rows, y);
  const double length = std::sqrt(sum_products(rows.weighted.data(), y, n));
  for (int step = 0; step < kMostSteps; ++step) {
    std::vector<double>& b = rows.beta;
    for (std::size_t f = 0; f < k; ++f) {
      double rest = rows.products[f] * scale_[f];
      for (std::size_t j = 0; j < f; ++j) rest -= root_[f * k + j] * b[j];
      b[f] = rest / root_[f * k + f];
    }
    for (std::size_t f = k; f-- > 0;) {
      double rest = b[f];
      for (std::size_t j = f + 1; j < k; ++j) rest -= root_[j * k + f] * b[j];
      b[f] = rest / root_[f * k + f];
    }
    for (std::size_t f = 0; f < k; ++f) b[f] *= scale_[f];
    subtract_factors(rows, y);
    // The factors are fitted without their means, but rounding leaves small new means.
    centre_weighted(rows, industry, weights, y);
    multiply(rows, y);
    double largest = 0.0;
    for (std::size_t f = 0; f < k; ++f) largest = std::max(largest, std::fabs(rows.products[f]) * scale_[f]);
    if (largest <= kOrthogonal * length) return true;
  }
  return false;
}

void OwnEquations::project(OwnFactorRows& rows, std::span<const std::uint16_t> industry, std::span<const double> weights,
                           double* y) const {
  if (rows.n_factors == 0) return;
  // As many regressors as names fit every signal: the residuals are 0, and what is left of y is rounding.
  const std::size_t n = rows.weights.size();
  const auto n_groups = static_cast<std::size_t>(std::count_if(weights.begin(), weights.end(), [](double w) { return w > 0.0; }));
  const bool may_fit_all = n <= n_groups + rows.n_factors;
  if (!may_fit_all && solve(rows, industry, weights, y)) return;
  centre_weighted(rows, industry, weights, y);
  if (project_off_basis(rows, industry, weights, y) + n_groups >= n) std::fill_n(y, n, 0.0);
}

}  // namespace fractile

// Copyright The fractile authors. Licensed under the Apache License, Version 2.0.
#include "engine/residual/own_factors.hpp"

#include <algorithm>
#include <cmath>
#include <string>

#include "engine/kernels/kernels.hpp"
#include "engine/residual/bounds.hpp"

namespace fractile {
namespace {

/// products[k] = sum over names of weight, factor k and y, names in order, for kLanes factors from `first` on.
template <std::size_t kLanes>
void multiply_some(const OwnFactorRows& rows, const double* y, std::size_t first, double* products) {
  double sums[kLanes] = {};
  const double* x = rows.x.data() + first;
  for (std::size_t i = 0; i < rows.weights.size(); ++i, x += rows.n_factors) {
    const double wy = rows.weights[i] * y[i];
    for (std::size_t lane = 0; lane < kLanes; ++lane) sums[lane] += wy * x[lane];
  }
  std::copy_n(sums, std::min(kLanes, rows.n_factors - first), products + first);
}

/// The same for all factors. Sums of a few stay in registers. The last ones read past a name's factors, and are not used.
void multiply(const OwnFactorRows& rows, const double* y, double* products) {
  constexpr std::size_t kMostLanes = 12;
  static_assert(kMostLanes % 4 == 0 && OwnFactorRows::kPadding >= 3);
  for (std::size_t first = 0; first < rows.n_factors; first += kMostLanes) {
    const std::size_t rest = rows.n_factors - first;
    if (rest > 8)
      multiply_some<kMostLanes>(rows, y, first, products);
    else if (rest > 4)
      multiply_some<8>(rows, y, first, products);
    else
      multiply_some<4>(rows, y, first, products);
  }
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
      x[i] = rows.x[i * k + f];
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

OwnFactors::OwnFactors(const PanelView& panel, const RunConfig& config, bool with_factors) : scheme_(config.neutralize_weight) {
  if (with_factors) {
    std::vector<std::string> names = config.factors;
    if (names.empty()) names.assign(std::begin(kExposures), std::end(kExposures));
    const char* const option = config.factors.empty() ? "resid" : "factors";
    for (const std::string& name : names) {
      panel.require(name, option);
      columns_.push_back(panel.number(name, option));
    }
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

bool OwnFactors::is_complete(RowIndex row) const noexcept {
  bool is_complete = weight(row) > 0.0;
  for (const Characteristic& column : columns_) {
    const double value = column[row];
    is_complete &= value == value;
  }
  return is_complete;
}

void OwnFactors::read(std::span<const RowIndex> rows, std::vector<double>& x, std::vector<double>& weights) const {
  const std::size_t k = columns_.size();
  x.resize(rows.size() * k + OwnFactorRows::kPadding);
  weights.resize(rows.size());
  constexpr std::size_t kBlock = 64;  // names whose factors stay in the first-level cache
  for (std::size_t begin = 0; begin < rows.size(); begin += kBlock) {
    const std::size_t end = std::min(rows.size(), begin + kBlock);
    for (std::size_t f = 0; f < k; ++f)
      columns_[f].visit([&, to = x.data() + f](auto value_of) {
        for (std::size_t i = begin; i < end; ++i) to[i * k] = value_of(rows[i]);
      });
  }
  for (std::size_t i = 0; i < rows.size(); ++i) weights[i] = weight(rows[i]);
}

void centre_weighted(OwnFactorRows& rows, std::span<const std::uint16_t> industry, std::span<const double> weights, double* y) {
  rows.means.assign(weights.size(), 0.0);
  for (std::size_t i = 0; i < industry.size(); ++i) rows.means[industry[i]] += rows.weights[i] * y[i];
  for (std::size_t g = 0; g < weights.size(); ++g)
    if (weights[g] > 0.0) rows.means[g] /= weights[g];
  for (std::size_t i = 0; i < industry.size(); ++i) y[i] -= rows.means[industry[i]];
}

void OwnEquations::assign(const OwnFactorRows& rows, std::span<const std::uint16_t> industry, std::span<const double> weights) {
  const std::size_t k = rows.n_factors;
  is_well_conditioned_ = false;
  sums_.assign(weights.size() * k, 0.0);
  scale_.assign(k, 0.0);
  root_.assign(k * k, 0.0);
  std::vector<double> gram(k * k, 0.0);
  for (std::size_t i = 0; i < industry.size(); ++i) {
    const double* const x = rows.x.data() + i * k;
    double* const sum = sums_.data() + industry[i] * k;
    for (std::size_t f = 0; f < k; ++f) {
      const double wx = rows.weights[i] * x[f];
      sum[f] += wx;
      for (std::size_t l = 0; l <= f; ++l) gram[f * k + l] += wx * x[l];
    }
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
  double length = 0.0;
  for (std::size_t i = 0; i < n; ++i) length += rows.weights[i] * y[i] * y[i];
  length = std::sqrt(length);
  rows.products.resize(k);
  rows.beta.resize(k);
  multiply(rows, y, rows.products.data());
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
    for (std::size_t i = 0; i < n; ++i) {
      const double* const x = rows.x.data() + i * k;
      double fit = 0.0;
      for (std::size_t f = 0; f < k; ++f) fit += b[f] * x[f];
      y[i] -= fit;
    }
    // The factors are fitted without their means, but rounding leaves small new means.
    centre_weighted(rows, industry, weights, y);
    multiply(rows, y, rows.products.data());
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

// Copyright The fractile authors. Licensed under the Apache License, Version 2.0.
#include "engine/residual/regressors.hpp"

#include <algorithm>
#include <cmath>

#include "engine/residual/bounds.hpp"

namespace fractile {
namespace {

static_assert(kMaxGroups <= UINT16_MAX, "industries are stored in sixteen bits");

}  // namespace

NormalEquations::NormalEquations(const double* gram, std::span<const double> sums, std::span<const double> counts) {
  std::array<Coefficients, kFactors> centred{};
  for (std::size_t k = 0; k < kFactors; ++k)
    for (std::size_t l = 0; l <= k; ++l) centred[k][l] = gram[k * kFactorStride + l];
  for (std::size_t g = 0; g < counts.size(); ++g) {
    if (counts[g] == 0.0) continue;
    const double* const sum = sums.data() + g * kFactorStride;
    for (std::size_t k = 0; k < kFactors; ++k)
      for (std::size_t l = 0; l <= k; ++l) centred[k][l] -= sum[k] * sum[l] / counts[g];
  }
  for (std::size_t k = 0; k < kFactors; ++k) {
    if (!(centred[k][k] > kSmallestPivot * gram[k * kFactorStride + k])) return;
    scale_[k] = 1.0 / std::sqrt(centred[k][k]);
  }
  for (std::size_t k = 0; k < kFactors; ++k)
    for (std::size_t l = 0; l <= k; ++l) {
      double rest = centred[k][l] * scale_[k] * scale_[l];
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

Coefficients NormalEquations::solve(const double* products) const noexcept {
  Coefficients x{};
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

double NormalEquations::largest_part(const double* products) const noexcept {
  double largest = 0.0;
  for (std::size_t k = 0; k < kFactors; ++k) largest = std::max(largest, std::fabs(products[k]) * scale_[k]);
  return largest;
}

bool Regressors::is_of(std::span<const RowIndex> rows) const noexcept { return std::ranges::equal(rows_, rows); }

void Regressors::assign(const ExposureRows& exposures, std::span<const RowIndex> rows, OwnFactorRows& own) {
  rows_.assign(rows.begin(), rows.end());
  counts_.assign(exposures.with_industry() ? static_cast<std::size_t>(exposures.n_industries()) : 1, 0.0);
  industry_.assign(rows.size(), 0);
  // Rows are complete. If a row has lost its industry because its file was cut meanwhile, any industry will do.
  if (exposures.with_industry())
    for (std::size_t i = 0; i < rows.size(); ++i)
      industry_[i] = static_cast<std::uint16_t>(std::max(exposures.industry(rows[i]), 0));
  if (exposures.own()) {
    own.n_factors = exposures.own()->size();
    exposures.own()->read(rows, own.x, own.weights);
    for (std::size_t i = 0; i < rows.size(); ++i) counts_[industry_[i]] += own.weights[i];
    own_equations_.assign(own, industry_, counts_);
    return;
  }
  for (const std::uint16_t industry : industry_) counts_[industry] += 1.0;
  if (!exposures.with_factors()) return;
  sums_.assign(counts_.size() * kFactorStride, 0.0);
  double gram[kFactorStride * kFactorStride] = {};
  add_factors(exposures.factors(rows), industry_.data(), sums_.data(), gram);
  equations_ = NormalEquations(gram, sums_, counts_);
}

}  // namespace fractile

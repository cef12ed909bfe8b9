// Copyright The fractile authors. Licensed under the Apache License, Version 2.0.
#include "engine/residualize.hpp"

#include <algorithm>
#include <array>
#include <cmath>

namespace fractile {
namespace {

/// Sums run in this many interleaved lanes, whatever the vector width: the same bits on every CPU.
constexpr std::size_t kLanes = 8;
/// A column whose remaining part is smaller than this share of it lies in the span of those before.
constexpr double kCollinear = 1e-11;

double sum_lanes(const double* lanes) noexcept {
  return ((lanes[0] + lanes[4]) + (lanes[2] + lanes[6])) + ((lanes[1] + lanes[5]) + (lanes[3] + lanes[7]));
}

double dot(const double* a, const double* b, std::size_t padded) noexcept {
  double lanes[kLanes] = {};
  for (std::size_t i = 0; i < padded; i += kLanes)
    for (std::size_t l = 0; l < kLanes; ++l) lanes[l] += a[i + l] * b[i + l];
  return sum_lanes(lanes);
}

void subtract_multiple(double* a, const double* b, double factor, std::size_t padded) noexcept {
  for (std::size_t i = 0; i < padded; ++i) a[i] -= factor * b[i];
}

/// Takes means out of columns: one mean, or one an industry. Twice, so that what rounding leaves of
/// a large mean goes too.
class Centring {
 public:
  Centring(const ExposureRows& exposures, std::span<const RowIndex> rows, ResidualScratch& scratch)
      : n_(rows.size()), scratch_(scratch) {
    const std::size_t n_groups = exposures.with_industry() ? static_cast<std::size_t>(exposures.n_industries()) : 1;
    scratch.counts.assign(n_groups, 0.0);
    scratch.sums.resize(n_groups);
    scratch.industry.assign(n_, 0);
    for (std::size_t i = 0; i < n_; ++i) {
      if (exposures.with_industry()) scratch.industry[i] = exposures.industry(rows[i]);
      scratch.counts[static_cast<std::size_t>(scratch.industry[i])] += 1.0;
    }
  }

  void centre(double* column) {
    for (int pass = 0; pass < 2; ++pass) {
      std::fill(scratch_.sums.begin(), scratch_.sums.end(), 0.0);
      for (std::size_t i = 0; i < n_; ++i) scratch_.sums[static_cast<std::size_t>(scratch_.industry[i])] += column[i];
      for (std::size_t g = 0; g < scratch_.sums.size(); ++g)
        if (scratch_.counts[g] > 0.0) scratch_.sums[g] /= scratch_.counts[g];
      for (std::size_t i = 0; i < n_; ++i) column[i] -= scratch_.sums[static_cast<std::size_t>(scratch_.industry[i])];
    }
  }

 private:
  std::size_t n_;
  ResidualScratch& scratch_;
};

/// Orthonormal columns that span the centred factors; returns how many there are.
std::size_t build_basis(const ExposureRows& exposures, std::span<const RowIndex> rows, std::size_t padded, Centring& centring,
                        std::vector<double>& columns) {
  columns.assign(padded * kNExposures, 0.0);
  std::size_t rank = 0;
  for (int k = 0; k < kNExposures; ++k) {
    double* const column = columns.data() + rank * padded;
    std::fill(column, column + padded, 0.0);
    for (std::size_t i = 0; i < rows.size(); ++i) column[i] = exposures.factor(k, rows[i]);
    const double whole = std::sqrt(dot(column, column, padded));
    centring.centre(column);
    for (int pass = 0; pass < 2; ++pass)
      for (std::size_t j = 0; j < rank; ++j) {
        const double* const before = columns.data() + j * padded;
        subtract_multiple(column, before, dot(column, before, padded), padded);
      }
    const double length = std::sqrt(dot(column, column, padded));
    if (!(length > kCollinear * whole)) continue;
    for (std::size_t i = 0; i < padded; ++i) column[i] /= length;
    ++rank;
  }
  return rank;
}

}  // namespace

void residualize(const ExposureRows& exposures, std::span<const RowIndex> rows, std::span<double> s, ResidualScratch& scratch) {
  const std::size_t n = s.size();
  if (n == 0) return;
  const auto [low, high] = std::minmax_element(s.begin(), s.end());
  if (*low == *high) {
    std::fill(s.begin(), s.end(), 0.0);
    return;
  }
  const std::size_t padded = (n + kLanes - 1) / kLanes * kLanes;
  scratch.signal.assign(padded, 0.0);
  double* const y = scratch.signal.data();
  double mean = 0.0;
  for (const double value : s) mean += value;
  mean /= static_cast<double>(n);
  for (std::size_t i = 0; i < n; ++i) y[i] = s[i] - mean;
  const double sigma = std::sqrt(dot(y, y, padded) / static_cast<double>(n));

  Centring centring(exposures, rows, scratch);
  centring.centre(y);
  if (exposures.with_factors()) {
    const std::size_t rank = build_basis(exposures, rows, padded, centring, scratch.columns);
    for (int pass = 0; pass < 2; ++pass)
      for (std::size_t j = 0; j < rank; ++j) {
        const double* const column = scratch.columns.data() + j * padded;
        subtract_multiple(y, column, dot(y, column, padded), padded);
      }
  }
  constexpr int kBits = 36;
  if (!(sigma > 0.0)) {
    std::fill(s.begin(), s.end(), 0.0);
    return;
  }
  const double unit = std::ldexp(1.0, std::ilogb(sigma) - kBits);
  for (std::size_t i = 0; i < n; ++i) s[i] = std::nearbyint(y[i] / unit) * unit + 0.0;
}

}  // namespace fractile

// Copyright The fractile authors. Licensed under the Apache License, Version 2.0.
#include "stats/factor_model.hpp"

#include <cmath>
#include <string>

#include "fractile/error.hpp"
#include "fractile/types.hpp"
#include "stats/distributions.hpp"
#include "stats/moments.hpp"
#include "stats/newey_west.hpp"

namespace fractile {
namespace {

/// A column whose part off the columns before it is not above this share of its length is in their span.
constexpr double kInSpan = 1e-11;
/// Residuals below this share of the series are rounding.
constexpr double kVanishing = 1e-13;

double dot(const std::vector<double>& a, const std::vector<double>& b) noexcept {
  double sum = 0.0;
  for (std::size_t t = 0; t < a.size(); ++t) sum += a[t] * b[t];
  return sum;
}

/// An orthonormal basis of the constant and the factors: column j of them is sum over i of unit[i] upper[i][j].
struct Basis {
  std::vector<std::vector<double>> unit;
  std::vector<std::vector<double>> upper;

  explicit Basis(const Frame& factors) {
    const std::size_t n = factors.periods, k = factors.series + 1;
    upper.assign(k, std::vector<double>(k, 0.0));
    for (std::size_t j = 0; j < k; ++j) {
      std::vector<double> rest = j == 0 ? std::vector<double>(n, 1.0) : factors.column(j - 1);
      const double before = std::sqrt(dot(rest, rest));
      for (int pass = 0; pass < 2; ++pass)
        for (std::size_t i = 0; i < j; ++i) {
          const double part = dot(unit[i], rest);
          upper[i][j] += part;
          for (std::size_t t = 0; t < n; ++t) rest[t] -= part * unit[i][t];
        }
      const double length = std::sqrt(dot(rest, rest));
      if (!(length > kInSpan * before))
        throw Error(ErrorCode::INVALID_VALUE, "expected factors that are not collinear, found factor " + std::to_string(j) +
                                                  " in the span of the constant and the factors before it. Leave it out.");
      upper[j][j] = length;
      for (double& x : rest) x /= length;
      unit.push_back(std::move(rest));
    }
  }
  /// Solves upper x = b in place.
  void solve(std::vector<double>& b) const {
    for (std::size_t i = b.size(); i-- > 0;) {
      for (std::size_t j = i + 1; j < b.size(); ++j) b[i] -= upper[i][j] * b[j];
      b[i] /= upper[i][i];
    }
  }
};

/// Row i of the inverse of upper.
std::vector<double> inverse_row(const Basis& basis, std::size_t i) {
  const std::size_t k = basis.unit.size();
  std::vector<double> row(k, 0.0);
  row[i] = 1.0 / basis.upper[i][i];
  for (std::size_t j = i + 1; j < k; ++j) {
    double sum = 0.0;
    for (std::size_t l = i; l < j; ++l) sum += row[l] * basis.upper[l][j];
    row[j] = -sum / basis.upper[j][j];
  }
  return row;
}

}  // namespace

FactorModel fit_factors(std::span<const double> y, const Frame& factors, std::int64_t lags) {
  const std::size_t n = y.size(), k = factors.series + 1;
  if (n < k + 2)
    throw Error(ErrorCode::INVALID_VALUE, "expected " + std::to_string(k + 2) + " periods or more for " + std::to_string(k) +
                                              " coefficients, found " + std::to_string(n) +
                                              ". Pass longer series or fewer factors.");
  const Basis basis(factors);
  std::vector<double> beta(k, 0.0), residuals(y.begin(), y.end());
  for (int pass = 0; pass < 2; ++pass) {
    std::vector<double> change(k);
    for (std::size_t i = 0; i < k; ++i) {
      change[i] = dot(basis.unit[i], residuals);
      for (std::size_t t = 0; t < n; ++t) residuals[t] -= change[i] * basis.unit[i][t];
    }
    basis.solve(change);
    for (std::size_t i = 0; i < k; ++i) beta[i] += change[i];
  }
  const double squares = dot(residuals, residuals), centre = mean(y);
  double total = 0.0, length = 0.0;
  for (const double value : y) {
    total += (value - centre) * (value - centre);
    length += value * value;
  }
  const bool vanishes = !(std::sqrt(squares) > kVanishing * std::sqrt(length));
  FactorModel out{{}, total > 0.0 ? 1.0 - squares / total : kNaN, standard_deviation(residuals), kNaN, kNaN, lags};
  if (lags < 0) out.lags = newey_west_lags(n);
  const double freedom = static_cast<double>(n - k), correction = static_cast<double>(n) / freedom;
  for (std::size_t i = 0; i < k; ++i) {
    FactorModel::Coefficient coefficient{beta[i], kNaN, kNaN, kNaN};
    if (!vanishes) {
      // beta[i] less its true value is the sum over t of the influence of period t.
      const std::vector<double> row = inverse_row(basis, i);
      std::vector<double> influence(n, 0.0);
      for (std::size_t j = i; j < k; ++j)
        for (std::size_t t = 0; t < n; ++t) influence[t] += row[j] * basis.unit[j][t];
      for (std::size_t t = 0; t < n; ++t) influence[t] *= residuals[t];
      double variance = dot(influence, influence);
      for (std::int64_t lag = 1; lag <= out.lags && lag < static_cast<std::int64_t>(n); ++lag) {
        const double bartlett = 1.0 - static_cast<double>(lag) / static_cast<double>(out.lags + 1);
        const auto first = static_cast<std::size_t>(lag);
        for (std::size_t t = first; t < n; ++t) variance += 2.0 * bartlett * influence[t] * influence[t - first];
      }
      coefficient.se = std::sqrt(correction * variance);
      coefficient.t = coefficient.value / coefficient.se;
      coefficient.p = std::erfc(std::fabs(coefficient.t) / std::sqrt(2.0));
      if (i == 0) {
        double of_row = 0.0;
        for (const double x : row) of_row += x * x;
        out.f = beta[0] * beta[0] / (squares / freedom * of_row);
        out.f_p = f_upper_tail(out.f, freedom);
      }
    }
    out.coefficients.push_back(coefficient);
  }
  return out;
}

}  // namespace fractile

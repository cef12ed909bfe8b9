// Copyright The fractile authors. Licensed under the Apache License, Version 2.0.
#pragma once

#include <cstdint>
#include <functional>
#include <span>
#include <string_view>
#include <vector>

/// The stationary bootstrap of Politis and Romano (1994) of one series: circular blocks of geometric length.
namespace fractile {

/// The threads that compute draws, and the poll function of a long computation. No number depends on them.
struct Workers {
  int threads = 1;
  std::function<void()> poll;  ///< throws to end the computation
};

/// The parameters of the draws.
struct Resampling {
  std::int64_t draws = 10'000;
  double block = 1.0;  ///< expected length, 1 or more; may be a fraction
  std::uint64_t seed = 0;
};

/// Fills `index` with places 0 ... n-1 of one draw, n = index.size() below 2^32.
///
/// Each place follows the one before (the first follows the last), unless a new block begins. A block begins with
/// probability 1/block, which the low 32 bits of a random number decide. Its high 32 bits choose the place.
void fill_stationary(std::span<std::uint32_t> index, double block, std::uint64_t seed, std::uint64_t draw) noexcept;

enum class Statistic { mean, sharpe, max_drawdown };

double compute(Statistic statistic, std::span<const double> x) noexcept;
/// The statistic without each period in turn. O(n).
std::vector<double> leave_one_out(Statistic statistic, std::span<const double> x);

/// One vector per statistic, of resampling.draws values; all statistics see the same draws.
std::vector<std::vector<double>> bootstrap_draws(std::span<const double> x, std::span<const Statistic> statistics,
                                                 const Resampling& resampling, const Workers& workers);

struct BootstrapInterval {
  double estimate, se, low, high, bca_low, bca_high;
  std::int64_t draws;  ///< those whose statistic is not NaN
};
/// Percentile and BCa (Efron 1987) intervals. NaN if the estimate is NaN or no draw is left.
BootstrapInterval summarise_draws(double estimate, std::vector<double> draws, std::span<const double> leave_one_out,
                                  double level);

/// numpy's linear quantile of sorted values; NaN if there are none.
double quantile_of_sorted(std::span<const double> sorted, double q) noexcept;

}  // namespace fractile

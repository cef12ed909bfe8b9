// Copyright The fractile authors. Licensed under the Apache License, Version 2.0.
#include "stats/block_length.hpp"

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <vector>

#include "fractile/types.hpp"
#include "stats/moments.hpp"
#include "stats/newey_west.hpp"

namespace fractile {
namespace {

/// The first lag from which `run` autocorrelations in a row are small; if there is none, the last lag with a large one.
std::int64_t find_last_dependence(const std::vector<double>& gamma, std::int64_t run, double small) {
  const auto n_lags = static_cast<std::int64_t>(gamma.size()) - 1;
  std::int64_t small_in_a_row = 0, last_large = 0;
  for (std::int64_t lag = 1; lag <= n_lags; ++lag) {
    if (std::fabs(gamma[static_cast<std::size_t>(lag)] / gamma[0]) < small) {
      if (++small_in_a_row == run) return lag - run + 1;
    } else {
      small_in_a_row = 0;
      last_large = lag;
    }
  }
  return std::max<std::int64_t>(last_large, 1);
}

}  // namespace

BlockLength optimal_block_length(std::span<const double> x) {
  if (x.size() < 10 || !(standard_deviation(x) >= 1e-15)) return {kNaN, kNaN};
  const auto n = static_cast<double>(x.size());
  const auto run = std::max<std::int64_t>(5, static_cast<std::int64_t>(std::floor(std::log10(n))));
  const std::int64_t most_lags = static_cast<std::int64_t>(std::ceil(std::sqrt(n))) + run;
  const double centre = mean(x);
  std::vector<double> gamma;
  for (std::int64_t lag = 0; lag <= most_lags; ++lag) gamma.push_back(autocovariance(x, centre, lag));
  const std::int64_t m = find_last_dependence(gamma, run, 2.0 * std::sqrt(std::log10(n) / n));
  const std::int64_t width = std::min(2 * m, most_lags);
  double g = 0.0, spectrum = gamma[0];
  for (std::int64_t k = 1; k <= width; ++k) {
    const double share = static_cast<double>(k) / static_cast<double>(width);
    const double weighted = 2.0 * (share <= 0.5 ? 1.0 : 2.0 * (1.0 - share)) * gamma[static_cast<std::size_t>(k)];
    g += weighted * static_cast<double>(k);
    spectrum += weighted;
  }
  const double longest = std::ceil(std::min(3.0 * std::sqrt(n), n / 3.0));
  const auto length = [&](double d) { return std::min(longest, std::cbrt(2.0 * g * g / (d * spectrum * spectrum) * n)); };
  return {length(2.0), length(4.0 / 3.0)};
}

double usable_block_length(std::span<const double> x) {
  const double block = optimal_block_length(x).stationary;
  return block >= 1.0 ? block : 1.0;
}

}  // namespace fractile

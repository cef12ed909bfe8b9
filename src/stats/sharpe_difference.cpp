// Copyright The fractile authors. Licensed under the Apache License, Version 2.0.
#include "stats/sharpe_difference.hpp"

#include <algorithm>
#include <cmath>
#include <vector>

#include "fractile/types.hpp"
#include "parallel/workers.hpp"
#include "stats/block_length.hpp"
#include "stats/newey_west.hpp"
#include "stats/random.hpp"
#include "stats/sharpe.hpp"

namespace fractile {
namespace {

std::int64_t choose_block(std::span<const double> x, std::span<const double> y) {
  const double a = optimal_block_length(x).circular, b = optimal_block_length(y).circular;
  const double length = std::ceil(std::max(a == a ? a : 1.0, b == b ? b : 1.0));
  return std::max<std::int64_t>(1, std::min(static_cast<std::int64_t>(length), static_cast<std::int64_t>(x.size() / 3)));
}

std::vector<double> influence_of_difference(std::span<const double> x, std::span<const double> y) {
  std::vector<double> out = sharpe_influence(x);
  const std::vector<double> other = sharpe_influence(y);
  for (std::size_t t = 0; t < out.size(); ++t) out[t] -= other[t];
  return out;
}

/// The error of a draw, from the sums of its whole blocks.
double block_error(std::span<const double> influence, std::size_t block) noexcept {
  const std::size_t n_blocks = influence.size() / block;
  double squares = 0.0;
  for (std::size_t j = 0; j < n_blocks; ++j) {
    double sum = 0.0;
    for (std::size_t t = j * block; t < (j + 1) * block; ++t) sum += influence[t];
    squares += sum * sum / static_cast<double>(block);
  }
  return std::sqrt(squares / static_cast<double>(n_blocks) / static_cast<double>(influence.size()));
}

}  // namespace

SharpeDifference sharpe_difference(std::span<const double> x, std::span<const double> y, std::int64_t draws, std::int64_t block,
                                   std::uint64_t seed, const Workers& workers) {
  SharpeDifference out{sharpe_per_period(x) - sharpe_per_period(y), kNaN, kNaN, kNaN, block >= 1 ? block : choose_block(x, y)};
  if (out.difference != out.difference) return out;
  if (std::equal(x.begin(), x.end(), y.begin())) return {0.0, 0.0, 1.0, 1.0, out.block};
  const auto n = static_cast<double>(x.size());
  const double omega = long_run_variance(influence_of_difference(x, y), newey_west_lags(x.size()));
  if (!(omega > 0.0)) return out;
  out.se_hac = std::sqrt(omega / n);
  const double observed = std::fabs(out.difference) / out.se_hac;
  out.p_hac = std::erfc(observed / std::sqrt(2.0));

  const auto length = static_cast<std::size_t>(std::min(out.block, static_cast<std::int64_t>(x.size())));
  std::vector<double> distance(static_cast<std::size_t>(draws), kNaN);
  const auto body = [&](int task, int) {
    std::vector<double> a(x.size()), b(x.size());
    const std::int64_t first = task * kDrawsPerTask, last = std::min(first + kDrawsPerTask, draws);
    for (std::int64_t draw = first; draw < last; ++draw) {
      DrawStream random(seed, static_cast<std::uint64_t>(draw));
      for (std::size_t t = 0; t < x.size();) {
        auto place = static_cast<std::size_t>(DrawStream::scale(random.next() >> 32, x.size()));
        for (std::size_t k = 0; k < length && t < x.size(); ++k, ++t) {
          a[t] = x[place];
          b[t] = y[place];
          place = place + 1 == x.size() ? 0 : place + 1;
        }
      }
      const double drawn = sharpe_per_period(a) - sharpe_per_period(b);
      if (drawn != drawn) continue;
      const double error = block_error(influence_of_difference(a, b), length);
      if (error > 0.0) distance[static_cast<std::size_t>(draw)] = std::fabs(drawn - out.difference) / error;
    }
  };
  parallel_for(workers.threads, static_cast<int>((draws + kDrawsPerTask - 1) / kDrawsPerTask), body, workers.poll);
  std::int64_t farther = 0, used = 0;
  for (const double d : distance) {
    if (d != d) continue;
    ++used;
    farther += d >= observed;
  }
  out.p_bootstrap = static_cast<double>(1 + farther) / static_cast<double>(used + 1);
  return out;
}

}  // namespace fractile

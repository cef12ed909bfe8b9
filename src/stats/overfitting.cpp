// Copyright The fractile authors. Licensed under the Apache License, Version 2.0.
#include "stats/overfitting.hpp"

#include <algorithm>
#include <bit>
#include <cmath>

#include "fractile/types.hpp"
#include "parallel/workers.hpp"
#include "stats/moments.hpp"

namespace fractile {
namespace {

/// Sums of each series less its mean, over the rows of each block.
class BlockSums {
 public:
  BlockSums(const Frame& frame, int blocks)
      : n_series_(frame.series),
        rows_(frame.periods / static_cast<std::size_t>(blocks)),
        sums_(static_cast<std::size_t>(blocks) * n_series_),
        squares_(sums_) {
    const std::size_t used = rows_ * static_cast<std::size_t>(blocks), first = frame.periods - used;
    for (std::size_t k = 0; k < n_series_; ++k) {
      const std::vector<double> column = frame.column(k);
      means_.push_back(mean({column.data() + first, used}));
      for (std::size_t t = 0; t < used; ++t) {
        const double e = column[first + t] - means_[k];
        sums_[t / rows_ * n_series_ + k] += e;
        squares_[t / rows_ * n_series_ + k] += e * e;
      }
    }
  }

  /// The Sharpe ratio of each series over the blocks of a mask; 0 without deviation.
  void sharpe_ratios(std::uint32_t mask, std::vector<double>& out) const {
    std::vector<double> sum(n_series_, 0.0), squares(n_series_, 0.0);
    const double n = static_cast<double>(rows_) * std::popcount(mask);
    for (; mask != 0; mask &= mask - 1) {
      const auto row = static_cast<std::size_t>(std::countr_zero(mask)) * n_series_;
      for (std::size_t k = 0; k < n_series_; ++k) {
        sum[k] += sums_[row + k];
        squares[k] += squares_[row + k];
      }
    }
    for (std::size_t k = 0; k < n_series_; ++k) {
      const double variance = (squares[k] - sum[k] * sum[k] / n) / (n - 1.0);
      // For a constant stretch the variance is only rounding error, which is small beside the squares.
      const bool varies = variance >= 1e-30 && variance > 1e-12 * squares[k] / (n - 1.0);
      out[k] = varies ? (means_[k] + sum[k] / n) / std::sqrt(variance) : 0.0;
    }
  }

 private:
  std::size_t n_series_, rows_;
  std::vector<double> means_;
  std::vector<double> sums_, squares_;  ///< by block and series
};

/// All masks with half of the blocks, in the order of combinations.
std::vector<std::uint32_t> halves(int blocks) {
  std::vector<int> chosen(static_cast<std::size_t>(blocks / 2));
  for (std::size_t i = 0; i < chosen.size(); ++i) chosen[i] = static_cast<int>(i);
  std::vector<std::uint32_t> out;
  while (true) {
    std::uint32_t mask = 0;
    for (const int block : chosen) mask |= std::uint32_t{1} << block;
    out.push_back(mask);
    std::size_t i = chosen.size();
    while (i > 0 && chosen[i - 1] == blocks / 2 + static_cast<int>(i) - 1) --i;
    if (i == 0) return out;
    ++chosen[i - 1];
    for (; i < chosen.size(); ++i) chosen[i] = chosen[i - 1] + 1;
  }
}

/// The rank of a value: 1 is the lowest; equal values share their mean rank.
double rank_of(const std::vector<double>& values, std::size_t chosen) noexcept {
  double below = 0.0, equal = 0.0;
  for (const double value : values) {
    below += value < values[chosen];
    equal += value == values[chosen];
  }
  return below + (equal + 1.0) / 2.0;
}

bool has_missing(const Frame& frame) noexcept {
  return std::any_of(frame.values, frame.values + frame.periods * frame.series, [](double x) { return x != x; });
}

/// The columns less their mean, divided by their norm; constant columns are left out.
std::vector<std::vector<double>> standardised_columns(const Frame& frame) {
  std::vector<std::vector<double>> out;
  for (std::size_t k = 0; k < frame.series; ++k) {
    std::vector<double> column = frame.column(k);
    if (!(standard_deviation(column) >= 1e-15)) continue;
    const double centre = mean(column);
    double squares = 0.0;
    for (double& value : column) {
      value -= centre;
      squares += value * value;
    }
    for (double& value : column) value /= std::sqrt(squares);
    out.push_back(std::move(column));
  }
  return out;
}

/// The mean correlation without a loop over pairs: the squared norm of the sum of M unit vectors is M plus all their products.
double mean_correlation_complete(const Frame& frame) {
  if (frame.periods < 3) return 0.0;
  const std::vector<std::vector<double>> columns = standardised_columns(frame);
  if (columns.size() < 2) return 0.0;
  double squares = 0.0;
  for (std::size_t t = 0; t < frame.periods; ++t) {
    double sum = 0.0;
    for (const auto& column : columns) sum += column[t];
    squares += sum * sum;
  }
  const auto m = static_cast<double>(columns.size());
  return (squares - m) / (m * (m - 1.0));
}

double correlation_on_common(const std::vector<double>& x, const std::vector<double>& y) {
  std::vector<double> a, b;
  for (std::size_t t = 0; t < x.size(); ++t) {
    if (x[t] != x[t] || y[t] != y[t]) continue;
    a.push_back(x[t]);
    b.push_back(y[t]);
  }
  if (a.size() < 3) return kNaN;
  const double sx = standard_deviation(a), sy = standard_deviation(b), mx = mean(a), my = mean(b);
  if (!(sx >= 1e-15 && sy >= 1e-15)) return kNaN;
  double products = 0.0;
  for (std::size_t t = 0; t < a.size(); ++t) products += (a[t] - mx) * (b[t] - my);
  return products / static_cast<double>(a.size() - 1) / (sx * sy);
}

double mean_correlation_by_pair(const Frame& frame, const Workers& workers) {
  std::vector<std::vector<double>> columns;
  for (std::size_t k = 0; k < frame.series; ++k) columns.push_back(frame.column(k));
  std::vector<double> sums(frame.series, 0.0), pairs(frame.series, 0.0);
  const auto body = [&](int task, int) {
    const auto i = static_cast<std::size_t>(task);
    for (std::size_t j = i + 1; j < frame.series; ++j) {
      const double correlation = correlation_on_common(columns[i], columns[j]);
      if (correlation != correlation) continue;
      sums[i] += correlation;
      pairs[i] += 1.0;
    }
  };
  parallel_for(workers.threads, static_cast<int>(frame.series), body, workers.poll);
  double sum = 0.0, n_pairs = 0.0;
  for (std::size_t i = 0; i < frame.series; ++i) {
    sum += sums[i];
    n_pairs += pairs[i];
  }
  return n_pairs > 0.0 ? sum / n_pairs : 0.0;
}

}  // namespace

Overfitting probability_of_overfitting(const Frame& frame, int blocks, const Workers& workers) {
  const BlockSums sums(frame, blocks);
  const std::vector<std::uint32_t> splits = halves(blocks);
  const std::uint32_t all = (std::uint32_t{1} << blocks) - 1;
  std::vector<double> in(splits.size()), out_of(splits.size());
  Overfitting out{0.0, 0.0, kNaN, kNaN, std::vector<double>(splits.size())};
  constexpr std::size_t kSplitsPerTask = 64;
  const auto body = [&](int task, int) {
    std::vector<double> inside(frame.series), outside(frame.series);
    const std::size_t first = static_cast<std::size_t>(task) * kSplitsPerTask,
                      last = std::min(first + kSplitsPerTask, splits.size());
    for (std::size_t i = first; i < last; ++i) {
      sums.sharpe_ratios(splits[i], inside);
      sums.sharpe_ratios(all & ~splits[i], outside);
      const auto best = static_cast<std::size_t>(std::max_element(inside.begin(), inside.end()) - inside.begin());
      in[i] = inside[best];
      out_of[i] = outside[best];
      const double share = rank_of(outside, best) / static_cast<double>(frame.series + 1);
      out.logits[i] = std::log(share / (1.0 - share));
    }
  };
  parallel_for(workers.threads, static_cast<int>((splits.size() + kSplitsPerTask - 1) / kSplitsPerTask), body, workers.poll);

  const auto n = static_cast<double>(splits.size());
  const double mean_in = mean(in), mean_out = mean(out_of);
  double products = 0.0, squares = 0.0;
  for (std::size_t i = 0; i < splits.size(); ++i) {
    out.pbo += out.logits[i] <= 0.0;
    out.prob_loss += out_of[i] < 0.0;
    products += (in[i] - mean_in) * (out_of[i] - mean_out);
    squares += (in[i] - mean_in) * (in[i] - mean_in);
  }
  out.pbo /= n;
  out.prob_loss /= n;
  if (squares > 0.0) {
    out.slope = products / squares;
    out.intercept = mean_out - out.slope * mean_in;
  }
  return out;
}

double independent_trials(double n, double mean_correlation) noexcept {
  const double rho = std::max(0.0, mean_correlation);
  return std::max(1.0, rho + (1.0 - rho) * n);
}

double effective_trials(const Frame& frame, const Workers& workers) {
  if (frame.series <= 1) return 1.0;
  const double correlation = has_missing(frame) ? mean_correlation_by_pair(frame, workers) : mean_correlation_complete(frame);
  return independent_trials(static_cast<double>(frame.series), correlation);
}

}  // namespace fractile

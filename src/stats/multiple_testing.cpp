// Copyright The fractile authors. Licensed under the Apache License, Version 2.0.
#include "stats/multiple_testing.hpp"

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>

#include "fractile/types.hpp"
#include "parallel/workers.hpp"
#include "stats/block_length.hpp"
#include "stats/distributions.hpp"
#include "stats/moments.hpp"
#include "stats/newey_west.hpp"
#include "stats/p_values.hpp"
#include "stats/resampled_means.hpp"
#include "stats/sharpe.hpp"

namespace fractile {
namespace {

double p_of(std::int64_t exceeding, std::int64_t draws) noexcept {
  return static_cast<double>(1 + exceeding) / static_cast<double>(draws + 1);
}

std::int64_t count_at_least(const std::vector<double>& draws, double observed) noexcept {
  return std::count_if(draws.begin(), draws.end(), [observed](double value) { return value >= observed; });
}

double largest_block(const Frame& frame, const Workers& workers) {
  std::vector<double> block(frame.series);
  const auto body = [&](int k, int) {
    block[static_cast<std::size_t>(k)] = usable_block_length(frame.column(static_cast<std::size_t>(k)));
  };
  parallel_for(workers.threads, static_cast<int>(frame.series), body, workers.poll);
  return block.empty() ? 1.0 : *std::max_element(block.begin(), block.end());
}

/// The statistics of one series that the tests use.
struct Measured {
  double mean, sharpe, se, t, omega;
};

std::vector<Measured> measure(const Frame& frame, double block, const Workers& workers) {
  std::vector<Measured> out(frame.series);
  const auto body = [&](int task, int) {
    const auto k = static_cast<std::size_t>(task);
    const std::vector<double> column = frame.column(k);
    const NeweyWest nw = newey_west(column);
    out[k] = {nw.mean, sharpe_per_period(column), nw.se, nw.t, std::sqrt(stationary_variance(column, block))};
  };
  parallel_for(workers.threads, static_cast<int>(frame.series), body, workers.poll);
  return out;
}

/// The series at `places`, without the others.
std::vector<double> select_columns(const Frame& frame, const std::vector<std::size_t>& places) {
  std::vector<double> out;
  out.reserve(frame.periods * places.size());
  for (std::size_t t = 0; t < frame.periods; ++t)
    for (const std::size_t k : places) out.push_back(frame(t, k));
  return out;
}

/// The family in order of t, the largest first, and the bounds with which its draws are compared.
class Family {
 public:
  Family(std::vector<Measured> members, std::size_t periods, const Resampling& resampling)
      : members_(std::move(members)),
        order_(members_.size()),
        exceeding_(members_.size() * static_cast<std::size_t>(resampling.draws)),
        best_mean_(static_cast<std::size_t>(resampling.draws)),
        best_spa_(static_cast<std::size_t>(resampling.draws)),
        draws_(resampling.draws),
        root_(std::sqrt(static_cast<double>(periods))) {
    std::iota(order_.begin(), order_.end(), std::size_t{0});
    std::stable_sort(order_.begin(), order_.end(), [&](std::size_t a, std::size_t b) { return members_[a].t > members_[b].t; });
    const double bound = -std::sqrt(2.0 * std::log(std::log(static_cast<double>(periods))));
    for (const Measured& m : members_) {
      // A mean so far below 0 cannot be the best, so its draws stay centred on it (Hansen's consistent test).
      recentred_.push_back(root_ * m.mean / m.omega >= bound ? 0.0 : m.mean);
      mean_observed_ = std::max(mean_observed_, m.mean);
      if (m.omega > 0.0) spa_observed_ = std::max(spa_observed_, root_ * m.mean / m.omega);
    }
  }

  void take(std::int64_t draw, std::span<const double> deviations) noexcept {
    const auto d = static_cast<std::size_t>(draw);
    double best_t = -std::numeric_limits<double>::infinity(), best_mean = best_t, best_spa = 0.0;
    // From the last rank up, so that `best_t` covers only the series that are not ranked above.
    for (std::size_t rank = order_.size(); rank-- > 0;) {
      const std::size_t k = order_[rank];
      const Measured& m = members_[k];
      best_t = std::max(best_t, deviations[k] / m.se);
      exceeding_[d * order_.size() + rank] = best_t >= m.t;
      best_mean = std::max(best_mean, deviations[k]);
      if (m.omega > 0.0) best_spa = std::max(best_spa, root_ * (deviations[k] + recentred_[k]) / m.omega);
    }
    best_mean_[d] = best_mean;
    best_spa_[d] = best_spa;
  }

  std::vector<double> romano_wolf() const {
    std::vector<std::int64_t> count(order_.size());
    for (std::size_t i = 0; i < exceeding_.size(); ++i) count[i % order_.size()] += exceeding_[i];
    std::vector<double> out(order_.size());
    double largest = 0.0;
    for (std::size_t rank = 0; rank < order_.size(); ++rank) {
      largest = std::max(largest, p_of(count[rank], draws_));
      out[order_[rank]] = largest;
    }
    return out;
  }
  double reality_check() const { return p_of(count_at_least(best_mean_, mean_observed_), draws_); }
  double spa() const { return spa_observed_ > 0.0 ? p_of(count_at_least(best_spa_, spa_observed_), draws_) : 1.0; }

 private:
  std::vector<Measured> members_;
  std::vector<std::size_t> order_;
  std::vector<double> recentred_;         ///< mean less Hansen's g
  std::vector<unsigned char> exceeding_;  ///< by draw and rank
  std::vector<double> best_mean_, best_spa_;
  std::int64_t draws_;
  double root_;
  double mean_observed_ = -std::numeric_limits<double>::infinity(), spa_observed_ = 0.0;
};

}  // namespace

double stationary_variance(const std::vector<double>& x, double block) noexcept {
  const auto n = static_cast<double>(x.size());
  const double centre = mean(x), stays = 1.0 - 1.0 / block;
  double omega = autocovariance(x, centre, 0);
  for (std::size_t i = 1; i < x.size(); ++i) {
    const auto lag = static_cast<double>(i);
    const double kernel = (1.0 - lag / n) * std::pow(stays, lag) + lag / n * std::pow(stays, n - lag);
    // A smaller term would change no digit of the sum.
    if (kernel > 1e-20) omega += 2.0 * kernel * autocovariance(x, centre, static_cast<std::int64_t>(i));
  }
  return omega;
}

MultipleTests test_many(const Frame& frame, Resampling resampling, const Workers& workers) {
  if (!(resampling.block >= 1.0)) resampling.block = largest_block(frame, workers);
  MultipleTests out;
  out.block = resampling.block;
  const std::vector<Measured> measured = measure(frame, resampling.block, workers);
  std::vector<std::size_t> places;
  std::vector<Measured> members;
  for (std::size_t k = 0; k < frame.series; ++k) {
    out.sharpe.push_back(measured[k].sharpe);
    out.t_nw.push_back(measured[k].t);
    out.p.push_back(normal_cdf(-measured[k].t));
    if (measured[k].t != measured[k].t) continue;
    places.push_back(k);
    members.push_back(measured[k]);
  }
  out.p_bonferroni = adjust_bonferroni(out.p);
  out.p_holm = adjust_holm(out.p);
  out.p_bh = adjust_bh(out.p);
  out.p_by = adjust_by(out.p);
  out.p_romano_wolf.assign(frame.series, kNaN);
  out.reality_check_p = out.spa_p = kNaN;
  if (places.empty()) return out;

  Family family(std::move(members), frame.periods, resampling);
  const std::vector<double> selected = places.size() < frame.series ? select_columns(frame, places) : std::vector<double>();
  const Frame of_family{selected.empty() ? frame.values : selected.data(), frame.periods, places.size()};
  resample_means(of_family, resampling, workers,
                 [&](std::int64_t draw, std::span<const double> deviations) { family.take(draw, deviations); });
  const std::vector<double> romano_wolf = family.romano_wolf();
  for (std::size_t i = 0; i < places.size(); ++i) out.p_romano_wolf[places[i]] = romano_wolf[i];
  out.reality_check_p = family.reality_check();
  if (frame.periods >= 3) out.spa_p = family.spa();
  return out;
}

MonotonicRelation test_monotonic(const Frame& differences, Resampling resampling, const Workers& workers) {
  if (!(resampling.block >= 1.0)) resampling.block = largest_block(differences, workers);
  const std::vector<Measured> measured = measure(differences, resampling.block, workers);
  MonotonicRelation out{kNaN, kNaN, kNaN, resampling.block};
  if (measured.empty() || differences.periods < 2) return out;
  double j = std::numeric_limits<double>::infinity(), j_studentised = j;
  bool has_errors = true;
  for (const Measured& m : measured) {
    j = std::min(j, m.mean);
    j_studentised = std::min(j_studentised, m.mean / m.omega);
    has_errors = has_errors && m.omega >= 1e-15;
  }
  std::vector<double> plain(static_cast<std::size_t>(resampling.draws)), studentised(plain);
  resample_means(differences, resampling, workers, [&](std::int64_t draw, std::span<const double> deviations) {
    double a = std::numeric_limits<double>::infinity(), b = a;
    for (std::size_t k = 0; k < deviations.size(); ++k) {
      a = std::min(a, deviations[k]);
      b = std::min(b, deviations[k] / measured[k].omega);
    }
    plain[static_cast<std::size_t>(draw)] = a;
    studentised[static_cast<std::size_t>(draw)] = b;
  });
  out.j = j;
  if (!has_errors) return out;
  out.p = p_of(count_at_least(plain, j), resampling.draws);
  out.p_studentised = p_of(count_at_least(studentised, j_studentised), resampling.draws);
  return out;
}

}  // namespace fractile

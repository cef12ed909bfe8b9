// Copyright The fractile authors. Licensed under the Apache License, Version 2.0.
#include "analysis/rank_correlation.hpp"

#include <cmath>

#include "fractile/types.hpp"
#include "stats/rank_correlation.hpp"

namespace fractile {
namespace {

/// Pearson correlation of ranks; NaN if either side is constant.
double correlate_ranks(std::span<const double> a, std::span<const double> b) noexcept {
  const double centre = static_cast<double>(a.size() + 1) / 2.0;
  double ab = 0.0, aa = 0.0, bb = 0.0;
  for (std::size_t i = 0; i < a.size(); ++i) {
    const double x = a[i] - centre, y = b[i] - centre;
    ab += x * y;
    aa += x * x;
    bb += y * y;
  }
  return aa > 0.0 && bb > 0.0 ? ab / std::sqrt(aa * bb) : kNaN;
}

}  // namespace

double correlate_by_rank(std::span<const double> a, std::span<const double> b) {
  RankScratch scratch;
  std::vector<double> a_ranks, b_ranks;
  average_ranks(a, scratch, a_ranks);
  average_ranks(b, scratch, b_ranks);
  return correlate_ranks(a_ranks, b_ranks);
}

double InformationCoefficient::compute(const ObservedDay& day, const EarnedReturns& ret) {
  s_.resize(day.rows.size() + 1);
  r_.resize(day.rows.size() + 1);
  std::size_t n = 0;
  for (std::size_t i = 0; i < day.rows.size(); ++i) {
    const double r = ret[day.rows[i]];
    s_[n] = day.values[i];
    r_[n] = r;
    n += r == r;
  }
  s_.resize(n);
  r_.resize(n);
  if (n < static_cast<std::size_t>(kMinCorrelatedNames)) return kNaN;
  average_ranks(r_, scratch_, r_ranks_);
  if (n == day.rows.size()) return correlate_ranks(day.all_ranks.get(), r_ranks_);
  average_ranks(s_, scratch_, s_ranks_);
  return correlate_ranks(s_ranks_, r_ranks_);
}

}  // namespace fractile

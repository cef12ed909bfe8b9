// Copyright The fractile authors. Licensed under the Apache License, Version 2.0.
#pragma once

#include <span>
#include <vector>

#include "engine/day_observer.hpp"
#include "engine/panel/earned_returns.hpp"
#include "engine/portfolio/rank.hpp"

namespace fractile {

/// The rank correlation of two lists, average ranks for ties. NaN if either is constant or has fewer than 2 members.
double correlate_by_rank(std::span<const double> a, std::span<const double> b);

/// The rank correlation of the signals of a day with the returns of their names. One thread uses one object.
class InformationCoefficient {
 public:
  /// NaN if fewer than 10 names have a return, or if either list is constant.
  double compute(const ObservedDay& day, const EarnedReturns& ret);
  /// Names of the last day that have a return.
  std::size_t n_names() const noexcept { return s_.size(); }

 private:
  RankScratch scratch_;
  std::vector<double> s_, r_, s_ranks_, r_ranks_;
};

}  // namespace fractile

// Copyright The fractile authors. Licensed under the Apache License, Version 2.0.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "analysis/analysis_module.hpp"
#include "engine/portfolio/rank.hpp"
#include "engine/portfolio/return_order.hpp"
#include "stats/rank_correlation.hpp"

namespace fractile {

/// The rank correlation of two lists, average ranks for ties. NaN if either is constant or has fewer than 2 members.
double correlate_by_rank(std::span<const double> a, std::span<const double> b);

/// The rank correlation of the signals of a day with the returns of their names. One thread uses one object.
class InformationCoefficient {
 public:
  explicit InformationCoefficient(const AnalysisContext& context);
  /// NaN if fewer than kMinCorrelatedNames names have a return, or if either list is constant.
  double compute(const ObservedDay& day);
  /// Names of the last day that have a return.
  std::size_t n_names() const noexcept { return n_names_; }

 private:
  template <class Number>
  struct Numbers {
    std::vector<Number> signal, ret;
    RankCorrelation<Number> correlation;
  };
  template <class Number>
  double correlate_numbers(const ObservedDay& day, const ReturnOrder::Day& order, Numbers<Number>& numbers);
  double correlate_values(const ObservedDay& day);

  const AnalysisContext& context_;
  std::shared_ptr<const ReturnOrder> order_;  // null if a name earns another return than that of its row
  std::size_t n_names_ = 0;
  Numbers<std::int16_t> narrow_;
  Numbers<std::int32_t> wide_;
  RankScratch scratch_;
  std::vector<double> s_, r_, s_ranks_, r_ranks_;
};

}  // namespace fractile

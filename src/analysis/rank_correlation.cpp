// Copyright The fractile authors. Licensed under the Apache License, Version 2.0.
#include "analysis/rank_correlation.hpp"

#include <cmath>

#include "fractile/types.hpp"

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

static_assert(ReturnOrder::kMissing == kNoRank, "correlations read the numbers of returns as they are");

InformationCoefficient::InformationCoefficient(const AnalysisContext& context) : context_(context) {
  if (!context.returns.ret().has_exits()) order_ = ReturnOrder::of(context.panel, context.config.from_open ? "openret" : "ret");
}

double InformationCoefficient::compute(const ObservedDay& day) {
  n_names_ = 0;
  if (day.rows.empty()) return kNaN;
  const ReturnOrder::Day* const order = order_ ? order_->find_or_make(day.n, day.rows.size()) : nullptr;
  if (!order) return correlate_values(day);
  return order->size() <= RankCorrelation<std::int16_t>::kMaxNames ? correlate_numbers(day, *order, narrow_)
                                                                   : correlate_numbers(day, *order, wide_);
}

template <class Number>
double InformationCoefficient::correlate_numbers(const ObservedDay& day, const ReturnOrder::Day& order,
                                                 Numbers<Number>& numbers) {
  const std::span<const double> ranks = day.all_ranks.get();
  numbers.signal.resize(ranks.size());
  numbers.ret.resize(ranks.size());
  for (std::size_t i = 0; i < ranks.size(); ++i) {
    numbers.signal[i] = static_cast<Number>(static_cast<std::int32_t>(ranks[i]) - 1);
    numbers.ret[i] = static_cast<Number>(order[static_cast<std::size_t>(day.rows[i] - day.first_row)]);
  }
  numbers.correlation.set(numbers.signal, static_cast<std::int32_t>(ranks.size()));
  const auto found = numbers.correlation.compute(numbers.ret, static_cast<std::int32_t>(order.size()));
  n_names_ = static_cast<std::size_t>(found.names);
  return found.value;
}

double InformationCoefficient::correlate_values(const ObservedDay& day) {
  const EarnedReturns& ret = context_.returns.ret();
  s_.resize(day.rows.size() + 1);
  r_.resize(day.rows.size() + 1);
  for (std::size_t i = 0; i < day.rows.size(); ++i) {
    const double r = ret[day.rows[i]];
    s_[n_names_] = day.values[i];
    r_[n_names_] = r;
    n_names_ += r == r;
  }
  s_.resize(n_names_);
  r_.resize(n_names_);
  if (n_names_ < static_cast<std::size_t>(kMinCorrelatedNames)) return kNaN;
  average_ranks(r_, scratch_, r_ranks_);
  if (n_names_ == day.rows.size()) return correlate_ranks(day.all_ranks.get(), r_ranks_);
  average_ranks(s_, scratch_, s_ranks_);
  return correlate_ranks(s_ranks_, r_ranks_);
}

}  // namespace fractile

// Copyright The fractile authors. Licensed under the Apache License, Version 2.0.
#include "analysis/signal_bins.hpp"

namespace fractile {

std::span<const std::int32_t> SignalBins::assign(const ObservedDay& day) {
  const int k = context_.config.n_fractile;
  if (day.ranks.empty()) return day.all_ranks.bins(k);
  bins_.resize(day.values.size());
  for (std::size_t i = 0; i < bins_.size(); ++i) {
    const double r = day.ranks[i];
    bins_[i] = r == r ? bin_of_rank(r, k, static_cast<std::size_t>(day.ranked[i])) - 1 : -1;
  }
  return bins_;
}

}  // namespace fractile

// Copyright The fractile authors. Licensed under the Apache License, Version 2.0.
#include "analysis/signal_bins.hpp"

namespace fractile {

std::span<const std::int32_t> SignalBins::assign(const ObservedDay& day) {
  bins_.resize(day.values.size());
  if (!day.ranks.empty()) {
    for (std::size_t i = 0; i < bins_.size(); ++i) {
      const double r = day.ranks[i];
      bins_[i] = r == r ? bin_of_rank(r, context_.config.n_fractile, static_cast<std::size_t>(day.ranked[i])) - 1 : -1;
    }
    return bins_;
  }
  const std::span<const double> ranks = day.all_ranks.get();
  for (std::size_t i = 0; i < bins_.size(); ++i) bins_[i] = bin_of_rank(ranks[i], context_.config.n_fractile, ranks.size()) - 1;
  return bins_;
}

}  // namespace fractile

// Copyright The fractile authors. Licensed under the Apache License, Version 2.0.
#include "analysis/signal_bins.hpp"

namespace fractile {

std::span<const std::int32_t> SignalBins::assign(const ObservedDay& day) {
  average_ranks(day.values, scratch_, ranks_);
  bins_.resize(ranks_.size());
  for (std::size_t i = 0; i < bins_.size(); ++i) bins_[i] = bin_of_rank(ranks_[i], context_.config.n_fractile, ranks_.size()) - 1;
  return bins_;
}

}  // namespace fractile

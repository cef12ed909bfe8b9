// Copyright The fractile authors. Licensed under the Apache License, Version 2.0.
#pragma once

#include <span>
#include <vector>

#include "analysis/analysis_module.hpp"
#include "engine/portfolio/rank.hpp"

namespace fractile {

inline constexpr auto kExposureCount = static_cast<std::size_t>(kNExposures);

/// The bin of each name of a day by its signal, from 0: the bins of `fractile` and `quantiles`. One thread uses one object.
class SignalBins {
 public:
  explicit SignalBins(const AnalysisContext& context) : context_(context) {}
  /// By name of the day; -1 for a name in no bin. Valid until the next call.
  std::span<const std::int32_t> assign(const ObservedDay& day);

 private:
  const AnalysisContext& context_;
  std::vector<std::int32_t> bins_;
};

}  // namespace fractile

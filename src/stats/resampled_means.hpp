// Copyright The fractile authors. Licensed under the Apache License, Version 2.0.
#pragma once

#include <functional>
#include <span>

#include "stats/bootstrap.hpp"
#include "stats/frame.hpp"

/// The means of many series in each draw of a stationary bootstrap with common places.
namespace fractile {

/// Takes the deviations of the drawn means from the means of the sample, one per series; called from many threads.
using DrawConsumer = std::function<void(std::int64_t draw, std::span<const double> deviations)>;

/// A draw is the number of times that it takes each period, so that all means of a block of draws are one matrix
/// product. O(draws periods series); memory for a second copy of the frame and a block of draws per thread.
void resample_means(const Frame& frame, const Resampling& resampling, const Workers& workers, const DrawConsumer& consume);

}  // namespace fractile

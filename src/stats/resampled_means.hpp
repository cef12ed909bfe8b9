// Copyright The fractile authors. Licensed under the Apache License, Version 2.0.
#pragma once

#include <functional>
#include <span>

#include "stats/bootstrap.hpp"
#include "stats/frame.hpp"

/// The means of many series in each draw of a stationary bootstrap with common places.
namespace fractile {

/// A callback that takes the deviations of the drawn means from the sample means, one per series. Many threads call it.
using DrawConsumer = std::function<void(std::int64_t draw, std::span<const double> deviations)>;

/// A draw is represented by the number of times that it takes each period, so that all means of a block of draws are one
/// matrix product. Cost: O(draws periods series), and memory for a second copy of the frame and a block of draws per thread.
void resample_means(const Frame& frame, const Resampling& resampling, const Workers& workers, const DrawConsumer& consume);

}  // namespace fractile

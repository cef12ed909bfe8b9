// Copyright The fractile authors. Licensed under the Apache License, Version 2.0.
#pragma once

#include <string>
#include <vector>

#include "fractile/types.hpp"

namespace fractile {

/// Returns per period of one book, signal or factor, as fractions; NaN is missing.
struct ReturnSeries {
  std::string name;
  std::vector<Day> days;  ///< of `values`, in the same order
  std::vector<double> values;
};

}  // namespace fractile

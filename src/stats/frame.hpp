// Copyright The fractile authors. Licensed under the Apache License, Version 2.0.
#pragma once

#include <cstddef>
#include <vector>

/// Returns of many series over the same periods.
namespace fractile {

/// A view of a matrix, period by period: the values of all series in one period are adjacent.
struct Frame {
  const double* values = nullptr;
  std::size_t periods = 0, series = 0;

  double operator()(std::size_t t, std::size_t k) const noexcept { return values[t * series + k]; }
  std::vector<double> column(std::size_t k) const {
    std::vector<double> out(periods);
    for (std::size_t t = 0; t < periods; ++t) out[t] = (*this)(t, k);
    return out;
  }
};

}  // namespace fractile

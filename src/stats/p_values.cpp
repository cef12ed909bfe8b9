// Copyright The fractile authors. Licensed under the Apache License, Version 2.0.
#include "stats/p_values.hpp"

#include <algorithm>
#include <cstddef>

namespace fractile {
namespace {

/// The places of the values that are not NaN, the smallest value first.
std::vector<std::size_t> order_of(std::span<const double> p) {
  std::vector<std::size_t> order;
  for (std::size_t i = 0; i < p.size(); ++i)
    if (p[i] == p[i]) order.push_back(i);
  std::stable_sort(order.begin(), order.end(), [&](std::size_t a, std::size_t b) { return p[a] < p[b]; });
  return order;
}

std::vector<double> step_up(std::span<const double> p, double factor) {
  const std::vector<std::size_t> order = order_of(p);
  std::vector<double> out(p.begin(), p.end());
  double smallest = 1.0;
  for (std::size_t rank = order.size(); rank > 0; --rank) {
    const std::size_t i = order[rank - 1];
    smallest = std::min(smallest, p[i] * (factor * static_cast<double>(order.size())) / static_cast<double>(rank));
    out[i] = smallest;
  }
  return out;
}

}  // namespace

std::vector<double> adjust_bonferroni(std::span<const double> p) {
  const auto family = static_cast<double>(order_of(p).size());
  std::vector<double> out(p.begin(), p.end());
  for (double& value : out)
    if (value == value) value = std::min(1.0, value * family);
  return out;
}

std::vector<double> adjust_holm(std::span<const double> p) {
  const std::vector<std::size_t> order = order_of(p);
  std::vector<double> out(p.begin(), p.end());
  double largest = 0.0;
  for (std::size_t k = 0; k < order.size(); ++k) {
    largest = std::max(largest, std::min(1.0, p[order[k]] * static_cast<double>(order.size() - k)));
    out[order[k]] = largest;
  }
  return out;
}

std::vector<double> adjust_bh(std::span<const double> p) { return step_up(p, 1.0); }

std::vector<double> adjust_by(std::span<const double> p) {
  double harmonic = 0.0;
  const std::size_t family = order_of(p).size();
  for (std::size_t i = 1; i <= family; ++i) harmonic += 1.0 / static_cast<double>(i);
  return step_up(p, harmonic);
}

}  // namespace fractile

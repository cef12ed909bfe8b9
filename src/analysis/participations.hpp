// Copyright The fractile authors. Licensed under the Apache License, Version 2.0.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

namespace fractile {

/// Positive numbers by day, for one quantile of them. Each thread counts its numbers by magnitude as they arrive, so that only
/// numbers near the quantile are compared.
class Participations {
 public:
  Participations(std::size_t n_days, int n_slots);
  /// Adds the numbers of a day, once per day. Different slots may add at the same time.
  void add(std::size_t day, int slot, std::span<const double> values);
  /// numpy's default quantile of the values of some days; NaN if they have none.
  double quantile(std::span<const std::size_t> days, double q) const;

 private:
  std::vector<std::vector<double>> values_;          // by day
  std::vector<std::vector<std::uint32_t>> by_slot_;  // counts by magnitude
};

}  // namespace fractile

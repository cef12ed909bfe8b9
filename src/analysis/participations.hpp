// Copyright The fractile authors. Licensed under the Apache License, Version 2.0.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

namespace fractile {

/// Positive numbers by day, of which one quantile is asked for. Each thread counts its own by magnitude as they come, so that
/// only those near the quantile are ever compared.
class Participations {
 public:
  Participations(std::size_t n_days, int n_slots);
  /// Each day once; different slots may add at once.
  void add(std::size_t day, int slot, std::span<const double> values);
  /// numpy's default quantile of the values of some days; NaN if they have none.
  double quantile(std::span<const std::size_t> days, double q) const;

 private:
  std::vector<std::vector<double>> values_;          // by day
  std::vector<std::vector<std::uint32_t>> by_slot_;  // counts by magnitude
};

}  // namespace fractile

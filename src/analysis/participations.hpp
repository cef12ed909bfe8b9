// Copyright The fractile authors. Licensed under the Apache License, Version 2.0.
#pragma once

#include <span>
#include <vector>

#include "types/byte_buffer.hpp"

namespace fractile {

/// Numbers by day, for one quantile of them.
class Participations {
 public:
  /// `memory`: by slot; the numbers are in it.
  Participations(std::size_t n_days, std::span<ByteBuffer> memory);
  /// Room for `n` numbers of a slot. Different slots may prepare and add at the same time.
  double* prepare(int slot, std::size_t n);
  /// Adds the first `n` of the prepared numbers as those of a day, once per day.
  void add(std::size_t day, int slot, std::size_t n);
  /// numpy's default quantile of the numbers of some days; NaN if they have none.
  double quantile(std::span<const std::size_t> days, double q) const;

 private:
  struct Place {
    int slot = 0;
    std::size_t begin = 0, size = 0;  ///< in its numbers
  };
  struct Sample {
    std::vector<double> values;
    std::size_t next = 0;  ///< place of the next one, from the end of the numbers on
  };
  std::span<const double> numbers_of(std::size_t day) const noexcept;
  double guess_quantile(double q) const;

  std::span<ByteBuffer> memory_;
  std::vector<Sample> samples_;  // by slot
  std::vector<Place> days_;
};

}  // namespace fractile

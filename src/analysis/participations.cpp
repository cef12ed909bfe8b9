// Copyright The fractile authors. Licensed under the Apache License, Version 2.0.
#include "analysis/participations.hpp"

#include <algorithm>
#include <bit>

namespace fractile {
namespace {

/// Four classes per octave.
constexpr int kShift = 50;
constexpr std::size_t kClasses = std::size_t{1} << (63 - kShift);

std::size_t class_of(double value) noexcept { return std::bit_cast<std::uint64_t>(value) >> kShift; }

}  // namespace

Participations::Participations(std::size_t n_days, int n_slots) : values_(n_days), by_slot_(static_cast<std::size_t>(n_slots)) {}

void Participations::add(std::size_t day, int slot, std::span<const double> values) {
  values_[day].assign(values.begin(), values.end());
  std::vector<std::uint32_t>& counts = by_slot_[static_cast<std::size_t>(slot)];
  counts.resize(kClasses, 0);
  for (const double value : values) ++counts[class_of(value)];
}

double Participations::quantile(std::span<const std::size_t> days, double q) const {
  // The counts of the other days are subtracted.
  std::vector<std::int64_t> counts(kClasses, 0);
  for (const auto& of_slot : by_slot_)
    for (std::size_t c = 0; c < of_slot.size(); ++c) counts[c] += of_slot[c];
  std::vector<std::uint8_t> is_asked(values_.size(), 0);
  for (const std::size_t day : days) is_asked[day] = 1;
  std::size_t total = 0;
  for (std::size_t day = 0; day < values_.size(); ++day) {
    if (is_asked[day]) {
      total += values_[day].size();
      continue;
    }
    for (const double value : values_[day]) --counts[class_of(value)];
  }
  if (total == 0) return __builtin_nan("");
  const double place = q * static_cast<double>(total - 1);
  const auto below = static_cast<std::size_t>(place);
  const double share = place - static_cast<double>(below);
  const std::size_t above = std::min(below + 1, total - 1);
  // The classes with the two order statistics, and the count of values below the first class.
  std::size_t first = 0, under = 0, last = 0, up_to = 0;
  for (std::size_t c = 0; c < kClasses; ++c) {
    const auto count = static_cast<std::size_t>(counts[c]);
    if (up_to <= below) {
      first = c;
      under = up_to;
    }
    if (up_to <= above) last = c;
    up_to += count;
  }
  std::vector<double> near;
  for (const std::size_t day : days)
    for (const double value : values_[day])
      if (class_of(value) >= first && class_of(value) <= last) near.push_back(value);
  const auto at = near.begin() + static_cast<std::ptrdiff_t>(below - under);
  std::nth_element(near.begin(), at, near.end());
  const double low = *at;
  if (above == below) return low;
  const double high = *std::min_element(at + 1, near.end());
  return low + (high - low) * share;
}

}  // namespace fractile

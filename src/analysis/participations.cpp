// Copyright The fractile authors. Licensed under the Apache License, Version 2.0.
#include "analysis/participations.hpp"

#include <algorithm>
#include <limits>

#include "fractile/types.hpp"

namespace fractile {
namespace {

constexpr std::size_t kSampled = 61;  // one number of so many is in the sample
constexpr double kMargin = 0.015;     // several times the error of a quantile of a sample of 5,000
constexpr double kMinusInfinity = -std::numeric_limits<double>::infinity();

}  // namespace

Participations::Participations(std::size_t n_days, std::span<ByteBuffer> memory)
    : memory_(memory), samples_(memory.size()), days_(n_days) {
  for (ByteBuffer& of_slot : memory_) of_slot.clear();
}

double* Participations::prepare(int slot, std::size_t n) {
  return reinterpret_cast<double*>(memory_[static_cast<std::size_t>(slot)].prepare(n * sizeof(double)));
}

void Participations::add(std::size_t day, int slot, std::size_t n) {
  ByteBuffer& to = memory_[static_cast<std::size_t>(slot)];
  days_[day] = {slot, to.size() / sizeof(double), n};
  to.commit(n * sizeof(double));
  Sample& sample = samples_[static_cast<std::size_t>(slot)];
  for (; sample.next < n; sample.next += kSampled) sample.values.push_back(numbers_of(day)[sample.next]);
  sample.next -= n;
}

std::span<const double> Participations::numbers_of(std::size_t day) const noexcept {
  const Place& at = days_[day];
  return {reinterpret_cast<const double*>(memory_[static_cast<std::size_t>(at.slot)].data()) + at.begin, at.size};
}

/// A quantile of the sample of all days.
double Participations::guess_quantile(double q) const {
  if (q <= 0.0) return kMinusInfinity;
  std::vector<double> all;
  for (const Sample& sample : samples_) all.insert(all.end(), sample.values.begin(), sample.values.end());
  const auto nth = all.begin() + static_cast<std::ptrdiff_t>(q * static_cast<double>(all.size() - 1));
  std::nth_element(all.begin(), nth, all.end());
  return *nth;
}

double Participations::quantile(std::span<const std::size_t> days, double q) const {
  std::size_t total = 0;
  for (const std::size_t day : days) total += days_[day].size;
  if (total == 0) return kNaN;
  const double place = q * static_cast<double>(total - 1);
  const auto below = static_cast<std::size_t>(place);
  const double share = place - static_cast<double>(below);
  const std::size_t above = std::min(below + 1, total - 1);
  // The numbers that are clearly below the quantile are only counted.
  std::vector<double> upper;
  const auto list_from = [&](const double from) {
    std::size_t n = 0;
    for (const std::size_t day : days) {
      const std::span<const double> numbers = numbers_of(day);
      if (upper.size() <= n + numbers.size()) upper.resize(2 * (n + numbers.size()) + 1);
      double* const to = upper.data();
      for (const double number : numbers) {
        to[n] = number;
        n += number >= from;
      }
    }
    upper.resize(n);
  };
  list_from(guess_quantile(q - kMargin));
  if (total - upper.size() > below) list_from(kMinusInfinity);  // the sample misled
  const auto nth = upper.begin() + static_cast<std::ptrdiff_t>(below - (total - upper.size()));
  std::nth_element(upper.begin(), nth, upper.end());
  if (above == below) return *nth;
  return *nth + (*std::min_element(nth + 1, upper.end()) - *nth) * share;
}

}  // namespace fractile

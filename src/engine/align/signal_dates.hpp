// Copyright The fractile authors. Licensed under the Apache License, Version 2.0.
#pragma once

#include <cstdint>

#include "fractile/signal.hpp"
#include "fractile/types.hpp"

namespace fractile {

inline constexpr std::int64_t kSecondsPerDay = 86400;
inline constexpr std::int64_t kMicrosPerDay = kSecondsPerDay * 1000000;

constexpr std::int64_t floor_divide(std::int64_t a, std::int64_t b) noexcept {
  const std::int64_t q = a / b;
  return q - ((a % b) < 0 ? 1 : 0);
}

/// a - floor_divide(a, b) * b.
constexpr std::int64_t floor_remainder(std::int64_t a, std::int64_t b) noexcept {
  const std::int64_t r = a % b;
  return r < 0 ? r + b : r;
}

constexpr std::int64_t ticks_per_day(DateUnit unit) noexcept {
  switch (unit) {
    case DateUnit::day: return 1;
    case DateUnit::second: return kSecondsPerDay;
    case DateUnit::millisecond: return kSecondsPerDay * 1000;
    case DateUnit::microsecond: return kMicrosPerDay;
    case DateUnit::nanosecond: return kMicrosPerDay * 1000;
  }
  return 1;
}

/// Clamps days far outside any calendar, so that they fit a Day.
constexpr Day clamp_day(std::int64_t day) noexcept {
  constexpr std::int64_t kLimit = 1000000000;
  return static_cast<Day>(day < -kLimit ? -kLimit : day > kLimit ? kLimit : day);
}

/// Reads the days of rows begin ... begin+count-1; times of day are dropped.
void read_signal_days(const DateColumn& column, std::int64_t begin, std::int64_t count, Day* out) noexcept;
/// Reads microseconds since 1970-01-01 (a finer time is cut); kMissingTime if missing.
void read_signal_micros(const DateColumn& column, std::int64_t begin, std::int64_t count, std::int64_t* out) noexcept;
/// True if no row has a value; the column then counts as absent.
bool is_all_missing(const DateColumn& column, std::int64_t n_rows) noexcept;

}  // namespace fractile

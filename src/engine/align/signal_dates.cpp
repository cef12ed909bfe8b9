// Copyright The fractile authors. Licensed under the Apache License, Version 2.0.
#include "engine/align/signal_dates.hpp"

#include <algorithm>

namespace fractile {
namespace {

template <std::int64_t kTicks>
void days_of_ticks(const std::int64_t* in, std::int64_t count, Day* out) noexcept {
  // The division is cheap because its divisor is a constant.
  for (std::int64_t i = 0; i < count; ++i) out[i] = in[i] == kMissingTime ? kMissingDay : clamp_day(floor_divide(in[i], kTicks));
}

}  // namespace

void read_signal_days(const DateColumn& column, std::int64_t begin, std::int64_t count, Day* out) noexcept {
  if (column.unit == DateUnit::day) {
    const Day* days = static_cast<const Day*>(column.data) + begin;
    std::copy(days, days + count, out);
    return;
  }
  const std::int64_t* ticks = static_cast<const std::int64_t*>(column.data) + begin;
  switch (column.unit) {
    case DateUnit::second: return days_of_ticks<ticks_per_day(DateUnit::second)>(ticks, count, out);
    case DateUnit::millisecond: return days_of_ticks<ticks_per_day(DateUnit::millisecond)>(ticks, count, out);
    case DateUnit::microsecond: return days_of_ticks<ticks_per_day(DateUnit::microsecond)>(ticks, count, out);
    case DateUnit::nanosecond: return days_of_ticks<ticks_per_day(DateUnit::nanosecond)>(ticks, count, out);
    case DateUnit::day: return;
  }
}

void read_signal_micros(const DateColumn& column, std::int64_t begin, std::int64_t count, std::int64_t* out) noexcept {
  // With 10 million days in each direction every product fits 64 bits, and no real date changes.
  constexpr std::int64_t kMaxDays = 10000000;
  constexpr std::int64_t kLimit = kMaxDays * kMicrosPerDay;
  if (column.unit == DateUnit::day) {
    const Day* days = static_cast<const Day*>(column.data) + begin;
    for (std::int64_t i = 0; i < count; ++i)
      out[i] = days[i] == kMissingDay ? kMissingTime : std::clamp<std::int64_t>(days[i], -kMaxDays, kMaxDays) * kMicrosPerDay;
    return;
  }
  const std::int64_t* ticks = static_cast<const std::int64_t*>(column.data) + begin;
  for (std::int64_t i = 0; i < count; ++i) {
    const std::int64_t t = ticks[i];
    if (t == kMissingTime) {
      out[i] = kMissingTime;
    } else if (column.unit == DateUnit::nanosecond) {
      out[i] = floor_divide(t, 1000);
    } else if (column.unit == DateUnit::microsecond) {
      out[i] = t;
    } else {
      const std::int64_t scale = column.unit == DateUnit::millisecond ? 1000 : 1000000;
      out[i] = std::clamp(t, -kLimit / scale, kLimit / scale) * scale;
    }
  }
}

bool is_all_missing(const DateColumn& column, std::int64_t n_rows) noexcept {
  if (!column) return true;
  if (column.unit == DateUnit::day) {
    const Day* days = static_cast<const Day*>(column.data);
    return std::all_of(days, days + n_rows, [](Day day) { return day == kMissingDay; });
  }
  const std::int64_t* ticks = static_cast<const std::int64_t*>(column.data);
  return std::all_of(ticks, ticks + n_rows, [](std::int64_t t) { return t == kMissingTime; });
}

}  // namespace fractile

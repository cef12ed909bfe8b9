// Copyright The fractile authors. Licensed under the Apache License, Version 2.0.
#pragma once

#include <cstdint>
#include <string_view>

#include "fractile/types.hpp"

/// Dates that need no format: ISO texts and eight digits.
namespace fractile {

inline constexpr std::int64_t kNanosPerSecond = 1000000000;
inline constexpr std::int64_t kSecondsPerDay = 86400;

/// A moment as two numbers, so that no calendar year overflows.
struct Instant {
  std::int64_t seconds = 0;  ///< since 1970-01-01
  std::int64_t nanos = 0;    ///< 0 ... 999999999
};

/// Microseconds since 1970-01-01, rounded down. Beyond the years that they reach, a time is held to their ends.
std::int64_t to_micros(const Instant& instant) noexcept;
/// Two digits below `limit` at the front of `text`, which are taken off.
bool take_two_digits(std::string_view& text, int limit, int& out) noexcept;
bool take(std::string_view& text, char wanted) noexcept;
/// Digits behind a point at the front of `text`, as nanoseconds.
bool take_fraction(std::string_view& text, std::int64_t& nanos) noexcept;
/// "Z", "+05:30", "-0800" and "+09", as seconds.
bool parse_offset(std::string_view zone, std::int64_t& out) noexcept;
/// Reads "2020-01-02", "2020-01-02T08:30", "2020-01-02 08:30:00.123+09:00", and "20200102" for the day. An offset is dropped: the
/// local date and time remain. `has_offset` says whether there was one.
bool parse_iso(std::string_view text, Instant& out, bool& has_offset) noexcept;
/// 20200102 as a number, of the years 1800 to 2299.
bool parse_eight_digits(std::int64_t number, Day& out) noexcept;

}  // namespace fractile

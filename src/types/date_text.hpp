// Copyright The fractile authors. Licensed under the Apache License, Version 2.0.
#pragma once

#include <cstdint>
#include <string_view>

/// ISO 8601 texts of days and times: the one reader for every surface.
namespace fractile {

/// A moment as two numbers, so that no calendar year overflows.
struct Instant {
  std::int64_t seconds = 0;  ///< since 1970-01-01
  std::int64_t nanos = 0;    ///< 0 ... 999999999
};

/// Microseconds since 1970-01-01, rounded down. Beyond the years that they reach, a time is held to their ends.
std::int64_t to_micros(const Instant& instant) noexcept;

/// Reads "2020-01-02", "20200102", "2020-01-02T08:30", "2020-01-02 08:30:00.123", with an offset ("Z", "+01:00", "-0500") after
/// a time. The offset is dropped: the local time counts. Returns false if the text is no date.
bool parse_instant(std::string_view text, Instant& out) noexcept;

/// Reads "+05:30", "-0800" and "+01", as seconds. Returns false if the text is no offset.
bool parse_offset(std::string_view text, std::int64_t& out) noexcept;

}  // namespace fractile

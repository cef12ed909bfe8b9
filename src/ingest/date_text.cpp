// Copyright The fractile authors. Licensed under the Apache License, Version 2.0.
#include "ingest/date_text.hpp"

#include <algorithm>

namespace fractile {

bool take_two_digits(std::string_view& text, int limit, int& out) noexcept {
  if (text.size() < 2 || text[0] < '0' || text[0] > '9' || text[1] < '0' || text[1] > '9') return false;
  out = (text[0] - '0') * 10 + (text[1] - '0');
  text.remove_prefix(2);
  return out < limit;
}

bool take(std::string_view& text, char wanted) noexcept {
  if (!text.starts_with(wanted)) return false;
  text.remove_prefix(1);
  return true;
}

bool take_fraction(std::string_view& text, std::int64_t& nanos) noexcept {
  std::int64_t scale = kNanosPerSecond / 10;
  std::size_t n = 0;
  for (; n < text.size() && text[n] >= '0' && text[n] <= '9'; ++n, scale /= 10) nanos += (text[n] - '0') * scale;
  text.remove_prefix(n);
  return n > 0;
}

bool parse_offset(std::string_view zone, std::int64_t& out) noexcept {
  out = 0;
  if (zone == "Z") return true;
  const bool is_west = zone.starts_with('-');
  int hours = 0, minutes = 0;
  if (!take(zone, '+') && !take(zone, '-')) return false;
  if (!take_two_digits(zone, 24, hours)) return false;
  if (!zone.empty()) {
    take(zone, ':');
    if (!take_two_digits(zone, 60, minutes) || !zone.empty()) return false;
  }
  out = (is_west ? -1 : 1) * (hours * 3600 + minutes * 60);
  return true;
}

bool parse_eight_digits(std::int64_t number, Day& out) noexcept {
  const auto year = static_cast<int>(number / 10000), month = static_cast<int>(number / 100 % 100),
             day = static_cast<int>(number % 100);
  if (number < 18000101 || number > 22991231 || month < 1 || month > 12 || day < 1) return false;
  out = day_from_civil(year, month, day);
  return civil_from_day(out).day == day;
}

std::int64_t to_micros(const Instant& instant) noexcept {
  constexpr std::int64_t kMicrosPerSecond = 1000000;
  constexpr std::int64_t kLimit = INT64_MAX / kMicrosPerSecond - 1;
  return std::clamp(instant.seconds, -kLimit, kLimit) * kMicrosPerSecond + instant.nanos / 1000;
}

namespace {

/// Takes "2020-01-02" or "20200102" off the front.
bool take_day(std::string_view& text, Day& out) noexcept {
  if (text.size() > 4 && text[4] == '-') {
    if (!parse_day(text.substr(0, 10), out)) return false;
    text.remove_prefix(10);
    return true;
  }
  constexpr std::size_t kDigits = 8;
  if (text.size() < kDigits) return false;
  std::int64_t number = 0;
  for (std::size_t i = 0; i < kDigits; ++i) {
    if (text[i] < '0' || text[i] > '9') return false;
    number = number * 10 + (text[i] - '0');
  }
  text.remove_prefix(kDigits);
  return parse_eight_digits(number, out);
}

}  // namespace

bool parse_iso(std::string_view text, Instant& out, bool& has_offset) noexcept {
  has_offset = false;
  Day day = 0;
  if (!take_day(text, day)) return false;
  out = {day * kSecondsPerDay, 0};
  if (text.empty()) return true;
  if (!take(text, 'T') && !take(text, ' ')) return false;
  int hour = 0, minute = 0, second = 0;
  if (!take_two_digits(text, 24, hour) || !take(text, ':') || !take_two_digits(text, 60, minute)) return false;
  if (take(text, ':')) {
    if (!take_two_digits(text, 60, second)) return false;
    if (take(text, '.') && !take_fraction(text, out.nanos)) return false;
  }
  out.seconds += (hour * 60 + minute) * 60 + second;
  if (text.empty()) return true;
  std::int64_t dropped = 0;
  take(text, ' ');
  return has_offset = parse_offset(text, dropped);
}

}  // namespace fractile

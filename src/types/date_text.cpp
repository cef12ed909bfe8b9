// Copyright The fractile authors. Licensed under the Apache License, Version 2.0.
#include "types/date_text.hpp"

#include <algorithm>

#include "fractile/types.hpp"

namespace fractile {
namespace {

constexpr std::int64_t kNanosPerSecond = 1000000000;
constexpr std::int64_t kSecondsPerDay = 86400;

/// Two digits below `limit` at the front of `text`, which are taken off.
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

/// Takes "2020-01-02" or "20200102" off the front.
bool take_day(std::string_view& text, Day& out) noexcept {
  if (text.size() > 4 && text[4] == '-') {
    if (!parse_day(text.substr(0, 10), out)) return false;
    text.remove_prefix(10);
    return true;
  }
  if (text.size() < 8) return false;
  const char dashed[] = {text[0], text[1], text[2], text[3], '-', text[4], text[5], '-', text[6], text[7]};
  if (!parse_day({dashed, sizeof dashed}, out)) return false;
  text.remove_prefix(8);
  return true;
}

}  // namespace

std::int64_t to_micros(const Instant& instant) noexcept {
  constexpr std::int64_t kMicrosPerSecond = 1000000;
  constexpr std::int64_t kLimit = INT64_MAX / kMicrosPerSecond - 1;
  return std::clamp(instant.seconds, -kLimit, kLimit) * kMicrosPerSecond + instant.nanos / 1000;
}

bool parse_offset(std::string_view text, std::int64_t& out) noexcept {
  const bool is_west = text.starts_with('-');
  int hours = 0, minutes = 0;
  if (!take(text, '+') && !take(text, '-')) return false;
  if (!take_two_digits(text, 24, hours)) return false;
  if (!text.empty()) {
    take(text, ':');
    if (!take_two_digits(text, 60, minutes) || !text.empty()) return false;
  }
  out = (is_west ? -1 : 1) * (hours * 3600 + minutes * 60);
  return true;
}

bool parse_instant(std::string_view text, Instant& out) noexcept {
  Day day = 0;
  if (!take_day(text, day)) return false;
  out = {day * kSecondsPerDay, 0};
  if (text.empty()) return true;
  if (!take(text, 'T') && !take(text, ' ')) return false;
  int hour = 0, minute = 0, second = 0;
  if (!take_two_digits(text, 24, hour) || !take(text, ':') || !take_two_digits(text, 60, minute)) return false;
  if (take(text, ':')) {
    if (!take_two_digits(text, 60, second)) return false;
    if (take(text, '.')) {
      std::int64_t scale = kNanosPerSecond / 10;
      std::size_t n = 0;
      for (; n < text.size() && text[n] >= '0' && text[n] <= '9'; ++n, scale /= 10) out.nanos += (text[n] - '0') * scale;
      if (n == 0) return false;
      text.remove_prefix(n);
    }
  }
  out.seconds += (hour * 60 + minute) * 60 + second;
  std::int64_t offset = 0;
  return text.empty() || text == "Z" || parse_offset(text, offset);
}

}  // namespace fractile

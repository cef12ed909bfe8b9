// Copyright The fractile authors. Licensed under the Apache License, Version 2.0.
#include <charconv>
#include <cstdio>

#include "fractile/types.hpp"

namespace fractile {
namespace {

constexpr int kDaysPerEra = 146097;  // 400 Gregorian years
constexpr int kDaysToMarch0000 = 719468;

/// Reads a whole number of exactly `n` digits.
bool read_digits(std::string_view text, std::size_t at, std::size_t n, int& out) noexcept {
  if (at + n > text.size()) return false;
  for (std::size_t i = at; i < at + n; ++i)
    if (text[i] < '0' || text[i] > '9') return false;
  return std::from_chars(text.data() + at, text.data() + at + n, out).ec == std::errc();
}

}  // namespace

// Years begin in March here, so that the day that leap years add is the last of a year.
CivilDate civil_from_day(Day day) noexcept {
  const std::int64_t shifted = std::int64_t{day} + kDaysToMarch0000;
  const auto era = static_cast<int>((shifted >= 0 ? shifted : shifted - (kDaysPerEra - 1)) / kDaysPerEra);
  const auto day_of_era = static_cast<int>(shifted - std::int64_t{era} * kDaysPerEra);
  const int year_of_era = (day_of_era - day_of_era / 1460 + day_of_era / 36524 - day_of_era / 146096) / 365;
  const int day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
  const int month_from_march = (5 * day_of_year + 2) / 153;
  const int month = month_from_march < 10 ? month_from_march + 3 : month_from_march - 9;
  return {year_of_era + era * 400 + (month <= 2 ? 1 : 0), month, day_of_year - (153 * month_from_march + 2) / 5 + 1};
}

Day day_from_civil(int year, int month, int day) noexcept {
  const int y = month <= 2 ? year - 1 : year;
  const int era = (y >= 0 ? y : y - 399) / 400;
  const int year_of_era = y - era * 400;
  const int day_of_year = (153 * (month > 2 ? month - 3 : month + 9) + 2) / 5 + day - 1;
  const int day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;
  return era * kDaysPerEra + day_of_era - kDaysToMarch0000;
}

std::string format_day(Day day) {
  const CivilDate date = civil_from_day(day);
  char text[32];
  std::snprintf(text, sizeof text, "%04d-%02d-%02d", date.year, date.month, date.day);
  return text;
}

bool parse_day(std::string_view text, Day& out) noexcept {
  int year = 0, month = 0, day = 0;
  if (text.size() != 10 || text[4] != '-' || text[7] != '-') return false;
  if (!read_digits(text, 0, 4, year) || !read_digits(text, 5, 2, month) || !read_digits(text, 8, 2, day)) return false;
  if (month < 1 || month > 12 || day < 1 || day > 31) return false;
  out = day_from_civil(year, month, day);
  const CivilDate back = civil_from_day(out);  // 31 February converts to another day
  return back.month == month && back.day == day;
}

}  // namespace fractile

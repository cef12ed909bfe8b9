// Copyright The fractile authors. Licensed under the Apache License, Version 2.0.
#include "synthetic/exchange_calendar.hpp"

namespace fractile::synthetic {
namespace {

/// 0 is Monday, 6 Sunday; 1970-01-01 was a Thursday.
int weekday(Day day) noexcept { return ((day + 3) % 7 + 7) % 7; }

/// The n-th (from 1) given weekday of a month.
Day nth_weekday(int year, int month, int which_weekday, int n) noexcept {
  const Day first = day_from_civil(year, month, 1);
  return first + (which_weekday - weekday(first) + 7) % 7 + 7 * (n - 1);
}

/// Easter Sunday of the Gregorian calendar: the Sunday after the church's full moon.
Day easter(int year) noexcept {
  const int golden = year % 19;
  const int century = year / 100;
  const int leap_skips = century - century / 4;
  const int moon_corrections = (8 * century + 13) / 25;
  const int epact = (19 * golden + leap_skips - moon_corrections + 15) % 30;
  const int full_moon = epact - (epact / 28) * (1 - (29 / (epact + 1)) * ((21 - golden) / 11));
  const Day moon = day_from_civil(year, 3, 21) + full_moon;
  return moon + (6 - weekday(moon) == 0 ? 7 : 6 - weekday(moon));
}

/// True if `day` is closed for the holiday. If a fixed date is on a weekend, the Friday before or the Monday after is closed.
bool is_observed(Day day, Day holiday) noexcept {
  const int w = weekday(holiday);
  return day == (w == 5 ? holiday - 1 : w == 6 ? holiday + 1 : holiday);
}

}  // namespace

bool is_holiday(Day day) noexcept {
  const int year = civil_from_day(day).year;
  const Day new_year = day_from_civil(year, 1, 1);
  // If New Year's Day is a Saturday, the Friday before stays open: it belongs to the old year.
  if (weekday(new_year) != 5 && is_observed(day, new_year)) return true;
  return day == nth_weekday(year, 1, 0, 3) ||                                // Martin Luther King
         day == nth_weekday(year, 2, 0, 3) ||                                // Washington
         day == easter(year) - 2 ||                                          // Good Friday
         day == nth_weekday(year, 6, 0, 1) - 7 ||                            // Memorial: the last Monday of May
         (year >= 2022 && is_observed(day, day_from_civil(year, 6, 19))) ||  // Juneteenth
         is_observed(day, day_from_civil(year, 7, 4)) ||                     // Independence
         day == nth_weekday(year, 9, 0, 1) ||                                // Labor
         day == nth_weekday(year, 11, 3, 4) ||                               // Thanksgiving
         is_observed(day, day_from_civil(year, 12, 25));                     // Christmas
}

std::vector<Day> trading_days(Day start, Day end) {
  std::vector<Day> days;
  for (Day day = start; day <= end; ++day)
    if (weekday(day) < 5 && !is_holiday(day)) days.push_back(day);
  return days;
}

}  // namespace fractile::synthetic

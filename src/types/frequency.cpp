// Copyright The fractile authors. Licensed under the Apache License, Version 2.0.
#include "fractile/frequency.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <vector>

namespace fractile {
namespace {

constexpr std::array<std::string_view, 6> kNames{"daily", "weekly", "monthly", "quarterly", "yearly", "irregular"};

/// The mean of the two middle gaps if their number is even.
double median_gap(std::span<const Day> dates) {
  std::vector<Day> gaps(dates.size() - 1);
  for (std::size_t n = 0; n < gaps.size(); ++n) gaps[n] = dates[n + 1] - dates[n];
  std::sort(gaps.begin(), gaps.end());
  return (static_cast<double>(gaps[(gaps.size() - 1) / 2]) + static_cast<double>(gaps[gaps.size() / 2])) / 2.0;
}

/// True if Saturdays and Sundays are both trading days in more than half of the weeks.
bool trades_at_weekends(std::span<const Day> dates) noexcept {
  std::size_t weeks = 0, saturdays = 0, sundays = 0;
  for (std::size_t n = 0; n < dates.size(); ++n) {
    weeks += n == 0 || period_of(dates[n], Frequency::weekly) != period_of(dates[n - 1], Frequency::weekly);
    saturdays += weekday_of(dates[n]) == 5;
    sundays += weekday_of(dates[n]) == 6;
  }
  return 2 * saturdays > weeks && 2 * sundays > weeks;
}

}  // namespace

std::string_view to_text(Frequency frequency) noexcept { return kNames[static_cast<std::size_t>(frequency)]; }

bool parse_frequency(std::string_view text, Frequency& out) noexcept {
  const auto found = std::find(kNames.begin(), kNames.end(), text);
  if (found == kNames.end()) return false;
  out = static_cast<Frequency>(found - kNames.begin());
  return true;
}

// 1970-01-01, day 0, is a Thursday.
int weekday_of(Day day) noexcept {
  const int remainder = (day % 7 + 3) % 7;
  return remainder < 0 ? remainder + 7 : remainder;
}

Day period_of(Day day, Frequency frequency) noexcept {
  const auto civil = [day] { return civil_from_day(day); };
  switch (frequency) {
    case Frequency::weekly: return day - weekday_of(day);
    case Frequency::monthly: return civil().year * 12 + civil().month - 1;
    case Frequency::quarterly: return civil().year * 4 + (civil().month - 1) / 3;
    case Frequency::yearly: return civil().year;
    case Frequency::daily:
    case Frequency::irregular: return day;
  }
  return day;
}

Periodicity detect_periodicity(std::span<const Day> dates) {
  constexpr double kDaysPerYear = 365.25;
  if (dates.size() < 2) return {};
  const double gap = median_gap(dates);
  if (gap <= 4.0) return {Frequency::daily, trades_at_weekends(dates) ? 365 : 252};
  if (gap >= 5.0 && gap <= 10.0) return {Frequency::weekly, 52};
  if (gap >= 25.0 && gap <= 45.0) return {Frequency::monthly, 12};
  if (gap >= 80.0 && gap <= 135.0) return {Frequency::quarterly, 4};
  if (gap >= 330.0) return {Frequency::yearly, 1};
  const double mean_gap = static_cast<double>(dates.back() - dates.front()) / static_cast<double>(dates.size() - 1);
  return {Frequency::irregular, std::max(1, static_cast<int>(std::lround(kDaysPerYear / mean_gap)))};
}

}  // namespace fractile

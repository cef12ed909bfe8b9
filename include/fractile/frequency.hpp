// Copyright The fractile authors. Licensed under the Apache License, Version 2.0.
#pragma once

#include <cstdint>
#include <span>
#include <string_view>

#include "fractile/types.hpp"

namespace fractile {

/// The spacing of the trading days of a snapshot. Enumerators are spelled as in the manifest.
enum class Frequency : std::uint8_t { daily, weekly, monthly, quarterly, yearly, irregular };
std::string_view to_text(Frequency frequency) noexcept;
/// False if `text` names no frequency.
bool parse_frequency(std::string_view text, Frequency& out) noexcept;

/// The frequency of a snapshot, and P, the number of periods per year that annualises returns.
struct Periodicity {
  Frequency frequency = Frequency::daily;
  int periods_per_year = 252;
  bool operator==(const Periodicity&) const noexcept = default;
};

inline constexpr int kMaxPeriodsPerYear = 100000;

/// Returns the periodicity by methodology section 1, "Frequency". `dates`: trading days, ascending.
Periodicity detect_periodicity(std::span<const Day> dates);

/// Number of the calendar period that holds a day: ascending, equal for the days of one week (Monday to Sunday), month, quarter
/// or year. The day itself if `frequency` has no such period.
Day period_of(Day day, Frequency frequency) noexcept;

/// 0 is Monday, 6 is Sunday.
int weekday_of(Day day) noexcept;

}  // namespace fractile

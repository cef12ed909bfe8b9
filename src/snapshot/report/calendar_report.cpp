// Copyright The fractile authors. Licensed under the Apache License, Version 2.0.
#include "snapshot/report/calendar_report.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <iterator>
#include <map>

namespace fractile {
namespace {

std::vector<RowIndex> count_names(const PanelIndex& index) {
  std::vector<RowIndex> names(index.dates.size());
  for (std::size_t n = 0; n < names.size(); ++n) names[n] = index.row_end[n] - index.row_begin[n];
  return names;
}

/// Trading days per weekday, and weeks with a trading day, of one year.
struct YearOfWeeks {
  std::array<int, 7> days{};
  int weeks = 0;
};

std::vector<DateIndex> find_closed_weekends(std::span<const Day> dates) {
  std::map<int, YearOfWeeks> years;
  std::vector<int> year(dates.size());
  for (std::size_t n = 0; n < dates.size(); ++n) {
    year[n] = civil_from_day(dates[n]).year;
    YearOfWeeks& of = years[year[n]];
    ++of.days[static_cast<std::size_t>(weekday_of(dates[n]))];
    const bool is_new_week =
        n == 0 || year[n] != year[n - 1] || period_of(dates[n], Frequency::weekly) != period_of(dates[n - 1], Frequency::weekly);
    of.weeks += is_new_week;
  }
  std::vector<DateIndex> out;
  for (std::size_t n = 0; n < dates.size(); ++n) {
    const int weekday = weekday_of(dates[n]);
    const YearOfWeeks& of = years[year[n]];
    if (weekday >= 5 && 2 * of.days[static_cast<std::size_t>(weekday)] < of.weeks) out.push_back(static_cast<DateIndex>(n));
  }
  return out;
}

std::vector<DateIndex> find_thin_days(std::span<const RowIndex> names) {
  constexpr std::size_t kAround = 10;  // days on either side
  std::vector<DateIndex> out;
  std::vector<RowIndex> around;
  for (std::size_t n = 0; n < names.size(); ++n) {
    const std::size_t begin = n < kAround ? 0 : n - kAround, end = std::min(names.size(), n + kAround + 1);
    around.assign(names.begin() + static_cast<std::ptrdiff_t>(begin), names.begin() + static_cast<std::ptrdiff_t>(end));
    const auto middle = around.begin() + static_cast<std::ptrdiff_t>(around.size() / 2);
    std::nth_element(around.begin(), middle, around.end());
    if (10.0 * names[n] < *middle) out.push_back(static_cast<DateIndex>(n));
  }
  return out;
}

std::string_view period_name(Frequency frequency) noexcept {
  switch (frequency) {
    case Frequency::weekly: return "week";
    case Frequency::monthly: return "month";
    case Frequency::quarterly: return "quarter";
    case Frequency::yearly: return "year";
    case Frequency::daily:
    case Frequency::irregular: return "day";
  }
  return "day";
}

/// True for the first day of its period, and for the first weekday of it.
bool begins_period(Day day, Frequency frequency) noexcept {
  if (period_of(day - 1, frequency) != period_of(day, frequency)) return true;
  if (frequency == Frequency::weekly || weekday_of(day) != 0) return false;
  return period_of(day - 3, frequency) != period_of(day, frequency);
}

void report_periods(const PanelIndex& index, Frequency frequency, std::vector<ReportLine>& report) {
  if (frequency == Frequency::daily || frequency == Frequency::irregular) return;
  const std::string_view period = period_name(frequency);
  ReportLine twice{"two_days_in_period", true, 0, "", ""}, first_days{"first_days", true, 0, "", ""};
  for (std::size_t n = 0; n < index.dates.size(); ++n) {
    const Day day = index.dates[n];
    if (n > 0 && period_of(day, frequency) == period_of(index.dates[n - 1], frequency) && twice.count++ == 0)
      twice.first = format_day(day);
    if (begins_period(day, frequency) && first_days.count++ == 0) first_days.first = format_day(day);
  }
  if (twice.count > 0) {
    twice.text = fmt::format("{} trading days of a {} panel follow another one in the same {}: keep one date per {}.",
                             twice.count, to_text(frequency), period, period);
    report.push_back(std::move(twice));
  }
  if (2 * static_cast<std::size_t>(first_days.count) > index.dates.size()) {
    first_days.text = fmt::format(
        "{} of {} dates are the first days of their {}, and a return is taken to end on its date: if it covers the {} that "
        "begins there, move the dates to the end of the {}.",
        first_days.count, index.dates.size(), period, period, period);
    report.push_back(std::move(first_days));
  }
}

void report_gaps(const PanelIndex& index, Frequency frequency, std::vector<ReportLine>& report) {
  std::vector<Day> gaps;
  for (std::size_t n = 1; n < index.dates.size(); ++n) gaps.push_back(index.dates[n] - index.dates[n - 1]);
  if (gaps.empty()) return;
  std::vector<Day> sorted = gaps;
  std::sort(sorted.begin(), sorted.end());
  const Day limit = frequency == Frequency::daily ? 7 : 2 * sorted[sorted.size() / 2];
  ReportLine line{"calendar_gap", false, 0, "", ""};
  for (std::size_t k = 0; k < gaps.size(); ++k)
    if (gaps[k] > limit && line.count++ == 0) line.first = format_day(index.dates[k]) + " to " + format_day(index.dates[k + 1]);
  if (line.count == 0) return;
  // Holidays of a week or two are usual in some markets.
  line.is_warning = sorted.back() > 2 * limit;
  line.text = fmt::format("{} gaps of more than {} days between trading days; the longest has {} days.", line.count, limit,
                          sorted.back());
  report.push_back(std::move(line));
}

void report_stray_days(const PanelIndex& index, Frequency frequency, std::vector<ReportLine>& report) {
  const StrayDays stray = find_stray_days(index, frequency);
  const std::vector<DateIndex> all = stray.all();
  if (all.empty()) return;
  report.push_back({"stray_day", true, static_cast<std::int64_t>(all.size()),
                    format_day(index.dates[static_cast<std::size_t>(all.front())]),
                    fmt::format("{} stray days ({} with under 10 % of the names of the days around, {} on weekends that are "
                                "usually closed) delay every trade: drop_stray_days (--drop-stray-days) leaves them out.",
                                all.size(), stray.thin.size(), stray.weekends.size())});
}

}  // namespace

std::vector<DateIndex> StrayDays::all() const {
  std::vector<DateIndex> out;
  std::set_union(thin.begin(), thin.end(), weekends.begin(), weekends.end(), std::back_inserter(out));
  return out;
}

StrayDays find_stray_days(std::span<const Day> dates, std::span<const RowIndex> names) {
  return {find_thin_days(names), find_closed_weekends(dates)};
}

StrayDays find_stray_days(const PanelIndex& index, Frequency frequency) {
  if (frequency != Frequency::daily) return {};
  return find_stray_days(index.dates, count_names(index));
}

std::string describe_panel_row(const PanelIndex& index, RowIndex row) {
  const auto day = std::upper_bound(index.row_begin.begin(), index.row_begin.end(), row) - index.row_begin.begin() - 1;
  const SecurityIndex security = index.security_of_row[static_cast<std::size_t>(row)];
  return fmt::format("security_id {} on {}", format_id(index.security_id(security)),
                     format_day(index.dates[static_cast<std::size_t>(day)]));
}

void report_calendar(const PanelIndex& index, Periodicity periodicity, std::vector<ReportLine>& report) {
  std::int64_t rows = 0;
  for (const RowIndex names : count_names(index)) rows += names;
  report.push_back(
      {"panel", false, rows, format_day(index.dates.front()) + " to " + format_day(index.dates.back()),
       fmt::format("{} rows, {} securities, {} {} trading days; {} periods per year.", rows, index.security_ids.size(),
                   index.dates.size(), to_text(periodicity.frequency), periodicity.periods_per_year)});
  if (periodicity.frequency == Frequency::irregular)
    report.push_back({"irregular_frequency", true, static_cast<std::int64_t>(index.dates.size()), format_day(index.dates.front()),
                      fmt::format("The trading days are neither daily, weekly, monthly, quarterly nor yearly; returns are "
                                  "annualised with {} periods per year: set periods_per_year (--periods-per-year) if another "
                                  "number is right.",
                                  periodicity.periods_per_year)});
  report_stray_days(index, periodicity.frequency, report);
  report_periods(index, periodicity.frequency, report);
  report_gaps(index, periodicity.frequency, report);
}

void report_lives(const PanelIndex& index, std::vector<ReportLine>& report) {
  const std::size_t n_securities = index.security_ids.size();
  std::vector<DateIndex> rows(n_securities, 0);
  for (const SecurityIndex security : index.security_of_row)
    if (security >= 0) ++rows[static_cast<std::size_t>(security)];
  const auto last_day = static_cast<DateIndex>(index.dates.size() - 1);
  const auto name = [&](std::size_t i) {
    return fmt::format("security_id {}", format_id(index.security_id(static_cast<SecurityIndex>(i))));
  };
  ReportLine gaps{"returns_after_gap", false, 0, "", ""}, alive{"alive_at_end", false, 0, "", ""};
  for (std::size_t i = 0; i < n_securities; ++i) {
    if (rows[i] < index.last_day[i] - index.first_day[i] + 1 && gaps.count++ == 0) gaps.first = name(i);
    if (index.last_day[i] == last_day && alive.count++ == 0) alive.first = name(i);
  }
  if (gaps.count > 0) {
    gaps.text = fmt::format("{} of {} securities come back after a gap of a trading day or more.", gaps.count, n_securities);
    report.push_back(std::move(gaps));
  }
  const bool is_all = static_cast<std::size_t>(alive.count) == n_securities;
  alive.is_warning = is_all && n_securities > 1 && index.dates.back() - index.dates.front() >= 365;
  alive.text = fmt::format("{} of {} securities have a row on the last day{}.", alive.count, n_securities,
                           alive.is_warning ? ": none has left in a year or more, which points to survivorship bias" : "");
  report.push_back(std::move(alive));
}

}  // namespace fractile

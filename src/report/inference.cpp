// Copyright The fractile authors. Licensed under the Apache License, Version 2.0.
#include "report/inference.hpp"

#include <fmt/format.h>

#include <string_view>

#include "fractile/types.hpp"

namespace fractile {
namespace {

constexpr std::array<const char*, 2> kSeries{"ret", "ret_net"};

template <class T>
const T* find_values(const Table& table, std::string_view name) {
  const Column* const column = table.find(name);
  return column ? std::get_if<T>(&column->values) : nullptr;
}

/// The group of a day in a slice of the calendar; "" for any other byvar.
std::string calendar_group(std::string_view byvar, Day day) {
  const CivilDate date = civil_from_day(day);
  if (byvar == "year") return fmt::format("{:04}", date.year);
  if (byvar == "quarter") return fmt::format("{:04}Q{}", date.year, (date.month - 1) / 3 + 1);
  if (byvar == "month") return fmt::format("{:04}-{:02}", date.year, date.month);
  return "";
}

/// The returns of one portfolio that are not NaN, in the order of days.
std::vector<double> portfolio_returns(const TableSet& tables, const std::string& byvar, const std::string& group,
                                      const char* series) {
  const bool is_calendar = byvar == "year" || byvar == "quarter" || byvar == "month", is_overall = byvar == "overall";
  const Table& table = tables[is_overall || is_calendar ? "daily" : "daily_by_group"];
  const auto* const values = find_values<std::vector<double>>(table, series);
  std::vector<double> out;
  if (!values) return out;
  const auto* const days = find_values<Column::Dates>(table, "date");
  const auto* const byvars = find_values<std::vector<std::string>>(table, "byvar");
  const auto* const groups = find_values<std::vector<std::string>>(table, "group");
  for (std::size_t row = 0; row < values->size(); ++row) {
    const double value = (*values)[row];
    if (value != value) continue;
    const bool is_in = is_overall    ? true
                       : is_calendar ? calendar_group(byvar, days->days[row]) == group
                                     : (*byvars)[row] == byvar && (*groups)[row] == group;
    if (is_in) out.push_back(value);
  }
  return out;
}

}  // namespace

Table infer_result(const Result& result, const InferenceOptions& options, const std::optional<TriedBefore>& for_all,
                   const TriedBySeries& for_overall, const Workers& workers) {
  const std::span<const InferenceColumn> columns = inference_columns();
  const Table& summary = result.tables["summary"];
  const auto* const byvars = find_values<std::vector<std::string>>(summary, "byvar");
  const auto* const groups = find_values<std::vector<std::string>>(summary, "group");
  std::vector<std::string> series, byvar, group;
  std::vector<std::int64_t> periods;
  std::vector<std::vector<double>> numbers(columns.size());
  std::vector<double> trials, effective;
  for (std::size_t row = 0; byvars && groups && row < byvars->size(); ++row) {
    for (std::size_t k = 0; k < kSeries.size(); ++k) {
      const std::vector<double> values = portfolio_returns(result.tables, (*byvars)[row], (*groups)[row], kSeries[k]);
      const std::optional<TriedBefore> tried = for_all ? for_all : (*byvars)[row] == "overall" ? for_overall[k] : std::nullopt;
      const Inference found = infer(values, result.periods_per_year, options, tried, workers);
      series.emplace_back(kSeries[k]);
      byvar.push_back((*byvars)[row]);
      group.push_back((*groups)[row]);
      periods.push_back(static_cast<std::int64_t>(values.size()));
      for (std::size_t c = 0; c < columns.size(); ++c) numbers[c].push_back(found.*columns[c].value);
      trials.push_back(tried ? tried->count : kNaN);
      effective.push_back(tried ? tried->effective : kNaN);
    }
  }
  Table out{{{"series", series}, {"byvar", byvar}, {"group", group}, {"periods", periods}}};
  for (std::size_t c = 0; c < columns.size(); ++c) out.columns.push_back({columns[c].name, std::move(numbers[c])});
  out.columns.push_back({"trials", std::move(trials)});
  out.columns.push_back({"trials_effective", std::move(effective)});
  return out;
}

}  // namespace fractile

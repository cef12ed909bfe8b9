// Copyright The fractile authors. Licensed under the Apache License, Version 2.0.

#include <algorithm>
#include <cmath>
#include <functional>
#include <map>
#include <numeric>
#include <optional>

#include "fractile/version.hpp"
#include "output/output.hpp"
#include "tearsheet/packed_column.hpp"
#include "tearsheet/tear_sheet.hpp"
#include "types/format_to.hpp"
#include "types/json_text.hpp"
#include "types/take_rows.hpp"

namespace fractile {
namespace {

/// A table that the sheet draws. Others, such as the weights, stay out of the file.
struct DrawnTable {
  const char* name;
  Packing packing = Packing::steps;
  bool is_thinned = false;  ///< a picture of a thousand points shows as much
};

constexpr DrawnTable kDrawn[] = {{"ic"},
                                 {"ic_summary"},
                                 {"fractile"},
                                 {"coverage"},
                                 {"coverage_unique"},
                                 {"quantiles"},
                                 {"monotonicity"},
                                 {"decay"},
                                 {"decay_half_life"},
                                 {"capacity"},
                                 {"capacity_musd"},
                                 {"double_sort"},
                                 {"exposures", Packing::steps, true},
                                 {"quantile_daily", Packing::steps, true}};

/// Columns of the daily table from which the page computes the others: sums, drawdowns, the short side and costs.
constexpr const char* kDaily[] = {"date", "ret", "ret_net", "resret", "ret_l", "numcos_l", "numcos_s", "turnover"};

constexpr std::size_t kExtremeDays = 8;  // worst, and best: as many as web/src/sections/days.ts shows
constexpr std::size_t kNamesOfDay = 3;
constexpr std::size_t kPoints = 1'300;     // of a thinned table
constexpr std::size_t kRowsPerByvar = 61;  // the page shows one fewer, and says that it cuts

void append_table(std::string& out, std::string_view name, const Table& table, const DrawnTable& drawn) {
  const std::size_t rows = table.n_rows();
  const std::size_t every = drawn.is_thinned ? (rows + kPoints - 1) / std::max<std::size_t>(kPoints, 1) : 1;
  const std::size_t step = std::max<std::size_t>(every, 1);
  append_json_text(out, name);
  fmt::format_to(std::back_inserter(out), ":{{\"rows\":{},\"columns\":[", (rows + step - 1) / step);
  for (std::size_t c = 0; c < table.columns.size(); ++c) {
    if (c) out += ',';
    append_column(out, table.columns[c], drawn.packing, step);
  }
  out += "]},";
}

Table short_daily(const Table& daily) {
  Table out;
  for (const char* name : kDaily)
    if (const Column* column = daily.find(name)) out.columns.push_back(*column);
  return out;
}

Table short_summary(const Table& summary) {
  const Column* const column = summary.find("byvar");
  if (!column) return summary;
  const auto& byvar = std::get<std::vector<std::string>>(column->values);
  std::map<std::string, std::size_t> seen;
  std::vector<std::size_t> places;
  for (std::size_t row = 0; row < byvar.size(); ++row)
    if (byvar[row] != "month" && ++seen[byvar[row]] <= kRowsPerByvar) places.push_back(row);
  return take_rows(summary, places);
}

/// Cumulative returns side by side, a column per bin, from rows of (date, bin, ret) in the order of dates. A bin without a
/// name on a day stands where it stood.
Table side_by_side(const Table& quantile_daily) {
  const auto& days = std::get<Column::Dates>(quantile_daily.find("date")->values).days;
  const auto& bin = std::get<std::vector<std::string>>(quantile_daily.find("bin")->values);
  const auto& ret = std::get<std::vector<double>>(quantile_daily.find("ret")->values);
  std::vector<std::string> names;
  std::map<std::string, std::size_t> place;
  for (const std::string& name : bin)
    if (place.emplace(name, names.size()).second) names.push_back(name);
  Column::Dates dates;
  std::vector<std::vector<double>> sums(names.size());
  for (std::size_t i = 0; i < days.size(); ++i) {
    if (dates.days.empty() || dates.days.back() != days[i]) {
      dates.days.push_back(days[i]);
      for (auto& sum : sums) sum.push_back(sum.empty() ? 0.0 : sum.back());
    }
    if (ret[i] == ret[i]) sums[place[bin[i]]].back() += ret[i];
  }
  Table out{{{"date", std::move(dates)}}};
  for (std::size_t k = 0; k < names.size(); ++k) out.columns.push_back({names[k], std::move(sums[k])});
  return out;
}

/// The names with the largest contributions to each of the worst and the best days, by the drill-down of the run.
Table extreme_days(const Table& daily, const Table& drilldown) {
  const auto& ret = std::get<std::vector<double>>(daily.find("ret")->values);
  const auto& dates = std::get<Column::Dates>(daily.find("date")->values).days;
  const auto& days = std::get<Column::Dates>(drilldown.find("date")->values).days;
  const auto& contribution = std::get<std::vector<double>>(drilldown.find("contribution")->values);
  std::vector<std::size_t> order(ret.size());
  std::iota(order.begin(), order.end(), std::size_t{0});
  std::ranges::stable_sort(order, {}, [&](std::size_t i) { return ret[i]; });
  if (order.size() > 2 * kExtremeDays)
    order.erase(order.begin() + kExtremeDays, order.end() - static_cast<std::ptrdiff_t>(kExtremeDays));
  std::vector<std::size_t> places;
  for (const std::size_t day : order) {
    const auto [first, last] = std::ranges::equal_range(days, dates[day]);
    std::vector<std::size_t> names(static_cast<std::size_t>(last - first));
    std::iota(names.begin(), names.end(), static_cast<std::size_t>(first - days.begin()));
    std::ranges::stable_sort(names, std::greater{}, [&](std::size_t i) { return std::fabs(contribution[i]); });
    names.resize(std::min(names.size(), kNamesOfDay));
    places.insert(places.end(), names.begin(), names.end());
  }
  Table out = take_rows(drilldown, places);
  std::erase_if(out.columns, [](const Column& column) {
    return column.name != "date" && column.name != "security_id" && column.name != "contribution";
  });
  return out;
}

void append_entry(std::string& out, const SheetEntry& entry) {
  const Result& result = *entry.result;
  out += "{\"name\":";
  append_json_text(out, entry.name);
  out += ",\"arguments\":";
  append_json_text(out, entry.repeat.arguments);
  out += ",\"study\":";
  append_json_text(out, entry.study);
  out += ",\"audit\":" + (entry.audit.empty() ? "null" : entry.audit);
  out += ",\"service\":" + entry.repeat.service + ",\"given\":" + entry.repeat.given;
  out += ",\"facts\":" + facts_to_json(result) + ",\"tables\":{";
  append_table(out, "summary", short_summary(result.tables["summary"]), {"summary", Packing::floats});
  append_table(out, "daily", short_daily(result.tables["daily"]), {"daily", Packing::floats});
  append_table(out, "inference", inference_rows(result), {"inference"});
  for (const DrawnTable& drawn : kDrawn) {
    const Table* const table = result.tables.find(drawn.name);
    if (!table || table->columns.empty()) continue;
    const bool is_long = std::string_view(drawn.name) == "quantile_daily";
    append_table(out, drawn.name, is_long ? side_by_side(*table) : *table, drawn);
  }
  if (const Table* const drilldown = result.tables.find("drilldown"); drilldown && drilldown->n_rows() > 0)
    append_table(out, "extreme_days", extreme_days(result.tables["daily"], *drilldown), {"extreme_days"});
  out.back() = '}';
  out += '}';
}

}  // namespace

std::string sheet_data(std::span<const SheetEntry> entries, const std::string& title) {
  std::string out = "{\"title\":";
  append_json_text(out, title);
  out += ",\"engine\":";
  append_json_text(out, kVersion);
  out += ",\"results\":[";
  for (const SheetEntry& entry : entries) {
    append_entry(out, entry);
    out += ',';
  }
  if (!entries.empty()) out.pop_back();
  out += "]}";
  // In JSON a "<" is always part of a text, and there its escape means the same: no text can end the script element.
  std::string safe;
  safe.reserve(out.size());
  for (const char c : out) {
    if (c == '<')
      safe += "\\u003c";
    else
      safe += c;
  }
  return safe;
}

}  // namespace fractile

// Copyright The fractile authors. Licensed under the Apache License, Version 2.0.

#include <algorithm>
#include <map>
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

void append_entry(std::string& out, const SheetEntry& entry) {
  const Result& result = *entry.result;
  out += "{\"name\":";
  append_json_text(out, entry.name);
  out += ",\"arguments\":";
  append_json_text(out, entry.repeat.arguments);
  out += ",\"study\":";
  append_json_text(out, entry.study);
  out += ",\"service\":" + entry.repeat.service + ",\"given\":" + entry.repeat.given;
  out += ",\"facts\":" + facts_to_json(result) + ",\"tables\":{";
  append_table(out, "summary", short_summary(result.tables["summary"]), {"summary"});
  append_table(out, "daily", short_daily(result.tables["daily"]), {"daily", Packing::floats});
  append_table(out, "inference", inference_rows(result), {"inference"});
  for (const DrawnTable& drawn : kDrawn) {
    const Table* const table = result.tables.find(drawn.name);
    if (!table || table->columns.empty()) continue;
    const bool is_long = std::string_view(drawn.name) == "quantile_daily";
    append_table(out, drawn.name, is_long ? side_by_side(*table) : *table, drawn);
  }
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

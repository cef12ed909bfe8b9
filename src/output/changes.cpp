// Copyright The fractile authors. Licensed under the Apache License, Version 2.0.
#include <fmt/format.h>

#include <nlohmann/json.hpp>

#include "output/output.hpp"

namespace fractile {
namespace {

using OrderedJson = nlohmann::ordered_json;

const char* word_for(ColumnChange::What what) {
  switch (what) {
    case ColumnChange::What::added: return "added";
    case ColumnChange::What::removed: return "removed";
    case ColumnChange::What::restated: return "restated";
    case ColumnChange::What::stored: return "stored";
  }
  return "restated";
}

Day first_of(const ColumnChange& column) { return column.by_date.empty() ? kMissingDay : column.by_date.front().first; }
Day last_of(const ColumnChange& column) { return column.by_date.empty() ? kMissingDay : column.by_date.back().first; }

OrderedJson day_to_json(Day day) { return day == kMissingDay ? OrderedJson() : OrderedJson(format_day(day)); }

OrderedJson days_to_json(const std::vector<Day>& days) {
  OrderedJson out = OrderedJson::array();
  for (const Day day : days) out.push_back(format_day(day));
  return out;
}

OrderedJson column_to_json(const ColumnChange& column) {
  OrderedJson by_date = OrderedJson::array();
  for (const auto& [day, rows] : column.by_date) by_date.push_back({format_day(day), rows});
  return {{"column", column.name},
          {"change", word_for(column.what)},
          {"rows", column.rows},
          {"filled", column.filled},
          {"emptied", column.emptied},
          {"first_date", day_to_json(first_of(column))},
          {"last_date", day_to_json(last_of(column))},
          {"stored_before", column.stored_before},
          {"stored_after", column.stored_after},
          {"by_date", by_date}};
}

OrderedJson ids_to_json(const std::vector<SecurityId>& ids) {
  OrderedJson out = OrderedJson::array();
  for (const SecurityId& id : ids) std::visit([&](const auto& value) { out.push_back(value); }, id);
  return out;
}

/// "3 dates (2020-01-02 to 2020-01-06)".
std::string count_days(const std::vector<Day>& days) {
  std::string out = fmt::format("{} {}", days.size(), days.size() == 1 ? "date" : "dates");
  if (!days.empty()) out += fmt::format(" ({} to {})", format_day(days.front()), format_day(days.back()));
  return out;
}

std::string count_ids(const std::vector<SecurityId>& ids) {
  std::string out = fmt::format("{} {}", ids.size(), ids.size() == 1 ? "security" : "securities");
  constexpr std::size_t kShown = 5;
  for (std::size_t i = 0; i < std::min(ids.size(), kShown); ++i)
    out += fmt::format("{}{}", i == 0 ? " (" : ", ", format_id(ids[i]));
  if (!ids.empty()) out += ids.size() > kShown ? ", ...)" : ")";
  return out;
}

}  // namespace

std::string changes_to_json(const SnapshotChanges& changes) {
  OrderedJson columns = OrderedJson::array();
  for (const ColumnChange& column : changes.columns) columns.push_back(column_to_json(column));
  const OrderedJson json{
      {"before", changes.before},
      {"after", changes.after},
      {"is_equal", changes.is_equal},
      {"rows",
       {{"before", changes.rows_before},
        {"after", changes.rows_after},
        {"added", changes.rows_added},
        {"removed", changes.rows_removed},
        {"restated", changes.rows_restated}}},
      {"securities", {{"added", ids_to_json(changes.securities_added)}, {"removed", ids_to_json(changes.securities_removed)}}},
      {"dates", {{"added", days_to_json(changes.dates_added)}, {"removed", days_to_json(changes.dates_removed)}}},
      {"columns", columns}};
  return json.dump();
}

std::string changes_to_text(const SnapshotChanges& changes) {
  if (changes.is_equal) return fmt::format("{} and {} hold the same\n", changes.before, changes.after);
  std::string out = fmt::format("added: {} rows, {}, {}\n", changes.rows_added, count_days(changes.dates_added),
                                count_ids(changes.securities_added));
  out += fmt::format("removed: {} rows, {}, {}\n", changes.rows_removed, count_days(changes.dates_removed),
                     count_ids(changes.securities_removed));
  out += fmt::format("restated: {} rows\n", changes.rows_restated);
  if (changes.columns.empty()) return out;
  std::vector<std::string> name, what, stored, first, last;
  std::vector<std::int64_t> rows, filled, emptied, days;
  for (const ColumnChange& column : changes.columns) {
    name.push_back(column.name);
    what.push_back(word_for(column.what));
    rows.push_back(column.rows);
    filled.push_back(column.filled);
    emptied.push_back(column.emptied);
    days.push_back(static_cast<std::int64_t>(column.by_date.size()));
    for (auto& [texts, day] : {std::pair{&first, first_of(column)}, {&last, last_of(column)}})
      texts->push_back(day == kMissingDay ? "" : format_day(day));
    const std::string &before = column.stored_before, &after = column.stored_after;
    stored.push_back(before.empty() ? after : after.empty() || before == after ? before : before + " to " + after);
  }
  constexpr std::size_t kAllColumns = 100000;
  return out + table_to_text({{{"column", name},
                               {"change", what},
                               {"rows", rows},
                               {"filled", filled},
                               {"emptied", emptied},
                               {"dates", days},
                               {"first", first},
                               {"last", last},
                               {"stored", stored}}},
                             kAllColumns);
}

}  // namespace fractile

// Copyright The fractile authors. Licensed under the Apache License, Version 2.0.
#pragma once

#include <algorithm>
#include <bit>
#include <cmath>
#include <limits>
#include <map>
#include <memory>
#include <random>
#include <string>
#include <utility>
#include <vector>

#include "snapshot_rows.hpp"

/// Panels with any columns, and a model of appends, as plain maps.
namespace fractile::testing {

struct Cell {
  double number = std::numeric_limits<double>::quiet_NaN();  ///< NaN is missing
  std::string text;                                          ///< "" is missing
};

inline bool is_missing(const Cell& cell) { return cell.number != cell.number && cell.text.empty(); }
inline bool is_same(const Cell& a, const Cell& b, bool as_float32) {
  const double x = as_float32 ? static_cast<float>(a.number) : a.number, y = as_float32 ? static_cast<float>(b.number) : b.number;
  return a.text == b.text && (x == y || (x != x && y != y));
}

struct PanelTable {
  using Key = std::pair<Day, std::int64_t>;
  std::map<std::string, bool> columns;  ///< true: texts
  std::map<Key, std::map<std::string, Cell>> rows;

  Cell at(const Key& key, const std::string& column) const {
    const auto row = rows.find(key);
    if (row == rows.end()) return {};
    const auto cell = row->second.find(column);
    return cell == row->second.end() ? Cell{} : cell->second;
  }
};

/// The law of append_snapshot(): the panel's columns replace the old values in the panel's rows, also with missing values.
inline PanelTable merged(const PanelTable& old, const PanelTable& panel) {
  PanelTable out = old;
  out.columns.insert(panel.columns.begin(), panel.columns.end());
  for (const auto& [key, cells] : panel.rows)
    for (const auto& [column, is_text] : panel.columns) out.rows[key][column] = panel.at(key, column);
  return out;
}

/// Makes a source of the table with its rows in random order.
inline std::unique_ptr<PanelSource> panel_of(const PanelTable& table, std::uint64_t seed) {
  std::vector<PanelTable::Key> keys;
  for (const auto& [key, cells] : table.rows) keys.push_back(key);
  std::mt19937_64 random(seed);
  std::shuffle(keys.begin(), keys.end(), random);
  std::vector<std::int64_t> ids;
  std::vector<Day> days;
  for (const auto& [day, id] : keys) {
    days.push_back(day);
    ids.push_back(id);
  }
  std::vector<Array> arrays{plain("security_id", "l", ids), plain("date", "tdD", days)};
  for (const auto& [column, is_text] : table.columns) {
    std::vector<double> numbers;
    std::vector<std::string> letters;
    std::vector<int> valid;
    for (const PanelTable::Key& key : keys) {
      const Cell cell = table.at(key, column);
      numbers.push_back(cell.number);
      letters.push_back(cell.text);
      valid.push_back(is_missing(cell) ? 0 : 1);
    }
    arrays.push_back(is_text ? texts(column, "u", letters).valid(valid) : plain(column, "g", numbers));
  }
  return panel_of(std::move(arrays));
}

/// A maker of random panels whose columns cover every storage kind, and every change from one kind to another.
class PanelMaker {
 public:
  explicit PanelMaker(std::uint64_t seed) : random_(seed) {}
  double uniform() { return static_cast<double>(random_() >> 11) * 0x1p-53; }
  bool chance(double share) { return uniform() < share; }
  int below(int n) { return static_cast<int>(random_() % static_cast<std::uint64_t>(n)); }

  Cell cell(const std::string& column) {
    if (chance(0.05)) return {};
    if (column == "country" || column == "sector") return {std::numeric_limits<double>::quiet_NaN(), text()};
    if (column == "cap") return {1.0 + below(3), ""};
    if (column == "mcap") return {std::floor(1e9 * uniform()), ""};
    if (column == "count") return {std::floor(100 * uniform()) + (is_later_ && chance(0.02) ? 0.5 : 0.0), ""};
    if (column == "wide") return {std::floor((is_later_ ? 3e9 : 6e9) * uniform()), ""};
    if (column == "void") return {};
    return {uniform() - 0.5, ""};
  }
  void add(PanelTable& table, Day day, std::int64_t id) {
    for (const auto& [column, is_text] : table.columns) table.rows[{day, id}][column] = cell(column);
  }
  /// A panel with names that pause; one of three panels has more than one segment.
  PanelTable make() {
    PanelTable out;
    for (const char* column : {"ret", "mcap", "cap", "count", "wide", "score", "size", "momentum", "void"})
      if (column == std::string("ret") || chance(0.85)) out.columns[column] = false;
    if (chance(0.85)) out.columns["country"] = true;
    const int days = chance(0.33) ? 257 + below(300) : 2 + below(60);
    const int names = 1 + below(6);
    for (int n = 0; n < days; ++n)
      for (int i = 0; i < names; ++i)
        if (i == 0 || chance(0.9)) add(out, kFirst + 2 * n, 10 * i + 5);
    return out;
  }
  /// A panel to append: later, earlier and restated days, new names and columns, or only some of the columns.
  PanelTable continue_from(const PanelTable& old) {
    is_later_ = true;
    PanelTable out;
    for (const auto& [column, is_text] : old.columns)
      if (column == "ret" || chance(0.8)) out.columns[column] = is_text;
    for (const char* column : {"growth", "extra", "size"})
      if (chance(0.3)) out.columns[column] = false;
    if (chance(0.3)) out.columns["sector"] = true;
    const Day last = old.rows.rbegin()->first.first;
    if (chance(0.8))
      for (int n = 1 + below(3); n > 0; --n) {
        const Day day = last + 1 + below(9);
        for (int i = 0; i < 5; ++i) add(out, day, 5 * i);
      }
    if (chance(0.2)) add(out, kFirst + 1 + 2 * below(40), 15);  // a day in between
    if (chance(0.2)) add(out, kFirst - 3, 5);
    const double restated = chance(0.3) ? 0.0 : chance(0.2) ? 1.0 : 0.05 * uniform();
    for (const auto& [key, cells] : old.rows)
      if (chance(restated)) add(out, key.first, key.second);
    if (chance(0.3) && !old.rows.empty()) {
      // A restated row with its old values.
      const auto& [key, cells] = *std::next(old.rows.begin(), below(static_cast<int>(old.rows.size())));
      for (const auto& [column, is_text] : out.columns) out.rows[key][column] = old.at(key, column);
    }
    if (out.rows.empty()) add(out, last + 1, 5);
    return out;
  }

 private:
  static constexpr Day kFirst = 18267;
  std::string text() {
    static const std::vector<std::string> kEarly{"CH", "JP", "US"}, kLater{"AT", "CH", "US", "ZA"};
    const auto& texts = is_later_ ? kLater : kEarly;
    return texts[random_() % texts.size()];
  }
  std::mt19937_64 random_;
  bool is_later_ = false;
};

}  // namespace fractile::testing

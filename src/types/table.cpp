// Copyright The fractile authors. Licensed under the Apache License, Version 2.0.
#include "fractile/result.hpp"

#include <algorithm>
#include <limits>

namespace fractile {

std::size_t Table::n_rows() const noexcept {
  if (columns.empty()) return 0;
  return std::visit(
      [](const auto& values) {
        if constexpr (requires { values.days; })
          return values.days.size();
        else
          return values.size();
      },
      columns.front().values);
}

const Column* Table::find(std::string_view name) const noexcept {
  for (const Column& column : columns)
    if (column.name == name) return &column;
  return nullptr;
}

void TableSet::add(std::string name, Table table) {
  constexpr double kLargest = std::numeric_limits<double>::max();
  for (Column& column : table.columns)
    if (auto* const reals = std::get_if<std::vector<double>>(&column.values))
      for (double& x : *reals)
        if (x == x) x = std::clamp(x, -kLargest, kLargest);
  entries_.push_back({std::move(name), std::move(table)});
}

const Table* TableSet::find(std::string_view name) const noexcept {
  for (const Entry& entry : entries_)
    if (entry.name == name) return &entry.table;
  return nullptr;
}

const Table& TableSet::operator[](std::string_view name) const noexcept {
  static const Table nothing;
  const Table* const found = find(name);
  return found ? *found : nothing;
}

}  // namespace fractile

// Copyright The fractile authors. Licensed under the Apache License, Version 2.0.
#include "fractile/result.hpp"

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

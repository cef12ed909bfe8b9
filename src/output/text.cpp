// Copyright The fractile authors. Licensed under the Apache License, Version 2.0.
#include <fmt/format.h>

#include <algorithm>

#include "output/output.hpp"

namespace fractile {
namespace {

std::string cell(const Column& column, std::size_t row) {
  if (const auto* reals = std::get_if<std::vector<double>>(&column.values)) {
    const double x = (*reals)[row];
    return x == x ? fmt::format("{:.6g}", x) : "NaN";
  }
  if (const auto* whole = std::get_if<std::vector<std::int64_t>>(&column.values)) return std::to_string((*whole)[row]);
  if (const auto* dates = std::get_if<Column::Dates>(&column.values)) return format_day(dates->days[row]);
  return std::get<std::vector<std::string>>(column.values)[row];
}

}  // namespace

std::string table_to_text(const Table& table, std::size_t max_rows) {
  const std::size_t n_rows = std::min(table.n_rows(), max_rows);
  std::vector<std::vector<std::string>> cells;
  std::vector<std::size_t> widths;
  for (const Column& column : table.columns) {
    auto& shown = cells.emplace_back();
    std::size_t width = column.name.size();
    for (std::size_t row = 0; row < n_rows; ++row) {
      shown.push_back(cell(column, row));
      width = std::max(width, shown.back().size());
    }
    widths.push_back(width);
  }
  std::string out;
  for (std::size_t c = 0; c < cells.size(); ++c) out += fmt::format("{}{:>{}}", c ? "  " : "", table.columns[c].name, widths[c]);
  out += '\n';
  for (std::size_t row = 0; row < n_rows; ++row) {
    for (std::size_t c = 0; c < cells.size(); ++c) out += fmt::format("{}{:>{}}", c ? "  " : "", cells[c][row], widths[c]);
    out += '\n';
  }
  if (table.n_rows() > n_rows) out += fmt::format("... {} more rows\n", table.n_rows() - n_rows);
  return out;
}

}  // namespace fractile

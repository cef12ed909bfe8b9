// Copyright The fractile authors. Licensed under the Apache License, Version 2.0.

#include "output/output.hpp"
#include "types/format_to.hpp"

namespace fractile {
namespace {

/// Appends a field by RFC 4180: quoted if it contains a separator, a quote or the end of a line.
void append_field(std::string& out, std::string_view text) {
  if (text.find_first_of(",\"\r\n") == std::string_view::npos) {
    out += text;
    return;
  }
  out += '"';
  for (const char c : text) out.append(c == '"' ? 2 : 1, c);
  out += '"';
}

void append_cell(std::string& out, const Column& column, std::size_t row) {
  if (const auto* reals = std::get_if<std::vector<double>>(&column.values)) {
    const double x = (*reals)[row];
    if (x == x) fmt::format_to(std::back_inserter(out), "{}", x + 0.0);  // -0 is 0
  } else if (const auto* whole = std::get_if<std::vector<std::int64_t>>(&column.values)) {
    fmt::format_to(std::back_inserter(out), "{}", (*whole)[row]);
  } else if (const auto* dates = std::get_if<Column::Dates>(&column.values)) {
    out += format_day(dates->days[row]);
  } else {
    append_field(out, std::get<std::vector<std::string>>(column.values)[row]);
  }
}

}  // namespace

std::string table_to_csv(const Table& table) {
  std::string out;
  const auto append_row = [&](auto&& append) {
    for (std::size_t c = 0; c < table.columns.size(); ++c) {
      if (c > 0) out += ',';
      append(table.columns[c]);
    }
    out += '\n';
  };
  append_row([&](const Column& column) { append_field(out, column.name); });
  for (std::size_t row = 0; row < table.n_rows(); ++row) append_row([&](const Column& column) { append_cell(out, column, row); });
  return out;
}

}  // namespace fractile

// Copyright The fractile authors. Licensed under the Apache License, Version 2.0.

#include <cmath>
#include <optional>
#include <string_view>

#include "output/output.hpp"
#include "types/format_to.hpp"
#include "types/json_text.hpp"

namespace fractile {
namespace {

void append_id(std::string& out, const std::optional<SecurityId>& id) {
  const auto* text = id ? std::get_if<std::string>(&*id) : nullptr;
  if (text)
    append_json_text(out, *text);
  else
    out += id ? format_id(*id) : "null";
}

void append_real(std::string& out, double x) {
  if (std::isfinite(x))
    fmt::format_to(std::back_inserter(out), "{}", x);  // the shortest text that reads back to the same bits
  else
    out += "null";
}

void append_value(std::string& out, const Column& column, std::size_t row) {
  if (const auto* reals = std::get_if<std::vector<double>>(&column.values)) {
    append_real(out, (*reals)[row]);
  } else if (const auto* whole = std::get_if<std::vector<std::int64_t>>(&column.values)) {
    fmt::format_to(std::back_inserter(out), "{}", (*whole)[row]);
  } else if (const auto* dates = std::get_if<Column::Dates>(&column.values)) {
    out += '"';
    out += format_day(dates->days[row]);
    out += '"';
  } else {
    append_json_text(out, std::get<std::vector<std::string>>(column.values)[row]);
  }
}

void append_table(std::string& out, const Table& table, Orient orient) {
  const std::size_t n_rows = table.n_rows();
  if (orient == Orient::split) {
    out += "{\"columns\":[";
    for (std::size_t c = 0; c < table.columns.size(); ++c) {
      if (c) out += ',';
      append_json_text(out, table.columns[c].name);
    }
    out += "],\"data\":[";
    for (std::size_t c = 0; c < table.columns.size(); ++c) {
      out += c ? ",[" : "[";
      for (std::size_t row = 0; row < n_rows; ++row) {
        if (row) out += ',';
        append_value(out, table.columns[c], row);
      }
      out += ']';
    }
    out += "]}";
    return;
  }
  out += '[';
  for (std::size_t row = 0; row < n_rows; ++row) {
    out += row ? ",{" : "{";
    for (std::size_t c = 0; c < table.columns.size(); ++c) {
      if (c) out += ',';
      append_json_text(out, table.columns[c].name);
      out += ':';
      append_value(out, table.columns[c], row);
    }
    out += '}';
  }
  out += ']';
}

double overall(const Result& result, std::string_view column) {
  const Column* found = result.tables["summary"].find(column);
  const auto* values = found ? std::get_if<std::vector<double>>(&found->values) : nullptr;
  return values && !values->empty() ? values->front() : std::nan("");
}

void append_diagnostics(std::string& out, const Diagnostics& diagnostics) {
  out += "\"diagnostics\":{";
  for (const Diagnostics::Count& count : diagnostics.counts) {
    append_json_text(out, count.name);
    fmt::format_to(std::back_inserter(out), ":{},", count.count);
  }
  out += "\"missing_group\":{";
  for (std::size_t i = 0; i < diagnostics.missing_group.size(); ++i) {
    if (i) out += ',';
    append_json_text(out, diagnostics.missing_group[i].first);
    fmt::format_to(std::back_inserter(out), ":{}", diagnostics.missing_group[i].second);
  }
  out += "},\"examples\":{";
  bool is_first = true;
  for (const Diagnostics::Count& count : diagnostics.counts) {
    if (count.examples.empty()) continue;
    if (!is_first) out += ',';
    is_first = false;
    append_json_text(out, count.name);
    out += ":[";
    for (std::size_t i = 0; i < count.examples.size(); ++i) {
      const RowExample& example = count.examples[i];
      fmt::format_to(std::back_inserter(out), "{}{{\"row\":{},\"security_id\":", i ? "," : "", example.row);
      append_id(out, example.security_id);
      fmt::format_to(std::back_inserter(out), ",\"date_sig\":\"{}\"}}", example.date_sig);
    }
    out += ']';
  }
  out += "},\"warnings\":[";
  for (std::size_t i = 0; i < diagnostics.warnings.size(); ++i) {
    if (i) out += ',';
    append_json_text(out, diagnostics.warnings[i]);
  }
  out += "],\"warning_codes\":[";
  for (std::size_t i = 0; i < diagnostics.warning_codes.size(); ++i) {
    if (i) out += ',';
    append_json_text(out, diagnostics.warning_codes[i]);
  }
  out += "]}";
}

}  // namespace

std::string table_to_json(const Table& table, Orient orient) {
  std::string out;
  append_table(out, table, orient);
  return out;
}

namespace {

void append_key(std::string& out, const char* name) { fmt::format_to(std::back_inserter(out), "\"{}\":", name); }

/// Appends everything but the tables, without the braces.
void append_facts(std::string& out, const Result& result) {
  const auto add_real = [&](const char* name, double x) {
    append_key(out, name);
    append_real(out, x);
    out += ',';
  };
  add_real("sharpe", overall(result, "sharpe_ret"));
  add_real("annual_return", overall(result, "ret_ann"));
  add_real("max_drawdown", overall(result, "maxdd"));
  add_real("turnover_mean", overall(result, "turnover"));
  append_diagnostics(out, result.diagnostics);
  out += ",\"config\":" + result.config_json + ",\"run_id\":";
  append_json_text(out, result.run_id);
  out += ",\"snapshot\":";
  append_json_text(out, result.snapshot);
  out += ',';
  fmt::format_to(std::back_inserter(out), "\"periods_per_year\":{},", result.periods_per_year);
  add_real("elapsed_seconds", result.elapsed_seconds);
  out += "\"timings\":{";
  for (std::size_t i = 0; i < result.timings.size(); ++i) {
    if (i) out += ',';
    append_json_text(out, result.timings[i].first);
    out += ':';
    append_real(out, result.timings[i].second);
  }
  out += '}';
}

}  // namespace

std::string facts_to_json(const Result& result) {
  std::string out = "{";
  append_facts(out, result);
  return out + "}";
}

std::string result_to_json(const Result& result, Orient orient) {
  std::string out = "{";
  for (const TableSet::Entry& entry : result.tables) {
    append_key(out, entry.name.c_str());
    append_table(out, entry.table, orient);
    out += ',';
  }
  append_facts(out, result);
  return out + "}";
}

}  // namespace fractile

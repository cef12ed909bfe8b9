// Copyright The fractile authors. Licensed under the Apache License, Version 2.0.
#include <nanobind/ndarray.h>
#include <nanobind/stl/string.h>
#include <nanobind/stl/tuple.h>
#include <nanobind/stl/variant.h>
#include <nanobind/stl/vector.h>

#include <memory>

#include "bind.hpp"
#include "fractile/result.hpp"
#include "ingest/read_options.hpp"
#include "output/output.hpp"
#include "report/result_tables.hpp"
#include "tearsheet/tear_sheet.hpp"

namespace nb = nanobind;

namespace fractile::python {
namespace {

using HeldResult = std::shared_ptr<const Result>;

/// Makes an array over the result's own memory, which the array keeps alive.
template <class T>
nb::object view(const HeldResult& result, const std::vector<T>& values) {
  auto* kept = new HeldResult(result);
  const nb::capsule owner(kept, [](void* p) noexcept { delete static_cast<HeldResult*>(p); });
  return nb::cast(nb::ndarray<nb::numpy, const T, nb::ndim<1>>(values.data(), {values.size()}, owner));
}

/// Columns by name: float64, int64, dates as int32 days (under "name:days"), texts as lists.
nb::dict table_to_dict(const HeldResult& result, const Table& table) {
  nb::dict out;
  for (const Column& column : table.columns) {
    if (const auto* reals = std::get_if<std::vector<double>>(&column.values))
      out[column.name.c_str()] = view(result, *reals);
    else if (const auto* whole = std::get_if<std::vector<std::int64_t>>(&column.values))
      out[column.name.c_str()] = view(result, *whole);
    else if (const auto* dates = std::get_if<Column::Dates>(&column.values))
      out[(column.name + ":days").c_str()] = view(result, dates->days);
    else
      out[column.name.c_str()] = std::get<std::vector<std::string>>(column.values);
  }
  return out;
}

nb::list table_schemas() {
  nb::list out;
  for (const TableSchema& table : result_tables()) {
    nb::list columns;
    for (const ColumnSchema& column : table.columns) {
      nb::dict entry;
      entry["name"] = column.name;
      entry["type"] = std::string(to_text(column.type));
      entry["unit"] = column.unit;
      entry["doc"] = column.doc;
      columns.append(entry);
    }
    nb::dict entry;
    entry["name"] = table.name;
    entry["asked_by"] = table.asked_by;
    entry["doc"] = table.doc;
    entry["columns"] = columns;
    entry["has_exposures"] = table.has_exposures;
    entry["is_scalar"] = table.is_scalar;
    entry["is_record"] = table.is_record;
    out.append(entry);
  }
  return out;
}

nb::dict diagnostics_to_dict(const Result& result) {
  nb::dict out, examples, missing_group;
  for (const Diagnostics::Count& count : result.diagnostics.counts) {
    out[count.name.c_str()] = count.count;
    if (count.examples.empty()) continue;
    nb::list rows;
    for (const RowExample& example : count.examples) {
      nb::dict row;
      row["row"] = example.row;
      row["security_id"] = example.security_id ? nb::cast(*example.security_id) : nb::none();
      row["date_sig"] = example.date_sig;
      rows.append(row);
    }
    examples[count.name.c_str()] = rows;
  }
  for (const auto& [byvar, count] : result.diagnostics.missing_group) missing_group[byvar.c_str()] = count;
  out["missing_group"] = missing_group;
  out["examples"] = examples;
  out["warnings"] = result.diagnostics.warnings;
  out["warning_codes"] = result.diagnostics.warning_codes;
  return out;
}

using Entry = std::tuple<std::string, RawResult, nb::dict, std::string, std::string>;

/// "signal", "sigvar", "root", "start_date", "end_date", "compact", "reading" (JSON); those that are missing keep their initial
/// values.
RunPlace read_place(const nb::dict& place) {
  RunPlace out;
  const auto read = [&](const char* name, std::string& field) {
    if (place.contains(name)) field = nb::cast<std::string>(place[name]);
  };
  read("signal", out.signal);
  read("sigvar", out.sigvar);
  read("root", out.root);
  read("start_date", out.start_date);
  read("end_date", out.end_date);
  if (place.contains("reading")) out.reading = read_options_to_json(parse_read_options(nb::cast<std::string>(place["reading"])));
  if (place.contains("compact")) out.compact = nb::cast<bool>(place["compact"]);
  return out;
}

std::string draw_sheet(const std::vector<Entry>& results, const std::string& title) {
  std::vector<SheetEntry> entries;
  for (const auto& [name, raw, place, study, audit] : results)
    entries.push_back({name, raw.result.get(), repeat_run(*raw.result, read_place(place)), study, audit});
  return tear_sheet(entries, title);
}

}  // namespace

void bind_result(nb::module_& module) {
  module.def("result_tables", &table_schemas, "Every table that a result can have, in order: name, columns, units.");
  module.def("tear_sheet", &draw_sheet, nb::arg("results"), nb::arg("title"),
             "The HTML of results, each (name, result, its place, a sentence about its study, its audit as JSON).");
  nb::class_<RawResult>(module, "RawResult", "Tables and counts of one run, as the engine made them.")
      .def(
          "table",
          [](const RawResult& raw, const std::string& name) { return table_to_dict(raw.result, raw.result->tables[name]); },
          nb::arg("name"), "A table as a dict of arrays; empty if it was not asked for.")
      .def_prop_ro(
          "diagnostics", [](const RawResult& raw) { return diagnostics_to_dict(*raw.result); }, "Counts by name.")
      .def_prop_ro(
          "config_json", [](const RawResult& raw) { return raw.result->config_json; }, "All options, canonical.")
      .def_prop_ro(
          "snapshot", [](const RawResult& raw) { return raw.result->snapshot; }, "Id of the snapshot.")
      .def_prop_ro(
          "run_id", [](const RawResult& raw) { return raw.result->run_id; }, "32 hexadecimal digits.")
      .def_prop_ro(
          "periods_per_year", [](const RawResult& raw) { return raw.result->periods_per_year; },
          "Periods by which statistics are annualised.")
      .def_prop_ro(
          "elapsed_seconds", [](const RawResult& raw) { return raw.result->elapsed_seconds; }, "Wall time.")
      .def_prop_ro(
          "timings",
          [](const RawResult& raw) {
            nb::dict out;
            for (const auto& [stage, seconds] : raw.result->timings) out[stage.c_str()] = seconds;
            return out;
          },
          "Seconds by stage.")
      .def_static(
          "from_json", [](const std::string& text) { return RawResult{std::make_shared<Result>(result_from_json(text))}; },
          nb::arg("text"), "A result out of the body that POST /run?orient=split answers.")
      .def(
          "to_json",
          [](const RawResult& raw, const std::string& orient) {
            return result_to_json(*raw.result, orient == "split" ? Orient::split : Orient::records);
          },
          nb::arg("orient") = "records", "The body that POST /run answers.");
}

}  // namespace fractile::python

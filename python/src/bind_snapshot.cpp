// Copyright The fractile authors. Licensed under the Apache License, Version 2.0.
#include <nanobind/stl/optional.h>
#include <nanobind/stl/shared_ptr.h>
#include <nanobind/stl/string.h>
#include <nanobind/stl/vector.h>

#include <functional>

#include "bind.hpp"
#include "fractile/panel.hpp"
#include "fractile/snapshot.hpp"
#include "gate.hpp"
#include "ingest/read_options.hpp"
#include "output/output.hpp"

namespace nb = nanobind;

namespace fractile::python {
namespace {

nb::dict describe(const SnapshotInfo& info) {
  nb::dict out;
  out["id"] = info.id;
  out["created"] = info.created;
  out["id_type"] = std::string(id_type_name(info.id_type));
  out["rows"] = info.n_rows;
  out["securities"] = info.n_securities;
  out["dates"] = info.n_dates;
  out["first_date"] = format_day(info.first_date);
  out["last_date"] = format_day(info.last_date);
  out["bytes"] = info.bytes;
  out["source_name"] = info.source_name;
  out["source_hash"] = info.source_hash;
  out["parent"] = info.parent;
  out["engine_version"] = info.engine_version;
  out["content_hash"] = info.content_hash;
  nb::list columns;
  for (const ColumnInfo& column : info.columns) {
    nb::dict entry;
    entry["name"] = column.name;
    entry["kind"] = column.kind == ColumnKind::real ? "real" : column.kind == ColumnKind::integer ? "integer" : "text";
    entry["unit"] = column.unit;
    entry["float32"] = column.float32;
    entry["float64"] = column.float64;
    entry["missing"] = column.missing;
    columns.append(entry);
  }
  out["columns"] = columns;
  return out;
}

/// The data report of a snapshot as a Python dict.
nb::dict describe(const DataReport& report) {
  nb::dict out;
  out["frequency"] = std::string(to_text(report.periodicity.frequency));
  out["periods_per_year"] = report.periodicity.periods_per_year;
  nb::list lines;
  for (const ReportLine& line : report.lines) {
    nb::dict entry;
    entry["check"] = line.check;
    entry["level"] = line.is_warning ? "warning" : "info";
    entry["count"] = line.count;
    entry["first"] = line.first;
    entry["text"] = line.text;
    lines.append(entry);
  }
  out["report"] = lines;
  return out;
}

/// Makes a progress function that calls Python, and ends the build on Ctrl-C.
std::function<void(std::string_view, double)> call_back(nb::object progress) {
  return [progress = std::move(progress)](std::string_view stage, double fraction) {
    const nb::gil_scoped_acquire lock;
    if (PyErr_CheckSignals() != 0) throw nb::python_error();
    if (!progress.is_none()) progress(nb::str(stage.data(), stage.size()), fraction);
  };
}

BuildOptions build_options(const std::string& reading, const std::string& dtype, int periods_per_year, bool drop_stray_days,
                           nb::object progress) {
  BuildOptions options;
  options.read = parse_read_options(reading);
  options.periods_per_year = periods_per_year;
  options.drop_stray_days = drop_stray_days;
  if (dtype != "float32" && dtype != "float64" && dtype != "both")
    throw Error(ErrorCode::INVALID_VALUE,
                "expected dtype=\"float32\", \"float64\" or \"both\", found \"" + dtype + "\". The default is \"float32\".");
  options.dtype = dtype == "float64" ? StoreAs::float64 : dtype == "both" ? StoreAs::both : StoreAs::float32;
  options.progress = call_back(std::move(progress));
  return options;
}

AppendOptions append_options(const std::string& reading, int periods_per_year, nb::object progress) {
  AppendOptions options;
  options.read = parse_read_options(reading);
  options.periods_per_year = periods_per_year;
  options.progress = call_back(std::move(progress));
  return options;
}

nb::dict describe(const AppendResult& result) {
  nb::dict out = describe(result.info);
  out["bytes_written"] = result.bytes_written;
  out["bytes_shared"] = result.bytes_shared;
  out["changes"] = changes_to_json(result.changes);
  return out;
}

}  // namespace

void bind_snapshot(nb::module_& module) {
  // A list: one binding after the other.
  nb::class_<Snapshot>(module, "Snapshot", "An open snapshot.")
      .def_prop_ro(
          "id", [](const Snapshot& snapshot) { return snapshot.id(); }, "Its id.")
      .def_prop_ro(
          "n_rows", [](const Snapshot& snapshot) { return snapshot.n_rows(); }, "Panel rows.")
      .def_prop_ro(
          "content_hash", [](const Snapshot& snapshot) { return snapshot.content_hash(); }, "Equal content, equal hash.")
      .def_prop_ro(
          "column_names",
          [](const Snapshot& snapshot) {
            std::vector<std::string> names;
            for (const ColumnInfo& column : snapshot.columns()) names.push_back(column.name);
            return names;
          },
          "Columns besides security_id and date.");
  module.def(
      "open_snapshot",
      [](const std::string& root, const std::string& id, bool use_mmap, bool preload, std::optional<bool> compact) {
        std::optional<Storage> storage;
        if (compact) storage = *compact ? Storage::float32 : Storage::float64;
        std::shared_ptr<const Snapshot> opened;
        run_released([&](const Interrupt&) {
          opened = Snapshot::open(root, id, Verify::layout, make_residence(use_mmap, preload), storage);
        });
        return std::const_pointer_cast<Snapshot>(opened);
      },
      nb::arg("root"), nb::arg("id"), nb::arg("use_mmap") = true, nb::arg("preload") = false,
      nb::arg("compact").none() = nb::none(),
      "Opens a snapshot: maps it, with preload reads all its pages, without use_mmap copies it into memory; of columns stored in "
      "two "
      "types those that a service with this `compact` reads. Raises SnapshotError.");
  module.def(
      "newest_snapshot", [](const std::string& root) { return newest_snapshot(root); }, nb::arg("root"), "Id of the newest.");
  module.def(
      "snapshot_root",
      [](const std::optional<std::string>& root) {
        return snapshot_root(root ? std::optional<std::filesystem::path>(*root) : std::nullopt).string();
      },
      nb::arg("root").none(), "root, else $FRACTILE_SNAPSHOTS, else snapshots.");
  module.def(
      "list_snapshots",
      [](const std::string& root) {
        nb::list out;
        for (const SnapshotInfo& info : list_snapshots(root)) out.append(describe(info));
        return out;
      },
      nb::arg("root"), "All snapshots, oldest first, as dicts.");
  module.def(
      "snapshot_report", [](const std::string& root, const std::string& id) { return describe(read_data_report(root, id)); },
      nb::arg("root"), nb::arg("id"), "frequency, periods_per_year and report, as a dict.");
  module.def(
      "verify_snapshot",
      [](const std::string& root, const std::string& id) { run_released([&](const Interrupt&) { verify_snapshot(root, id); }); },
      nb::arg("root"), nb::arg("id"), "Recomputes every hash. Raises SnapshotError.");
  module.def(
      "remove_snapshot", [](const std::string& root, const std::string& id) { remove_snapshot(root, id); }, nb::arg("root"),
      nb::arg("id"), "Deletes a snapshot.");
  module.def(
      "create_snapshot_from_file",
      [](const std::string& root, const std::string& id, const std::string& path, const std::string& reading,
         const std::string& dtype, int periods_per_year, bool drop_stray_days, nb::object progress) {
        const BuildOptions options = build_options(reading, dtype, periods_per_year, drop_stray_days, std::move(progress));
        SnapshotInfo info;
        run_released([&](const Interrupt&) {
          const auto panel = open_panel_file(path, options.read);
          info = create_snapshot(root, id, *panel, options);
        });
        return describe(info);
      },
      nb::arg("root"), nb::arg("id"), nb::arg("path"), nb::arg("reading"), nb::arg("dtype"), nb::arg("periods_per_year"),
      nb::arg("drop_stray_days"), nb::arg("progress").none(), "Makes a snapshot from a Parquet, CSV or Arrow file, or a folder.");
  module.def(
      "create_snapshot_from_arrow",
      [](const std::string& root, const std::string& id, nb::handle source, const std::string& reading, const std::string& dtype,
         int periods_per_year, bool drop_stray_days, nb::object progress, const std::string& name) {
        const BuildOptions options = build_options(reading, dtype, periods_per_year, drop_stray_days, std::move(progress));
        ArrowArrayStream stream = take_stream(source);
        SnapshotInfo info;
        run_released([&](const Interrupt&) {
          const auto panel = collect_panel(&stream, name);
          info = create_snapshot(root, id, *panel, options);
        });
        return describe(info);
      },
      nb::arg("root"), nb::arg("id"), nb::arg("source"), nb::arg("reading"), nb::arg("dtype"), nb::arg("periods_per_year"),
      nb::arg("drop_stray_days"), nb::arg("progress").none(), nb::arg("name"),
      "Makes a snapshot from anything with __arrow_c_stream__.");
  module.def(
      "append_snapshot_from_file",
      [](const std::string& root, const std::string& id, const std::string& path, const std::string& new_id,
         const std::string& reading, int periods_per_year, nb::object progress) {
        const AppendOptions options = append_options(reading, periods_per_year, std::move(progress));
        AppendResult result;
        run_released([&](const Interrupt&) {
          const auto panel = open_panel_file(path, options.read);
          result = append_snapshot(root, id, *panel, new_id, options);
        });
        return describe(result);
      },
      nb::arg("root"), nb::arg("id"), nb::arg("path"), nb::arg("new_id"), nb::arg("reading"), nb::arg("periods_per_year"),
      nb::arg("progress").none(), "Makes a snapshot from another one and a Parquet, CSV or Arrow file, or a folder.");
  module.def(
      "append_snapshot_from_arrow",
      [](const std::string& root, const std::string& id, nb::handle source, const std::string& new_id, const std::string& reading,
         int periods_per_year, nb::object progress, const std::string& name) {
        const AppendOptions options = append_options(reading, periods_per_year, std::move(progress));
        ArrowArrayStream stream = take_stream(source);
        AppendResult result;
        run_released([&](const Interrupt&) {
          const auto panel = collect_panel(&stream, name);
          result = append_snapshot(root, id, *panel, new_id, options);
        });
        return describe(result);
      },
      nb::arg("root"), nb::arg("id"), nb::arg("source"), nb::arg("new_id"), nb::arg("reading"), nb::arg("periods_per_year"),
      nb::arg("progress").none(), nb::arg("name"), "Makes a snapshot from another one and anything with __arrow_c_stream__.");
  module.def(
      "diff_snapshots",
      [](const std::string& root, const std::string& a, const std::string& b) {
        std::string json;
        run_released([&](const Interrupt&) {
          const auto before = Snapshot::open(root, a);
          json = changes_to_json(diff_snapshots(*before, *Snapshot::open(root, b)));
        });
        return json;
      },
      nb::arg("root"), nb::arg("a"), nb::arg("b"), "The changes from a to b, as JSON.");
}

}  // namespace fractile::python

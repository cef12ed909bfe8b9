// Copyright The fractile authors. Licensed under the Apache License, Version 2.0.
#include "snapshot/build.hpp"

#include <fmt/chrono.h>
#include <fmt/format.h>

#include <cerrno>
#include <ctime>

#include "fractile/error.hpp"
#include "fractile/panel.hpp"
#include "fractile/version.hpp"
#include "snapshot/build_folder.hpp"
#include "snapshot/column_writer.hpp"
#include "snapshot/durable_files.hpp"
#include "snapshot/known_columns.hpp"
#include "snapshot/panel_reader.hpp"
#include "types/ieee_arithmetic.hpp"

namespace fractile {

namespace fs = std::filesystem;

std::string format_utc(std::time_t time) { return fmt::format("{:%Y-%m-%dT%H:%M:%SZ}", fmt::gmtime(time)); }

void describe_build(const std::string& id, const PanelSource& panel, const PanelIndex& index, Manifest& manifest) {
  SnapshotInfo& info = manifest.info;
  info.id = id;
  info.created = format_utc(std::time(nullptr));
  info.engine_version = kVersion;
  info.source_name = panel.source_name();
  info.source_hash = panel.source_hash();
  info.n_rows = static_cast<std::int64_t>(index.row_of_source.size());
  info.n_securities = static_cast<std::int64_t>(index.security_ids.size());
  info.n_dates = static_cast<std::int64_t>(index.dates.size());
  info.first_date = index.dates.front();
  info.last_date = index.dates.back();
  manifest.segments = index.segments;
}

void write_manifest(const fs::path& folder, Manifest& manifest) {
  std::string text;
  try {
    text = manifest_to_json(manifest);
  } catch (const std::exception& error) {
    throw Error(ErrorCode::PANEL_COLUMN_TYPE, std::string("expected column names and texts in UTF-8, found other bytes (") +
                                                  error.what() + "). Re-encode the source.");
  }
  write_text_durably(folder / kManifestFile, text);
}

void as_io_failures(const fs::path& root, const std::function<void()>& work) {
  try {
    work();
  } catch (const fs::filesystem_error& failed) {
    errno = failed.code().value();
    throw_io_failure("use", failed.path1().empty() ? root : failed.path1());
  }
}

namespace {

SnapshotInfo create_checked(const fs::path& root, const std::string& id, PanelSource& panel, const BuildOptions& options) {
  if (fs::exists(root / id)) refuse_existing(root, id);
  const auto progress = [&](const std::string& stage, double fraction) {
    if (options.progress) options.progress(stage, fraction);
  };
  progress("reading keys", 0.0);
  const PanelNames names = match_names(panel.column_names(), options.map, true);
  PanelIndex index = read_index(panel, names);
  BuildFolder folder(root, id);
  Manifest manifest;
  describe_build(id, panel, index, manifest);
  write_index(index, folder.path() / kIndexFile, manifest);
  // Only where the rows go is needed from here on.
  for (auto* done : {&index.previous_row, &index.row_of}) *done = {};

  ColumnWriter writer(folder.path(), options.dtype, manifest);
  std::size_t n_done = 0;
  for (const auto& [name, source] : names) {
    if (name == "security_id" || name == "date") continue;
    progress(name, static_cast<double>(n_done++) / static_cast<double>(names.size() - 2));
    PanelColumn column = read_column(panel, name, source, index);
    ColumnInfo described;
    described.name = name;
    described.unit = unit_of(name);
    if (column.is_text)
      writer.write_texts(std::move(described), column.codes, std::move(column.texts), index.security_of_row);
    else
      writer.write_numbers(std::move(described), column.numbers, index.security_of_row);
  }
  writer.finish();
  manifest.info.content_hash = compute_content_hash(manifest);
  write_manifest(folder.path(), manifest);
  progress("publishing", 1.0);
  folder.publish(root, id);
  return read_snapshot_info(root, id);
}

}  // namespace

SnapshotInfo create_snapshot(const fs::path& root, const std::string& id, PanelSource& panel, const BuildOptions& options) {
  const IeeeArithmetic arithmetic;
  check_snapshot_id(id);
  SnapshotInfo info;
  as_io_failures(root, [&] { info = create_checked(root, id, panel, options); });
  return info;
}

}  // namespace fractile

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
#include "snapshot/drop_days.hpp"
#include "snapshot/durable_files.hpp"
#include "snapshot/known_columns.hpp"
#include "snapshot/panel_reader.hpp"
#include "snapshot/panel_returns.hpp"
#include "snapshot/report/calendar_report.hpp"
#include "snapshot/report/column_report.hpp"
#include "snapshot/text_ids.hpp"
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
  info.n_rows = 0;
  for (const SegmentInfo& segment : index.segments) info.n_rows += segment.rows;
  info.id_type = index.security_texts.empty() ? IdType::integer : IdType::text;
  info.n_securities = static_cast<std::int64_t>(index.security_ids.size());
  info.n_dates = static_cast<std::int64_t>(index.dates.size());
  info.first_date = index.dates.front();
  info.last_date = index.dates.back();
  manifest.segments = index.segments;
}

Periodicity choose_periodicity(std::span<const Day> dates, int periods_per_year) {
  if (periods_per_year < 0 || periods_per_year > kMaxPeriodsPerYear)
    throw Error(ErrorCode::INVALID_VALUE,
                fmt::format("expected periods_per_year from 1 to {}, found {}. Days have 252, months 12.", kMaxPeriodsPerYear,
                            periods_per_year));
  Periodicity periodicity = detect_periodicity(dates);
  if (periods_per_year > 0) periodicity.periods_per_year = periods_per_year;
  return periodicity;
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

/// Leaves out the stray days and adds a line about them to the report.
PanelIndex drop_stray_days(PanelIndex index, Frequency frequency, std::vector<ReportLine>& report) {
  const std::vector<DateIndex> days = find_stray_days(index, frequency).all();
  if (days.empty()) return index;
  PanelIndex out = drop_days(index, days);
  std::int64_t rows = 0;
  for (const DateIndex n : days)
    rows += index.row_end[static_cast<std::size_t>(n)] - index.row_begin[static_cast<std::size_t>(n)];
  report.push_back({"dropped_days", false, static_cast<std::int64_t>(days.size()),
                    format_day(index.dates[static_cast<std::size_t>(days.front())]),
                    fmt::format("{} stray days with {} rows were left out.", days.size(), rows)});
  return out;
}

SnapshotInfo create_checked(const fs::path& root, const std::string& id, PanelSource& panel, const BuildOptions& options) {
  if (fs::exists(root / id)) refuse_existing(root, id);
  const auto progress = [&](const std::string& stage, double fraction) {
    if (options.progress) options.progress(stage, fraction);
  };
  progress("reading keys", 0.0);
  Manifest manifest;
  std::vector<ReportLine>& report = manifest.report.lines;
  const PanelNames names = match_names(panel.column_names(), options.read, true, report);
  PanelIndex index = read_index(panel, names, options.read, report);
  Periodicity periodicity = choose_periodicity(index.dates, options.periods_per_year);
  if (options.drop_stray_days) {
    index = drop_stray_days(std::move(index), periodicity.frequency, report);
    periodicity = choose_periodicity(index.dates, options.periods_per_year);
  }
  manifest.has_report = true;
  manifest.report.periodicity = periodicity;
  BuildFolder folder(root, id);
  describe_build(id, panel, index, manifest);
  write_index(index, folder.path() / kIndexFile, manifest);
  if (manifest.info.id_type == IdType::text) manifest.ids = write_text_ids(index.security_texts, folder.path() / kIdsFile);
  // From here on only the places of the rows are needed.
  for (auto* done : {&index.previous_row, &index.row_of}) *done = {};
  report_calendar(index, periodicity, report);
  report_lives(index, report);

  ColumnWriter writer(folder.path(), options.dtype, manifest);
  std::size_t n_done = 0;
  std::string refused;  // One answer names every wrong column, so that one more command mends them all.
  for (const auto& [name, source] : names) {
    if (name == "security_id" || name == "date") continue;
    progress(name, static_cast<double>(n_done++) / static_cast<double>(names.size() - 2));
    std::optional<PanelColumn> values;
    try {
      values = read_column(panel, name, source, index, options.read, report);
    } catch (const Error& error) {
      if (error.code() != ErrorCode::PANEL_COLUMN_TYPE) throw;
      const std::string text = error.what();
      refused += (refused.empty() ? "" : " Also ") + text.substr(text.find(": ") + 2);
    }
    if (!values || !refused.empty()) continue;
    PanelColumn& column = *values;
    if (name == "ret") require_any_return(column);
    report_column(name, source, column, index, periodicity.frequency, report);
    ColumnInfo described;
    described.name = name;
    described.unit = unit_of(name);
    if (column.is_text)
      writer.write_texts(std::move(described), column.codes, std::move(column.texts), index.padding);
    else
      writer.write_numbers(std::move(described), column.numbers, index.padding);
  }
  if (!refused.empty()) throw Error(ErrorCode::PANEL_COLUMN_TYPE, refused);
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

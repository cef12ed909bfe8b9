// Copyright The fractile authors. Licensed under the Apache License, Version 2.0.
#include <fmt/format.h>
#include <time.h>

#include <algorithm>

#include "fractile/error.hpp"
#include "fractile/panel.hpp"
#include "snapshot/append_columns.hpp"
#include "snapshot/append_rows.hpp"
#include "snapshot/build.hpp"
#include "snapshot/build_folder.hpp"
#include "snapshot/parent_files.hpp"
#include "snapshot/report/calendar_report.hpp"
#include "snapshot/report/column_report.hpp"
#include "snapshot/text_ids.hpp"
#include "types/ieee_arithmetic.hpp"

namespace fractile {
namespace {

namespace fs = std::filesystem;

/// A time later than the parent's, even if the clock is wrong or both were made in the same second.
std::string created_after(const std::string& parent, const std::string& now) {
  if (now > parent) return now;
  tm parts{};
  if (!::strptime(parent.c_str(), "%Y-%m-%dT%H:%M:%SZ", &parts)) return now;
  return format_utc(::timegm(&parts) + 1);
}

/// New rows without returns are probably a mistake, so they are refused.
void refuse_new_rows_without_ret(const Snapshot& parent, const AppendRows& rows, const PanelNames& names) {
  if (rows.n_added == 0 || std::any_of(names.begin(), names.end(), [](const auto& name) { return name.first == "ret"; })) return;
  std::string all;
  for (const auto& [ours, source] : names) all += (all.empty() ? "" : ", ") + source;
  throw Error(ErrorCode::PANEL_MISSING_COLUMN,
              fmt::format("expected the column ret for {} rows that snapshot \"{}\" does not have, found {}. Add it, name the "
                          "column that holds it (--map ret=Name), or leave these rows out.",
                          rows.n_added, parent.id(), all));
}

/// True if the parent's column is a category, other than one of booleans, which every spelling of true and false joins.
bool is_category(const Snapshot& parent, const std::string& name) {
  const ColumnInfo* const column = parent.find_column(name);
  if (!column || column->kind != ColumnKind::text || column->missing == parent.n_rows()) return false;
  const std::vector<std::string>& texts = Snapshot::Impl::of(parent).manifest.dictionaries.at(name);
  return !std::all_of(texts.begin(), texts.end(), [](const std::string& text) { return text == "true" || text == "false"; });
}

/// The parent's columns, then the panel's new ones.
std::vector<std::string> columns_of(const Snapshot& parent, const PanelNames& names) {
  std::vector<std::string> out;
  for (const ColumnInfo& column : parent.columns()) out.push_back(column.name);
  for (const auto& [name, source] : names)
    if (name != "security_id" && name != "date" && !parent.find_column(name)) out.push_back(name);
  return out;
}

/// P if it was given for the parent; 0 if the parent's calendar decided it.
int given_periods_per_year(const Snapshot& parent) {
  const Manifest& manifest = Snapshot::Impl::of(parent).manifest;
  const Periodicity& periodicity = manifest.report.periodicity;
  return manifest.has_report && periodicity != detect_periodicity(parent.dates()) ? periodicity.periods_per_year : 0;
}

/// Writes all columns of the new snapshot: those of the parent, of the panel, or merged from both.
void append_columns(const AppendContext& context, PanelSource& panel, const PanelNames& names, const PanelIndex& panel_index,
                    const AppendOptions& options, SegmentWriter& writer, Manifest& manifest) {
  const Snapshot& parent = context.parent;
  std::vector<ReportLine>& report = manifest.report.lines;
  ColumnAppender appender(context, writer, manifest);
  const std::vector<std::string> columns = columns_of(parent, names);
  for (std::size_t c = 0; c < columns.size(); ++c) {
    if (options.progress) options.progress(columns[c], static_cast<double>(c) / static_cast<double>(columns.size()));
    const auto source = std::find_if(names.begin(), names.end(), [&](const auto& name) { return name.first == columns[c]; });
    std::optional<PanelColumn> values;
    if (source != names.end())
      values = read_column(panel, columns[c], source->second, panel_index, options.read, report, is_category(parent, columns[c]));
    // A new column that no run can use does not come into being.
    if (!values && !parent.find_column(columns[c])) continue;
    if (values) report_column(columns[c], source->second, *values, panel_index, manifest.report.periodicity.frequency, report);
    appender.append(columns[c], std::move(values));
  }
  appender.finish();
}

AppendResult append_checked(const fs::path& root, const Snapshot& parent, PanelSource& panel, const std::string& new_id,
                            const AppendOptions& options) {
  const auto progress = [&](const std::string& stage, double fraction) {
    if (options.progress) options.progress(stage, fraction);
  };
  progress("reading keys", 0.0);
  Manifest manifest;
  std::vector<ReportLine>& report = manifest.report.lines;
  const PanelNames names = match_names(panel.column_names(), options.read, false, report);
  std::vector<std::string> categories;
  for (const auto& [ours, source] : names)
    if (is_category(parent, ours)) categories.push_back(source);
  panel.read_as_texts(categories);
  PanelIndex panel_index = read_index(panel, names, options.read, report, parent.id_type());
  for (auto* done : {&panel_index.previous_row, &panel_index.row_of}) *done = {};
  const Snapshot::Impl& old = Snapshot::Impl::of(parent);
  ParentFiles files(old);
  files.check_index();
  AppendRows rows = merge_rows(parent, panel_index);
  refuse_new_rows_without_ret(parent, rows, names);

  BuildFolder folder(root, new_id);
  describe_build(new_id, panel, rows.index, manifest);
  manifest.info.parent = parent.id();
  const int periods_per_year = options.periods_per_year != 0 ? options.periods_per_year : given_periods_per_year(parent);
  const Periodicity periodicity = choose_periodicity(rows.index.dates, periods_per_year);
  manifest.has_report = true;
  manifest.report.periodicity = periodicity;
  report_calendar(rows.index, periodicity, report);
  report_lives(rows.index, report);
  manifest.info.created = created_after(old.manifest.info.created, manifest.info.created);
  if (rows.n_added == 0) {
    files.share_index(folder.path() / kIndexFile);
    manifest.index_bytes = old.manifest.index_bytes;
    manifest.index_hash = old.manifest.index_hash;
  } else {
    write_index(rows.index, folder.path() / kIndexFile, manifest);
  }
  if (parent.id_type() == IdType::text) manifest.ids = write_text_ids(rows.index.security_texts, folder.path() / kIdsFile);
  for (auto* done : {&rows.index.previous_row, &rows.index.row_of, &rows.index.row_of_source}) *done = {};

  SegmentWriter writer(folder.path(), manifest, &files);
  append_columns({parent, rows, files}, panel, names, panel_index, options, writer, manifest);
  manifest.info.content_hash = compute_content_hash(manifest);
  if (manifest.info.content_hash == parent.content_hash())
    throw Error(ErrorCode::PANEL_NOTHING_NEW,
                fmt::format("expected rows or values that snapshot \"{}\" does not have, found none in {} rows. Use \"{}\" as it "
                            "is, or check the panel.",
                            parent.id(), panel_index.row_of_source.size(), parent.id()));
  parent.require_intact();
  write_manifest(folder.path(), manifest);
  progress("publishing", 1.0);
  folder.publish(root, new_id);
  AppendResult result;
  result.info = read_snapshot_info(root, new_id);
  result.bytes_written = writer.bytes_written() + files.bytes_copied();
  result.bytes_written += static_cast<std::int64_t>(manifest.ids.bytes);
  if (rows.n_added > 0) result.bytes_written += static_cast<std::int64_t>(manifest.index_bytes);
  result.bytes_shared = files.bytes_linked();
  return result;
}

}  // namespace

AppendResult append_snapshot(const fs::path& root, const std::string& id, PanelSource& panel, const std::string& new_id,
                             const AppendOptions& options) {
  const IeeeArithmetic arithmetic;
  check_snapshot_id(new_id);
  const auto parent = Snapshot::open(root, id);
  if (fs::exists(root / new_id)) refuse_existing(root, new_id);
  AppendResult result;
  parent->read_guarded([&] { as_io_failures(root, [&] { result = append_checked(root, *parent, panel, new_id, options); }); });
  result.changes = diff_snapshots(*parent, *Snapshot::open(root, new_id));
  return result;
}

}  // namespace fractile

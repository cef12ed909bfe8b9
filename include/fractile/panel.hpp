// Copyright The fractile authors. Licensed under the Apache License, Version 2.0.
#pragma once

#include <filesystem>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "fractile/changes.hpp"
#include "fractile/read_options.hpp"
#include "fractile/snapshot.hpp"

struct ArrowArrayStream;

namespace fractile {

/// The source of a panel. It returns names first, then columns one at a time, so that a panel larger
/// than memory can become a snapshot.
class PanelSource {
 public:
  virtual ~PanelSource() = default;
  virtual std::vector<std::string> column_names() = 0;
  /// Says that no other column will be asked for; a source that reads all at once then leaves them out.
  virtual void read_only(const std::vector<std::string>& names) { (void)names; }
  /// Names columns whose cells are texts, whatever they look like. A source with types of its own has no use for it.
  virtual void read_as_texts(const std::vector<std::string>& names) { (void)names; }
  /// A stream whose batches are structs with just these columns, in row order. May be called more
  /// than once for a column. The caller releases it.
  virtual void open_columns(const std::vector<std::string>& names, ArrowArrayStream* out) = 0;
  virtual std::string source_name() const = 0;
  /// Hash of the source's bytes; "" if it is not a file.
  virtual std::string source_hash() const = 0;
};

/// Parquet (column by column), CSV or Arrow IPC, or a folder of the first two, told by the extension. Needs the formats module.
std::unique_ptr<PanelSource> open_panel_file(const std::filesystem::path& path, const ReadOptions& options = {});
/// Collects the batches of the stream in memory (by reference, no copy of values). Takes over the stream.
std::unique_ptr<PanelSource> collect_panel(ArrowArrayStream* stream, std::string source_name);

enum class StoreAs : std::uint8_t { float32, float64, both };

struct BuildOptions {
  StoreAs dtype = StoreAs::float32;
  ReadOptions read;
  int periods_per_year = 0;      ///< 0: detect_periodicity() decides
  bool drop_stray_days = false;  ///< leave out the days that the report calls stray
  /// Called regularly with a stage's name and 0 ... 1; may throw to end the build.
  std::function<void(std::string_view stage, double fraction)> progress;
};

/// Makes `root/id` from a panel: validated, sorted, hashed, written aside, fsynced, renamed.
///
/// Columns of methodology section 1 must be numbers, or texts of numbers; another text column becomes a category; columns of
/// other types (dates, nested) are skipped and reported. docs/reading.md has the rules. Any number column that is not in section
/// 1's list of reals and holds whole numbers only is stored as integer. Peak memory: about 24 bytes a row, one column, and the
/// block of exposures where there are any (32 bytes a row, 64 in float64). Throws PANEL_*, SNAPSHOT_EXISTS, INVALID_SNAPSHOT_ID,
/// UNREADABLE_PANEL, IO_FAILURE.
SnapshotInfo create_snapshot(const std::filesystem::path& root, const std::string& id, PanelSource& panel,
                             const BuildOptions& options);

struct AppendOptions {
  ReadOptions read;
  int periods_per_year = 0;  ///< 0: the parent's if it was given there, else detect_periodicity() decides
  std::function<void(std::string_view stage, double fraction)> progress;
};

struct AppendResult {
  SnapshotInfo info;
  SnapshotChanges changes;         ///< from the parent to the new snapshot
  std::int64_t bytes_written = 0;  ///< of its new files, without the manifest
  std::int64_t bytes_shared = 0;   ///< of its files that are the parent's too
};

/// Makes `root/new_id` from `root/id` and a panel of new or restated rows, and names `id` as its parent.
///
/// The key of a row is (security_id, date). A column of the panel replaces the old values in the panel's rows, also with missing
/// values. A column that the panel lacks retains its values, and is missing in new rows. Columns, securities and dates may be
/// new. New rows need `ret`. Reals are stored as the parent stores them. The result has the content_hash of a snapshot made at
/// once from both panels; docs/snapshot_format.md names the exception. A file of an unchanged segment is a hard link to the
/// parent's. Cost: O(rows of both) for the index, and the changes. Peak memory: about 40 bytes per row, and 8 bytes per row and
/// column of the panel.
/// Throws the errors of create_snapshot(), SNAPSHOT_NOT_FOUND, CORRUPT_SNAPSHOT, PANEL_NOTHING_NEW.
AppendResult append_snapshot(const std::filesystem::path& root, const std::string& id, PanelSource& panel,
                             const std::string& new_id, const AppendOptions& options);

}  // namespace fractile

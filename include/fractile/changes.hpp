// Copyright The fractile authors. Licensed under the Apache License, Version 2.0.
#pragma once

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "fractile/snapshot.hpp"

namespace fractile {

/// One column that differs between two snapshots.
struct ColumnChange {
  enum class What : std::uint8_t {
    added,     ///< only the second snapshot has the column; `rows` counts those with a value
    removed,   ///< only the first snapshot has the column; `rows` counts those with a value
    restated,  ///< values differ in rows that both snapshots have
    stored,    ///< the same values, stored in another way
  };
  std::string name;
  What what = What::restated;
  std::int64_t rows = 0;
  std::int64_t filled = 0;   ///< restated: rows missing in the first
  std::int64_t emptied = 0;  ///< restated: rows missing in the second
  /// Number of rows per day, days ascending.
  std::vector<std::pair<Day, std::int64_t>> by_date;
  /// "float32", "float64", "float32+float64", "int32" or "text"; "" if the snapshot lacks the column.
  std::string stored_before, stored_after;
};

/// The changes that turn the first snapshot into the second.
struct SnapshotChanges {
  std::string before, after;  ///< ids
  bool is_equal = false;      ///< both have the same content_hash
  std::int64_t rows_before = 0, rows_after = 0;
  std::int64_t rows_added = 0, rows_removed = 0;
  std::int64_t rows_restated = 0;  ///< common rows in which a common column differs
  std::vector<SecurityId> securities_added, securities_removed;
  std::vector<Day> dates_added, dates_removed;
  std::vector<ColumnChange> columns;  ///< columns that differ, in the order of the first snapshot, then of the second
};

/// Compares the contents of two open snapshots: reals as float64 if both store float64, else as float32; texts by their letters,
/// not codes. Does not read files that both share or whose hashes are equal. Cost: O(rows) for the keys. Throws CORRUPT_SNAPSHOT
/// if a file changes meanwhile.
SnapshotChanges diff_snapshots(const Snapshot& before, const Snapshot& after);

}  // namespace fractile

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
    added,     ///< the second has it alone; rows are those with a value
    removed,   ///< the first has it alone; rows are those with a value
    restated,  ///< values differ in rows that both have
    stored,    ///< the same values, stored in another way
  };
  std::string name;
  What what = What::restated;
  std::int64_t rows = 0;
  std::int64_t filled = 0;   ///< restated: rows missing in the first
  std::int64_t emptied = 0;  ///< restated: rows missing in the second
  /// Rows by day, ascending.
  std::vector<std::pair<Day, std::int64_t>> by_date;
  /// "float32", "float64", "float32+float64", "int32" or "text"; "" where it is not there.
  std::string stored_before, stored_after;
};

/// What has to be done to the first snapshot to have the second.
struct SnapshotChanges {
  std::string before, after;  ///< ids
  bool is_equal = false;      ///< of one content_hash
  std::int64_t rows_before = 0, rows_after = 0;
  std::int64_t rows_added = 0, rows_removed = 0;
  std::int64_t rows_restated = 0;  ///< rows of both of which a column that both have differs
  std::vector<SecurityId> securities_added, securities_removed;
  std::vector<Day> dates_added, dates_removed;
  std::vector<ColumnChange> columns;  ///< those that differ, in the order of the first, then the second
};

/// Compares what two open snapshots hold. Where both have a column as float64 it is compared so, else as float32; texts by their
/// letters. Files that are shared, or equal by their hash, are not read. O(rows) for the keys. Throws CORRUPT_SNAPSHOT where a
/// file changes meanwhile.
SnapshotChanges diff_snapshots(const Snapshot& before, const Snapshot& after);

}  // namespace fractile

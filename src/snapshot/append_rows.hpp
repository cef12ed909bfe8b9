// Copyright The fractile authors. Licensed under the Apache License, Version 2.0.
#pragma once

#include <cstdint>
#include <vector>

#include "snapshot/build_index.hpp"
#include "snapshot/snapshot_impl.hpp"

/// The merge of the rows of a snapshot and a new panel: for each row of the result, its row in the one and in the other.
namespace fractile {

/// The rows of one segment of the result, padding included.
struct SegmentRows {
  RowIndex begin = 0, end = 0;  ///< rows in the result
  /// True if the segment equals the parent's segment of this number row by row: no row is new, and no row has moved.
  bool is_kept = false;
  /// The parent's first row of the segment, if is_kept.
  RowIndex parent_begin = 0;
  // By place in the segment; kNoRow if there is none.
  std::vector<RowIndex> parent_row;  ///< empty if is_kept
  std::vector<RowIndex> panel_row;   ///< empty if is_kept and the panel has no row in the segment

  bool has_panel_rows() const noexcept { return !panel_row.empty(); }
  std::size_t size() const noexcept { return static_cast<std::size_t>(end - begin); }
  RowIndex parent_row_at(std::size_t i) const noexcept {
    return parent_row.empty() ? parent_begin + static_cast<RowIndex>(i) : parent_row[i];
  }
  RowIndex panel_row_at(std::size_t i) const noexcept { return panel_row.empty() ? kNoRow : panel_row[i]; }
};

struct AppendRows {
  PanelIndex index;  ///< index of the result; its source rows are the parent's in order, then the panel's new rows
  std::vector<SegmentRows> segments;
  std::int64_t n_added = 0;  ///< rows of the panel that the parent lacks
};

/// `panel`: the new panel's own index. O(rows of both). Requires that the parent's index was checked against its hash.
/// Throws PANEL_TOO_LARGE.
AppendRows merge_rows(const Snapshot& parent, const PanelIndex& panel);

}  // namespace fractile

// Copyright The fractile authors. Licensed under the Apache License, Version 2.0.
#pragma once

#include <cstdint>
#include <vector>

#include "snapshot/build_index.hpp"
#include "snapshot/snapshot_impl.hpp"

/// Which row of a snapshot and which row of a new panel each row of the two together comes from.
namespace fractile {

/// The rows of one segment of the result, padding included.
struct SegmentRows {
  RowIndex begin = 0, end = 0;  ///< in the result
  /// Holds the parent's segment of this number row by row: no row is new, and the rows lie where they lay.
  bool is_kept = false;
  /// The parent's first row of it, where it is kept.
  RowIndex parent_begin = 0;
  // By place in the segment, kNoRow where there is none.
  std::vector<RowIndex> parent_row;  ///< empty where the segment is kept
  std::vector<RowIndex> panel_row;   ///< empty where it is kept and has no row of the panel

  bool has_panel_rows() const noexcept { return !panel_row.empty(); }
  std::size_t size() const noexcept { return static_cast<std::size_t>(end - begin); }
  RowIndex parent_row_at(std::size_t i) const noexcept {
    return parent_row.empty() ? parent_begin + static_cast<RowIndex>(i) : parent_row[i];
  }
  RowIndex panel_row_at(std::size_t i) const noexcept { return panel_row.empty() ? kNoRow : panel_row[i]; }
};

struct AppendRows {
  PanelIndex index;  ///< of the result; its source rows are the parent's, in order, then the panel's new ones
  std::vector<SegmentRows> segments;
  std::int64_t n_added = 0;  ///< rows of the panel that the parent does not have
};

/// `panel`: the new panel's own index. O(rows of both). The parent's index must have been checked against its hash.
/// Throws PANEL_TOO_LARGE.
AppendRows merge_rows(const Snapshot& parent, const PanelIndex& panel);

}  // namespace fractile

// Copyright The fractile authors. Licensed under the Apache License, Version 2.0.
#pragma once

#include <cstdint>
#include <vector>

#include "fractile/types.hpp"
#include "snapshot/manifest.hpp"

namespace fractile {

/// The keys of a panel in source order.
struct PanelKeys {
  std::vector<std::int64_t> security_id;
  std::vector<Day> date;
};

/// Where every row of a panel goes, and the look-up tables of index.bin.
struct PanelIndex {
  std::vector<Day> dates;
  std::vector<std::int64_t> security_ids;
  std::vector<RowIndex> row_begin, row_end;
  std::vector<DateIndex> first_day, last_day;
  std::vector<std::int32_t> row_of_begin;
  std::vector<SecurityIndex> security_of_row;
  std::vector<RowIndex> previous_row;
  std::vector<RowIndex> row_of;
  std::vector<SegmentInfo> segments;  ///< days and rows, no files yet
  /// By source row.
  std::vector<RowIndex> row_of_source;
  std::int64_t row_capacity() const noexcept { return static_cast<std::int64_t>(security_of_row.size()); }
};

/// Sorts by (date, security) in two counting passes: O(rows). Takes the keys' memory. Throws
/// PANEL_NULL_KEY, PANEL_DUPLICATE_ROW, PANEL_EMPTY, PANEL_TOO_LARGE.
PanelIndex build_index(PanelKeys keys);
/// Writes index.bin; fills index_bytes and index_hash.
void write_index(const PanelIndex& index, const std::filesystem::path& path, Manifest& manifest);

}  // namespace fractile

// Copyright The fractile authors. Licensed under the Apache License, Version 2.0.
#pragma once

#include <cstdint>
#include <functional>
#include <span>
#include <string>
#include <vector>

#include "fractile/types.hpp"
#include "snapshot/layout.hpp"
#include "snapshot/manifest.hpp"

namespace fractile {

/// The keys of a panel in source order.
struct PanelKeys {
  /// Integers, or the places of texts in `texts`.
  std::vector<std::int64_t> security_id;
  std::vector<std::uint8_t> valid;  ///< a bit per row, 0 if it has no id; empty: every row has one
  std::vector<Day> date;
  std::vector<std::string> texts;  ///< ascending by their bytes, each used by a row; empty: ids are integers

  bool has_id(std::size_t row) const noexcept { return valid.empty() || (valid[row / 8] >> (row % 8) & 1) != 0; }
};

/// The index of a panel: the place of every row, and the look-up tables of index.bin.
struct PanelIndex {
  std::vector<Day> dates;
  std::vector<std::int64_t> security_ids;
  std::vector<std::string> security_texts;  ///< of text ids, whose security_ids are 0, 1, 2, ...
  std::vector<RowIndex> row_begin, row_end;
  std::vector<DateIndex> first_day, last_day;
  std::vector<std::int32_t> row_of_begin;
  std::vector<SecurityIndex> security_of_row;
  std::vector<RowIndex> previous_row;
  std::vector<RowIndex> row_of;
  std::vector<SegmentInfo> segments;  ///< days and rows, no files yet
  /// By source row; kNoRow if it was left out.
  std::vector<RowIndex> row_of_source;
  std::int64_t padding = 0;  ///< rows without a security
  SecurityId security_id(SecurityIndex security) const;
  std::int64_t row_capacity() const noexcept { return static_cast<std::int64_t>(security_of_row.size()); }
};

inline constexpr std::int64_t kMaxPanelRows = layout::kMaxRows - layout::kRowQuantum * 4096;  // leaves room for padding
inline constexpr std::int64_t kMaxPlaces = layout::kMaxRows;
/// Throws PANEL_TOO_LARGE beyond kMaxPanelRows.
void require_panel_rows(std::int64_t n_rows);
/// Throws PANEL_TOO_LARGE if the days from first to last day of all securities are more than kMaxPlaces.
void require_places(std::int64_t n_places);

/// Rows without a security, whose values are missing in every column.
std::int64_t count_padding(std::span<const SecurityIndex> security_of_row) noexcept;

/// Two rows of the source with one key.
struct DuplicateRow {
  std::size_t row = 0, first = 0;
};
/// Which of the duplicates equal their first row in every column.
using CompareRows = std::function<std::vector<bool>(const std::vector<DuplicateRow>&)>;

/// Sorts by (date, security) in two counting passes: O(rows). Takes the keys' memory. `compare` is called if there are
/// duplicates, and those that are equal are left out if `drop_equal`. Throws PANEL_NULL_KEY, PANEL_DUPLICATE_ROW, PANEL_EMPTY,
/// PANEL_TOO_LARGE.
PanelIndex build_index(PanelKeys keys, const CompareRows& compare = {}, bool drop_equal = false);
/// Writes index.bin; fills index_bytes and index_hash.
void write_index(const PanelIndex& index, const std::filesystem::path& path, Manifest& manifest);

}  // namespace fractile

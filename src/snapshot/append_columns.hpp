// Copyright The fractile authors. Licensed under the Apache License, Version 2.0.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "snapshot/merged_column.hpp"

namespace fractile {

/// The type in which a snapshot stores its reals.
StoreAs stored_as(const SnapshotInfo& info) noexcept;

/// The writer of the columns of a snapshot that is made from a parent and a new panel. Each column is as if the snapshot were
/// made at once from both. Files of unchanged segments are shared.
class ColumnAppender {
 public:
  ColumnAppender(const AppendContext& context, SegmentWriter& writer, Manifest& manifest);
  ~ColumnAppender();
  /// `panel`: nullopt if the panel lacks the column. finish() writes all exposures together. Throws PANEL_COLUMN_TYPE if one of
  /// the two has text and the other numbers, PANEL_INFINITE_VALUE, CORRUPT_SNAPSHOT.
  void append(const std::string& name, std::optional<PanelColumn> panel);
  void finish();

 private:
  struct Exposure;

  void append_numbers(ColumnInfo column, const MergedNumbers& numbers);
  void append_texts(ColumnInfo column, const MergedTexts& texts);
  bool shares_exposures(const SegmentRows& segment) const;
  void share_exposures(std::size_t s);
  void write_exposures(std::size_t s);

  const AppendContext& context_;
  SegmentWriter& writer_;
  Manifest& manifest_;
  StoreAs dtype_;
  std::vector<std::unique_ptr<Exposure>> exposures_;
};

}  // namespace fractile

// Copyright The fractile authors. Licensed under the Apache License, Version 2.0.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "snapshot/merged_column.hpp"

namespace fractile {

/// How a snapshot stores its reals.
StoreAs stored_as(const SnapshotInfo& info) noexcept;

/// Writes the columns of a snapshot that is made of a parent and a new panel, each as if the snapshot were made in one go from
/// both. Files of segments without a change are shared.
class ColumnAppender {
 public:
  ColumnAppender(const AppendContext& context, SegmentWriter& writer, Manifest& manifest);
  ~ColumnAppender();
  /// `panel`: none where the panel lacks it. Exposures are gathered and written by finish(). Throws PANEL_COLUMN_TYPE where one
  /// is text and the other numbers, PANEL_INFINITE_VALUE, CORRUPT_SNAPSHOT.
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

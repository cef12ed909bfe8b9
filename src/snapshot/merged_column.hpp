// Copyright The fractile authors. Licensed under the Apache License, Version 2.0.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "snapshot/append_rows.hpp"
#include "snapshot/column_writer.hpp"
#include "snapshot/panel_reader.hpp"
#include "snapshot/parent_files.hpp"

/// A column of an append's result, merged from the parent's column and the new panel's. In the panel's rows it has the panel's
/// values, also missing ones. In all other rows, and if the panel lacks the column, it has the parent's values.
namespace fractile {

/// The data that all columns of an append share.
struct AppendContext {
  const Snapshot& parent;
  const AppendRows& rows;
  ParentFiles& files;
};

class MergedColumn {
 public:
  /// True if the segment has the values of the parent's segment of the same number.
  bool is_untouched(const SegmentRows& segment) const noexcept {
    return segment.is_kept && !(panel_ && segment.has_panel_rows());
  }
  /// Null if the parent lacks the column.
  const ColumnInfo* before() const noexcept { return before_; }
  /// Checks the parent's files against their hashes, in touched segments or in all. Throws CORRUPT_SNAPSHOT.
  void check_parent(bool in_all) const;

 protected:
  MergedColumn(const AppendContext& context, const ColumnInfo* before, std::optional<PanelColumn> panel)
      : context_(context), before_(before), panel_(std::move(panel)) {}
  const std::vector<SegmentRows>& segments() const noexcept { return context_.rows.segments; }
  bool has_security(RowIndex row) const noexcept {
    return context_.rows.index.security_of_row[static_cast<std::size_t>(row)] >= 0;
  }

  const AppendContext& context_;
  const ColumnInfo* before_;
  std::optional<PanelColumn> panel_;
};

class MergedNumbers : public MergedColumn {
 public:
  MergedNumbers(const AppendContext& context, const ColumnInfo* before, std::optional<PanelColumn> panel);
  /// By place in the segment.
  std::vector<double> read(const SegmentRows& segment) const;
  /// The traits of the whole column. A parent that stores only float32 may have rounded fractions away. Therefore a column that
  /// was not whole does not become whole while one of the parent's numbers remains.
  NumberTraits inspect(bool always_real) const;

 private:
  double in_parent(RowIndex row) const noexcept;
  void see_untouched(const SegmentRows& segment, NumberTraits& traits) const;

  RealColumn<double> wide_;
  RealColumn<float> narrow_;
  const std::int32_t* codes_ = nullptr;
};

class MergedTexts : public MergedColumn {
 public:
  /// Reads all rows to find the texts in use. A column of numbers counts as texts that are all missing.
  MergedTexts(const AppendContext& context, const ColumnInfo* before, std::optional<PanelColumn> panel);
  const std::vector<std::string>& texts() const noexcept { return texts_; }  ///< ascending, each in use
  std::int64_t missing() const noexcept { return missing_; }
  /// True if the parent's codes stand for the same texts.
  bool keeps_codes() const noexcept { return keeps_codes_; }
  /// Codes into texts(), by place in the segment.
  std::vector<std::int32_t> read(const SegmentRows& segment) const;

 private:
  /// Calls visit(row, is_panel, old_code) for each place. The code belongs to the panel's or to the parent's dictionary, or is
  /// kMissingCode.
  template <class Visit>
  void each_code(const SegmentRows& segment, Visit&& visit) const;
  std::int32_t in_parent(RowIndex row) const noexcept;
  void number_texts(const std::vector<bool>& of_parent, const std::vector<bool>& of_panel);

  const std::int32_t* codes_ = nullptr;
  std::vector<std::string> parent_texts_;
  std::vector<std::string> texts_;
  std::vector<std::int32_t> from_parent_, from_panel_;  // by old code
  std::int64_t missing_ = 0;
  bool keeps_codes_ = true;
};

}  // namespace fractile

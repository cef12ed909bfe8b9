// Copyright The fractile authors. Licensed under the Apache License, Version 2.0.
#include "snapshot/merged_column.hpp"

#include <algorithm>
#include <limits>

#include "fractile/types.hpp"
#include "snapshot/known_columns.hpp"

namespace fractile {

void MergedColumn::check_parent(bool in_all) const {
  if (!before_) return;
  // If both widths are stored, the wide one is read.
  const std::string file = files_of(*before_).back();
  const std::size_t n_parent_segments = Snapshot::Impl::of(context_.parent).manifest.segments.size();
  for (std::size_t s = 0; s < n_parent_segments; ++s)
    if (in_all || !is_untouched(segments()[s])) context_.files.check(s, file);
}

MergedNumbers::MergedNumbers(const AppendContext& context, const ColumnInfo* before, std::optional<PanelColumn> panel)
    : MergedColumn(context, before, std::move(panel)) {
  if (!before_) return;
  wide_ = context_.parent.real<double>(before_->name);
  narrow_ = context_.parent.real<float>(before_->name);
  if (before_->kind == ColumnKind::integer) codes_ = context_.parent.codes(before_->name);
}

double MergedNumbers::in_parent(RowIndex row) const noexcept {
  if (row == kNoRow) return kNaN;
  if (wide_) return wide_[row];
  if (narrow_) return narrow_[row];
  return !codes_ || codes_[row] == kMissingCode ? kNaN : codes_[row];
}

std::vector<double> MergedNumbers::read(const SegmentRows& segment) const {
  std::vector<double> out(segment.size());
  for (std::size_t i = 0; i < out.size(); ++i) {
    const RowIndex row = panel_ ? segment.panel_row_at(i) : kNoRow;
    const double x = row == kNoRow ? in_parent(segment.parent_row_at(i)) : panel_->numbers[static_cast<std::size_t>(row)];
    // All missing values have the same NaN, as in a new snapshot.
    out[i] = x == x ? x : std::numeric_limits<double>::quiet_NaN();
  }
  return out;
}

/// Adds the numbers of an untouched segment to the traits, and stops at the first number that is not whole.
void MergedNumbers::see_untouched(const SegmentRows& segment, NumberTraits& traits) const {
  for (std::size_t i = 0; i < segment.size() && traits.is_whole; ++i) {
    const double x = in_parent(segment.parent_row_at(i));
    if (x == x) traits.see(x);
  }
}

NumberTraits MergedNumbers::inspect(bool always_real) const {
  NumberTraits traits;
  // Counts over the parent's numbers in touched segments: all rows, missing ones, and those that stay.
  std::int64_t touched_rows = 0, touched_missing = 0, stay = 0;
  for (const SegmentRows& segment : segments()) {
    if (is_untouched(segment)) {
      if (!before_)
        for (RowIndex row = segment.begin; row < segment.end; ++row) traits.missing += has_security(row);
      continue;
    }
    const std::vector<double> values = read(segment);
    const auto begin = context_.rows.index.security_of_row.begin();
    traits.see(values, count_padding({begin + segment.begin, begin + segment.end}));
    for (std::size_t i = 0; before_ && i < segment.size(); ++i) {
      const RowIndex row = segment.parent_row_at(i);
      // A place of padding has no row in the parent, or a padding row.
      if (row == kNoRow || !has_security(segment.begin + static_cast<RowIndex>(i))) continue;
      const double x = in_parent(row);
      ++touched_rows;
      touched_missing += x != x;
      stay += x == x && !(panel_ && segment.panel_row_at(i) != kNoRow);
    }
  }
  if (!before_) return traits;
  const std::int64_t untouched_missing = before_->missing - touched_missing;
  traits.missing += untouched_missing;
  stay += context_.parent.n_rows() - touched_rows - untouched_missing;
  const bool is_rounded = before_->kind == ColumnKind::real && !before_->float64;
  if (is_rounded && !before_->whole && stay > 0) traits.is_whole = false;
  const bool must_look = before_->kind == ColumnKind::real && !is_rounded && (!before_->whole || !always_real);
  if (must_look)
    for (const SegmentRows& segment : segments())
      if (is_untouched(segment)) see_untouched(segment, traits);
  return traits;
}

MergedTexts::MergedTexts(const AppendContext& context, const ColumnInfo* before, std::optional<PanelColumn> panel)
    : MergedColumn(context, before, std::move(panel)) {
  if (before_ && before_->kind == ColumnKind::text) {
    codes_ = context_.parent.codes(before_->name);
    parent_texts_ = context_.parent.dictionary(before_->name);
  }
  std::vector<bool> parent_used(parent_texts_.size(), false);
  std::vector<bool> panel_used(panel_ ? panel_->texts.size() : 0, false);
  for (const SegmentRows& segment : segments())
    each_code(segment, [&](std::size_t i, bool is_panel, std::int32_t code) {
      if (code != kMissingCode)
        (is_panel ? panel_used : parent_used)[static_cast<std::size_t>(code)] = true;
      else
        missing_ += has_security(segment.begin + static_cast<RowIndex>(i));
    });
  number_texts(parent_used, panel_used);
}

std::int32_t MergedTexts::in_parent(RowIndex row) const noexcept {
  if (row == kNoRow || !codes_) return kMissingCode;
  const std::int32_t code = codes_[row];
  return static_cast<std::size_t>(code) < parent_texts_.size() ? code : kMissingCode;
}

template <class Visit>
void MergedTexts::each_code(const SegmentRows& segment, Visit&& visit) const {
  for (std::size_t i = 0; i < segment.size(); ++i) {
    const RowIndex row = panel_ ? segment.panel_row_at(i) : kNoRow;
    if (row == kNoRow)
      visit(i, false, in_parent(segment.parent_row_at(i)));
    else
      visit(i, true, panel_->is_text ? panel_->codes[static_cast<std::size_t>(row)] : kMissingCode);
  }
}

void MergedTexts::number_texts(const std::vector<bool>& of_parent, const std::vector<bool>& of_panel) {
  const auto take_used = [this](const std::vector<std::string>& texts, const std::vector<bool>& used) {
    for (std::size_t code = 0; code < texts.size(); ++code)
      if (used[code]) texts_.push_back(texts[code]);
  };
  take_used(parent_texts_, of_parent);
  if (panel_) take_used(panel_->texts, of_panel);
  std::sort(texts_.begin(), texts_.end());
  texts_.erase(std::unique(texts_.begin(), texts_.end()), texts_.end());
  const auto number = [this](const std::vector<std::string>& texts, const std::vector<bool>& used) {
    std::vector<std::int32_t> out(texts.size(), kMissingCode);
    for (std::size_t code = 0; code < texts.size(); ++code)
      if (used[code])
        out[code] = static_cast<std::int32_t>(std::lower_bound(texts_.begin(), texts_.end(), texts[code]) - texts_.begin());
    return out;
  };
  from_parent_ = number(parent_texts_, of_parent);
  if (panel_) from_panel_ = number(panel_->texts, of_panel);
  for (std::size_t code = 0; code < from_parent_.size(); ++code)
    keeps_codes_ &= !of_parent[code] || from_parent_[code] == static_cast<std::int32_t>(code);
}

std::vector<std::int32_t> MergedTexts::read(const SegmentRows& segment) const {
  std::vector<std::int32_t> out(segment.size(), kMissingCode);
  each_code(segment, [&](std::size_t i, bool is_panel, std::int32_t code) {
    if (code != kMissingCode) out[i] = (is_panel ? from_panel_ : from_parent_)[static_cast<std::size_t>(code)];
  });
  return out;
}

}  // namespace fractile

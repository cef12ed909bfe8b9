// Copyright The fractile authors. Licensed under the Apache License, Version 2.0.
#include <algorithm>
#include <map>
#include <memory>

#include "fractile/changes.hpp"
#include "snapshot/column_writer.hpp"
#include "snapshot/snapshot_impl.hpp"

namespace fractile {
namespace {

std::string describe_storage(const ColumnInfo& column) {
  if (column.kind == ColumnKind::integer) return "int32";
  if (column.kind == ColumnKind::text) return "text";
  return column.float32 && column.float64 ? "float32+float64" : column.float32 ? "float32" : "float64";
}

/// A view of a column of a snapshot by row, in any storage type.
class Values {
 public:
  Values(const Snapshot& snapshot, const ColumnInfo& column)
      : kind(column.kind),
        wide_(snapshot.real<double>(column.name)),
        narrow_(snapshot.real<float>(column.name)),
        codes_(column.kind == ColumnKind::real ? nullptr : snapshot.codes(column.name)),
        texts_(&snapshot.dictionary(column.name)) {}
  /// NaN is missing; text counts as its code.
  double number(RowIndex row) const noexcept {
    if (wide_) return wide_[row];
    if (narrow_) return narrow_[row];
    const std::int32_t found = code(row);
    return found == kMissingCode ? __builtin_nan("") : found;
  }
  /// A code without a text is missing.
  std::int32_t code(RowIndex row) const noexcept {
    if (!codes_) return kMissingCode;
    const std::int32_t found = codes_[row];
    return kind == ColumnKind::text && static_cast<std::size_t>(found) >= texts_->size() ? kMissingCode : found;
  }
  bool has(RowIndex row) const noexcept {
    const double x = number(row);
    return x == x;
  }
  bool has_all_digits() const noexcept { return wide_ || codes_; }
  const std::vector<std::string>& texts() const noexcept { return *texts_; }

  const ColumnKind kind;

 private:
  RealColumn<double> wide_;
  RealColumn<float> narrow_;
  const std::int32_t* codes_;
  const std::vector<std::string>* texts_;
};

/// The place of a trading day in a snapshot.
struct DayPlace {
  std::size_t segment;
  RowIndex offset;  ///< offset of its first row in the segment
};

std::vector<DayPlace> find_places(const Snapshot& snapshot) {
  std::vector<DayPlace> out;
  RowIndex begin = 0;
  const auto& segments = Snapshot::Impl::of(snapshot).manifest.segments;
  for (std::size_t s = 0; s < segments.size(); ++s) {
    for (std::int64_t n = 0; n < segments[s].days; ++n)
      out.push_back({s, snapshot.row_begin(static_cast<DateIndex>(out.size())) - begin});
    begin += static_cast<RowIndex>(segments[s].rows_padded);
  }
  return out;
}

/// A column that both snapshots have.
class CommonColumn {
 public:
  CommonColumn(const Snapshot& before, const ColumnInfo& a, const Snapshot& after, const ColumnInfo& b)
      : a_(before, a), b_(after, b), has_all_digits_(a_.has_all_digits() && b_.has_all_digits()) {
    change.name = a.name;
    change.stored_before = describe_storage(a);
    change.stored_after = describe_storage(b);
    for (const std::string& text : a_.texts()) {
      const auto at = std::lower_bound(b_.texts().begin(), b_.texts().end(), text);
      const bool is_there = at != b_.texts().end() && *at == text;
      code_after_.push_back(is_there ? static_cast<std::int32_t>(at - b_.texts().begin()) : kMissingCode);
    }
    // Equal codes of different dictionaries may stand for different texts.
    if (change.stored_before != change.stored_after || a_.texts() != b_.texts()) return;
    const std::string file = files_of(a).back();
    for (const auto& segment : Snapshot::Impl::of(before).manifest.segments) hashes_a_.push_back(segment.files.at(file).hash);
    for (const auto& segment : Snapshot::Impl::of(after).manifest.segments) hashes_b_.push_back(segment.files.at(file).hash);
  }
  /// True if both segments have the same file, so that a day with the same rows at the same place has the same values.
  bool is_same_file(std::size_t segment_a, std::size_t segment_b) const {
    return !hashes_a_.empty() && hashes_a_[segment_a] == hashes_b_[segment_b];
  }
  /// Compares a day's pairs of rows; marks those that differ.
  void compare(Day date, const std::vector<std::pair<RowIndex, RowIndex>>& pairs, std::vector<bool>& differs) {
    std::int64_t rows = 0;
    for (std::size_t i = 0; i < pairs.size(); ++i) {
      const auto [a, b] = pairs[i];
      if (is_equal(a, b)) continue;
      differs[i] = true;
      ++rows;
      change.filled += !a_.has(a);
      change.emptied += !b_.has(b);
    }
    change.rows += rows;
    if (rows > 0) change.by_date.emplace_back(date, rows);
  }

  ColumnChange change;

 private:
  bool is_equal(RowIndex a, RowIndex b) const noexcept {
    if (a_.kind == ColumnKind::text && b_.kind == ColumnKind::text) {
      const std::int32_t code = a_.code(a);
      return (code == kMissingCode ? code : code_after_[static_cast<std::size_t>(code)]) == b_.code(b) &&
             (code == kMissingCode) == (b_.code(b) == kMissingCode);
    }
    const double x = a_.number(a), y = b_.number(b);
    if (x != x || y != y) return x != x && y != y;
    if ((a_.kind == ColumnKind::text) != (b_.kind == ColumnKind::text)) return false;
    return has_all_digits_ ? x == y : static_cast<float>(x) == static_cast<float>(y);
  }

  Values a_, b_;
  bool has_all_digits_;
  std::vector<std::int32_t> code_after_;          // by code before
  std::vector<std::string> hashes_a_, hashes_b_;  // by segment; empty if the storage differs
};

/// The values of one ascending list that another lacks.
template <class T>
std::vector<T> subtract(std::span<const T> from, std::span<const T> what) {
  std::vector<T> out;
  std::set_difference(from.begin(), from.end(), what.begin(), what.end(), std::back_inserter(out));
  return out;
}

/// Describes a column that only one snapshot has.
ColumnChange describe_alone(const Snapshot& snapshot, const ColumnInfo& column, ColumnChange::What what) {
  ColumnChange change;
  change.name = column.name;
  change.what = what;
  (what == ColumnChange::What::added ? change.stored_after : change.stored_before) = describe_storage(column);
  const Values values(snapshot, column);
  for (DateIndex n = 0; n < static_cast<DateIndex>(snapshot.dates().size()); ++n) {
    std::int64_t rows = 0;
    for (RowIndex row = snapshot.row_begin(n); row < snapshot.row_end(n); ++row) rows += values.has(row);
    if (rows > 0) change.by_date.emplace_back(snapshot.dates()[static_cast<std::size_t>(n)], rows);
    change.rows += rows;
  }
  return change;
}

class Comparison {
 public:
  Comparison(const Snapshot& before, const Snapshot& after) : before_(before), after_(after) {
    for (const ColumnInfo& column : before.columns())
      if (const ColumnInfo* other = after.find_column(column.name))
        common_.push_back(std::make_unique<CommonColumn>(before, column, after, *other));
    // The rank of each security of the first snapshot in the second; unknown securities get an unused rank.
    if (before.id_type() != after.id_type())
      rank_after_.assign(before.security_ids().size(), kNone);
    else if (before.id_type() == IdType::text)
      rank_after_ = find_ranks(before.security_texts(), after.security_texts());
    else
      rank_after_ = find_ranks(before.security_ids(), after.security_ids());
  }

  SnapshotChanges run() {
    out_.rows_before = before_.n_rows();
    out_.rows_after = after_.n_rows();
    std::vector<bool> is_common(after_.security_ids().size(), false);
    for (std::size_t i = 0; i < rank_after_.size(); ++i)
      if (rank_after_[i] == kNone)
        out_.securities_removed.push_back(before_.security_id(static_cast<SecurityIndex>(i)));
      else
        is_common[static_cast<std::size_t>(rank_after_[i])] = true;
    for (std::size_t i = 0; i < is_common.size(); ++i)
      if (!is_common[i]) out_.securities_added.push_back(after_.security_id(static_cast<SecurityIndex>(i)));
    out_.dates_added = subtract(after_.dates(), before_.dates());
    out_.dates_removed = subtract(before_.dates(), after_.dates());
    const std::vector<DayPlace> places_before = find_places(before_), places_after = find_places(after_);
    const auto dates = after_.dates();
    std::int64_t common_rows = 0;
    for (std::size_t n = 0; n < before_.dates().size(); ++n) {
      const Day date = before_.dates()[n];
      const auto at = std::lower_bound(dates.begin(), dates.end(), date);
      if (at == dates.end() || *at != date) continue;
      const auto m = static_cast<std::size_t>(at - dates.begin());
      const bool is_same = match_rows(static_cast<DateIndex>(n), static_cast<DateIndex>(m));
      common_rows += static_cast<std::int64_t>(pairs_.size());
      compare_day(date, is_same && places_before[n].offset == places_after[m].offset, places_before[n].segment,
                  places_after[m].segment);
    }
    out_.rows_removed = out_.rows_before - common_rows;
    out_.rows_added = out_.rows_after - common_rows;
    collect_columns();
    return std::move(out_);
  }

 private:
  static constexpr SecurityIndex kNone = -1;

  /// Maps each place in the first of two ascending lists to the place in the second, or kNone.
  template <class T>
  static std::vector<SecurityIndex> find_ranks(std::span<const T> ids, std::span<const T> among) {
    std::vector<SecurityIndex> out;
    out.reserve(ids.size());
    for (const T& id : ids) {
      const auto at = std::lower_bound(among.begin(), among.end(), id);
      out.push_back(at != among.end() && *at == id ? static_cast<SecurityIndex>(at - among.begin()) : kNone);
    }
    return out;
  }
  SecurityIndex rank_before(RowIndex row) const noexcept {
    const auto security = static_cast<std::size_t>(before_.security_of_row()[static_cast<std::size_t>(row)]);
    return security < rank_after_.size() ? rank_after_[security] : kNone;
  }
  /// Pairs the common rows of one day; securities ascend. Returns true if neither snapshot has another row.
  bool match_rows(DateIndex n, DateIndex m) {
    pairs_.clear();
    RowIndex b = after_.row_begin(m);
    const RowIndex end = after_.row_end(m);
    const auto security = after_.security_of_row();
    for (RowIndex a = before_.row_begin(n); a < before_.row_end(n); ++a) {
      const SecurityIndex rank = rank_before(a);
      if (rank == kNone) continue;
      while (b < end && security[static_cast<std::size_t>(b)] < rank) ++b;
      if (b < end && security[static_cast<std::size_t>(b)] == rank) pairs_.emplace_back(a, b++);
    }
    const auto count = static_cast<RowIndex>(pairs_.size());
    return count == before_.row_end(n) - before_.row_begin(n) && count == end - after_.row_begin(m);
  }
  void compare_day(Day date, bool is_same_place, std::size_t segment_before, std::size_t segment_after) {
    differs_.assign(pairs_.size(), false);
    for (const auto& column : common_)
      if (!is_same_place || !column->is_same_file(segment_before, segment_after)) column->compare(date, pairs_, differs_);
    out_.rows_restated += std::count(differs_.begin(), differs_.end(), true);
  }
  void collect_columns() {
    for (const auto& column : common_) {
      ColumnChange& change = column->change;
      if (change.rows == 0 && change.stored_before == change.stored_after) continue;
      if (change.rows == 0) change.what = ColumnChange::What::stored;
      out_.columns.push_back(std::move(change));
    }
    for (const ColumnInfo& column : before_.columns())
      if (!after_.find_column(column.name)) out_.columns.push_back(describe_alone(before_, column, ColumnChange::What::removed));
    for (const ColumnInfo& column : after_.columns())
      if (!before_.find_column(column.name)) out_.columns.push_back(describe_alone(after_, column, ColumnChange::What::added));
  }

  const Snapshot& before_;
  const Snapshot& after_;
  SnapshotChanges out_;
  std::vector<std::unique_ptr<CommonColumn>> common_;
  std::vector<SecurityIndex> rank_after_;             // by security of the first
  std::vector<std::pair<RowIndex, RowIndex>> pairs_;  // common rows of one day
  std::vector<bool> differs_;                         // by pair
};

}  // namespace

SnapshotChanges diff_snapshots(const Snapshot& before, const Snapshot& after) {
  SnapshotChanges out;
  if (before.content_hash() == after.content_hash()) {
    out.is_equal = true;
    out.rows_before = out.rows_after = before.n_rows();
  } else {
    before.read_guarded([&] { after.read_guarded([&] { out = Comparison(before, after).run(); }); });
  }
  out.before = before.id();
  out.after = after.id();
  return out;
}

}  // namespace fractile

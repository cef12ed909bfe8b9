// Copyright The fractile authors. Licensed under the Apache License, Version 2.0.
#pragma once

#include <algorithm>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <utility>
#include <vector>

#include "engine/panel/exposure_block.hpp"
#include "fractile/backtest.hpp"
#include "fractile/config.hpp"

namespace fractile {

/// A view of a column of reals in either storage type, read as double.
struct Reals {
  const void* data = nullptr;
  std::size_t stride = 1;
  bool wide = false;  ///< doubles, else floats
  explicit operator bool() const noexcept { return data != nullptr; }
  /// Rounds a bound to the storage type, so that a value that equals the bound in the source equals it here.
  double round_bound(double bound) const noexcept { return wide ? bound : static_cast<double>(static_cast<float>(bound)); }
  double operator[](RowIndex row) const noexcept {
    const std::size_t at = static_cast<std::size_t>(row) * stride;
    return wide ? static_cast<const double*>(data)[at] : static_cast<double>(static_cast<const float*>(data)[at]);
  }
  /// Asks for a row's value, so that a later read does not wait for memory.
  void prefetch(RowIndex row) const noexcept {
    __builtin_prefetch(static_cast<const char*>(data) +
                       static_cast<std::size_t>(row) * stride * (wide ? sizeof(double) : sizeof(float)));
  }
  /// Calls visit with a function from rows to values that is made for the storage type: for loops over many rows.
  template <class Visit>
  void visit(Visit&& visit) const {
    const auto reader_of = [step = stride](const auto* values) {
      return [=](RowIndex row) { return static_cast<double>(values[static_cast<std::size_t>(row) * step]); };
    };
    if (wide)
      visit(reader_of(static_cast<const double*>(data)));
    else
      visit(reader_of(static_cast<const float*>(data)));
  }
};

/// A view of any numeric column, or of a text column's codes, read as double; missing is NaN.
struct Characteristic {
  Reals reals;
  const std::int32_t* codes = nullptr;
  double operator[](RowIndex row) const noexcept {
    if (reals) return reals[row];
    const std::int32_t code = codes[row];
    return code == kMissingCode ? __builtin_nan("") : code;
  }
  /// As Reals::visit().
  template <class Visit>
  void visit(Visit&& visit) const {
    if (reals)
      reals.visit(visit);
    else
      visit([*this](RowIndex row) { return (*this)[row]; });
  }
  explicit operator bool() const noexcept { return reals || codes; }
};

/// A category: its values, ascending, and the mapping from rows to values.
class Category {
 public:
  /// Scans the column once. Throws INVALID_BYVAR if a value is not whole or if there are too many values.
  Category(const Snapshot& snapshot, const ColumnInfo& column, const Reals& reals);
  int n_groups() const noexcept { return static_cast<int>(labels_.size()); }
  const std::string& label(int group) const { return labels_[static_cast<std::size_t>(group)]; }
  /// The group of a row; -1 if its value is missing.
  int group_of(RowIndex row) const noexcept {
    if (codes_) {
      const std::int32_t code = codes_[row];
      if (table_.empty()) return code == kMissingCode ? -1 : find(code);
      // A missing code is below all others. A code outside the table has changed on disk since the table was made.
      const auto at = static_cast<std::uint64_t>(std::int64_t{code} - lowest_);
      return at < table_.size() ? table_[at] : -1;
    }
    const double value = reals_[row];
    return value == value ? find(value) : -1;
  }
  /// Writes the groups of several rows; the group of kNoRow is missing.
  void read_groups(std::span<const RowIndex> rows, std::int32_t* out) const noexcept;

 private:
  void number_texts(const Snapshot& snapshot, const ColumnInfo& column);
  void number_codes(const Snapshot& snapshot, const ColumnInfo& column);
  int find(double value) const noexcept;
  const std::int32_t* codes_ = nullptr;
  Reals reals_;
  std::int64_t lowest_ = 0;
  std::vector<std::int32_t> table_;  // by code - lowest_; empty if codes are far apart
  std::vector<double> values_;       // ascending; used without a table
  std::vector<std::string> labels_;
};

/// The size class of each row, which gives its naive cost: 0 big (cap 1), 1 median (2), 2 small (any other, or
/// never known). It is that of the newest known cap at or before the row.
class CapClasses {
 public:
  CapClasses(const Snapshot& snapshot, const Characteristic& cap);
  std::uint8_t of(RowIndex row) const noexcept { return by_row_[static_cast<std::size_t>(row + 1)]; }

 private:
  std::vector<std::uint8_t> by_row_;  // of row -1 (no row: small), 0, 1, ...
};
inline constexpr int kNCapClasses = 3;

/// The rows of a column's missing values among the loaded days.
struct MissingRows {
  std::vector<RowIndex> rows;      ///< ascending
  std::vector<std::size_t> begin;  ///< by day from the first loaded, and one past the last
};

/// A name of a day and its signal.
struct NamedSignal {
  SecurityIndex security;
  double value;
};

/// The range of a security's rows in row_of, packed so that alignment needs one cache line.
struct SecurityRange {
  std::int32_t begin;   ///< in row_of
  DateIndex first;      ///< first trading day with a row
  std::int32_t length;  ///< last - first + 1
  std::int32_t unused;
};

class GroupedDays;
class ReturnOrder;
class UnitRates;

/// The panel of one view for all its runs: the snapshot's columns by name, and look-up tables that are
/// made once. Thread-safe.
class PanelView {
 public:
  explicit PanelView(View view);

  const View& view() const noexcept { return view_; }
  const Snapshot& snapshot() const noexcept { return *view_.snapshot; }
  DateIndex first() const noexcept { return view_.first; }
  DateIndex last() const noexcept { return view_.last; }
  int n_days() const noexcept { return view_.last - view_.first + 1; }
  Day date(DateIndex n) const noexcept { return dates_[static_cast<std::size_t>(n)]; }
  std::span<const Day> dates() const noexcept { return dates_; }
  RowIndex row_begin(DateIndex n) const noexcept { return row_begin_[static_cast<std::size_t>(n)]; }
  RowIndex row_end(DateIndex n) const noexcept { return row_end_[static_cast<std::size_t>(n)]; }

  /// First trading day on or after `day`; n_dates() if there is none.
  DateIndex on_or_after(Day day) const noexcept;
  /// First trading day after `day`, which may be any day; n_dates() if there is none.
  DateIndex after(Day day) const noexcept { return day >= dates_.back() ? n_dates() : on_or_after(day + 1); }
  DateIndex n_dates() const noexcept { return static_cast<DateIndex>(dates_.size()); }
  /// Trading day of a row. O(log days).
  DateIndex day_of_row(RowIndex row) const noexcept;

  /// The security with an integer id; -1 if the id is unknown.
  SecurityIndex find_security(std::int64_t id) const noexcept {
    const std::uint64_t at = static_cast<std::uint64_t>(id) - static_cast<std::uint64_t>(lowest_id_);
    if (!dense_ids_.empty()) return at < dense_ids_.size() ? dense_ids_[at] : -1;
    return find_sparse(id);
  }
  const std::vector<SecurityRange>& ranges() const noexcept { return ranges_; }
  // Opening a snapshot does not check the row data of the index, and it reads as zero if its file was cut since. For any content
  // the three functions below return a row or a security that exists, and walks from row to previous row end.
  /// The row of a place in row_of, or kNoRow.
  RowIndex row_at(std::int32_t place) const noexcept {
    const RowIndex row = row_of_[place];
    return static_cast<std::uint32_t>(row) < static_cast<std::uint32_t>(n_rows_) ? row : kNoRow;
  }
  /// The security to whose range a place belongs. O(log securities).
  SecurityIndex security_of_place(std::int32_t place) const noexcept {
    const auto behind = std::upper_bound(ranges_.begin(), ranges_.end(), place,
                                         [](std::int32_t at, const SecurityRange& range) { return at < range.begin; });
    return static_cast<SecurityIndex>(std::max<std::ptrdiff_t>(behind - ranges_.begin() - 1, 0));
  }
  /// The same security's row before this one, or kNoRow.
  RowIndex previous_row(RowIndex row) const noexcept {
    const RowIndex before = previous_row_[row];
    return static_cast<std::uint32_t>(before) < static_cast<std::uint32_t>(row) ? before : kNoRow;
  }
  SecurityIndex security_of_row(RowIndex row) const noexcept {
    const SecurityIndex security = security_of_row_[row];
    return static_cast<std::uint32_t>(security) < ranges_.size() ? security : 0;
  }
  /// Prefetches what security_of_row() will read.
  void prefetch_security(RowIndex row) const noexcept { __builtin_prefetch(security_of_row_ + row, 0, 2); }
  /// Prefetches the data that row_at() will read; negative places are allowed.
  void prefetch_row(std::int32_t place) const noexcept { __builtin_prefetch(row_of_ + std::max(place, 0)); }
  /// The security's row on a day, or kNoRow.
  RowIndex find_row(SecurityIndex security, DateIndex n) const noexcept {
    const SecurityRange& range = ranges_[static_cast<std::size_t>(security)];
    const auto offset = static_cast<std::uint32_t>(n - range.first);
    return offset < static_cast<std::uint32_t>(range.length) ? row_at(range.begin + static_cast<std::int32_t>(offset)) : kNoRow;
  }

  /// Empty if the snapshot lacks the column.
  Reals reals(std::string_view name) const;
  Characteristic characteristic(std::string_view name) const;
  /// A column of numbers of either kind; empty if the snapshot lacks it. Throws INVALID_VALUE if it is text: `option` reads it.
  Characteristic number(std::string_view name, std::string_view option) const;
  ExposureBlock exposure_block() const;
  /// Made on first use, then cached.
  std::shared_ptr<const Category> category(const std::string& name) const;
  std::shared_ptr<const GroupedDays> grouped_days(const std::string& category_name, CharacteristicsAsof asof) const;
  std::shared_ptr<const CapClasses> cap_classes() const;
  /// A bit per row, which `find` computes on first use for a mode of residuals.
  std::shared_ptr<const std::vector<std::uint64_t>> complete_rows(Resid resid,
                                                                  const std::function<std::vector<std::uint64_t>()>& find) const;
  /// The same for rows that an option marks; `key` names option and rule. The newest few are cached.
  std::shared_ptr<const std::vector<std::uint64_t>> marked_rows(const std::string& key,
                                                                const std::function<std::vector<std::uint64_t>()>& find) const;
  /// `name`: ret or openret. ReturnOrder::of() makes it on first use.
  std::shared_ptr<const ReturnOrder> return_order(const std::string& name,
                                                  const std::function<std::shared_ptr<const ReturnOrder>()>& make) const;
  /// UnitRates::of() makes them on first use. The cache has the newest alpha.
  std::shared_ptr<const UnitRates> unit_rates(double alpha, const std::function<std::shared_ptr<const UnitRates>()>& make) const;
  /// `name`: ret or openret.
  std::shared_ptr<const MissingRows> missing_rows(const std::string& name) const;
  /// Throws MISSING_PANEL_COLUMN if the snapshot lacks the column; `why` names the option that needs it.
  const ColumnInfo& require(std::string_view name, std::string_view why) const;

 private:
  template <class Key, class Made, class Make>
  std::shared_ptr<const Made> find_or_make(std::map<Key, std::shared_ptr<const Made>>& made, const Key& key,
                                           const Make& make) const;
  SecurityIndex find_sparse(std::int64_t id) const noexcept;

  View view_;
  std::span<const Day> dates_;
  std::vector<RowIndex> row_begin_, row_end_;  // by trading day
  std::vector<DateIndex> on_or_after_;         // by calendar day from dates_[0]
  std::int64_t lowest_id_ = 0;
  std::vector<SecurityIndex> dense_ids_;
  std::vector<SecurityRange> ranges_;
  RowIndex n_rows_ = 0;  // padding included
  const RowIndex* row_of_ = nullptr;
  const RowIndex* previous_row_ = nullptr;
  const SecurityIndex* security_of_row_ = nullptr;
  mutable std::mutex mutex_;
  // Caches, filled on first use; guarded by mutex_.
  mutable std::map<std::string, std::shared_ptr<const Category>> categories_;
  mutable std::map<std::pair<std::string, CharacteristicsAsof>, std::shared_ptr<const GroupedDays>> grouped_days_;
  mutable std::map<std::string, std::shared_ptr<const ReturnOrder>> return_orders_;
  mutable std::map<std::string, std::shared_ptr<const MissingRows>> missing_;
  mutable std::map<Resid, std::shared_ptr<const std::vector<std::uint64_t>>> complete_;
  mutable std::vector<std::pair<std::string, std::shared_ptr<const std::vector<std::uint64_t>>>> marked_;  // newest last
  mutable std::shared_ptr<const CapClasses> cap_classes_;
  mutable std::pair<double, std::shared_ptr<const UnitRates>> unit_rates_;  // by alpha
};

inline constexpr std::int64_t kMaxGroups = 20000;

}  // namespace fractile

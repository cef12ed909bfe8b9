// Copyright The fractile authors. Licensed under the Apache License, Version 2.0.
#pragma once

#include <algorithm>
#include <limits>
#include <span>

#include "engine/panel/panel_view.hpp"
#include "fractile/config.hpp"

namespace fractile {

/// Maximum age in calendar days of a characteristic on the day before the trade; an older one is missing (methodology section 1).
inline constexpr Day kMaxAgeDays = 5;

/// The as-of rule of methodology section 1: which panel row gives the characteristics of a return day.
///
/// ReturnDays decides the return day of a signal row. ExposureRows finds the newest exposures at its date_sig, for residuals.
/// All code that decides a weight, a cost or a group uses this class, so that it reads no number that the trade could not know.
class AsOf {
 public:
  AsOf(const PanelView& panel, CharacteristicsAsof rule) noexcept
      : panel_(panel), on_return_day_(rule == CharacteristicsAsof::return_day) {}
  AsOf(const PanelView& panel, const RunConfig& config) noexcept : AsOf(panel, config.characteristics_asof) {}

  bool on_return_day() const noexcept { return on_return_day_; }

  /// `row`: the name's row of return day n. kNoRow if no row is recent enough.
  RowIndex find_row(RowIndex row, DateIndex n) const noexcept {
    return on_return_day_ ? row : if_recent(panel_.previous_row(row), n);
  }
  /// The same for several names.
  void find_rows(std::span<const RowIndex> rows, DateIndex n, RowIndex* out) const noexcept {
    find_rows(rows, [&](std::size_t i) { return panel_.previous_row(rows[i]); }, n, out);
  }
  /// The same if the caller knows the names' rows before `rows`: previous_of(i).
  template <class PreviousOf>
  void find_rows(std::span<const RowIndex> rows, PreviousOf&& previous_of, DateIndex n, RowIndex* out) const noexcept {
    if (on_return_day_) {
      std::copy(rows.begin(), rows.end(), out);
      return;
    }
    // In a register: the compiler cannot know that no store changes the first row of the day before.
    const RowIndex day_before = n > 0 ? panel_.row_begin(n - 1) : std::numeric_limits<RowIndex>::max();
    for (std::size_t i = 0; i < rows.size(); ++i) {
      const RowIndex previous = previous_of(i);
      out[i] = previous >= day_before ? previous : if_recent(previous, n);
    }
  }
  /// The same if the caller knows the name's row before `row`.
  RowIndex find_row(RowIndex row, RowIndex previous, DateIndex n) const noexcept {
    return on_return_day_ ? row : if_recent(previous, n);
  }
  /// The newest row that the trade knows, of any age (costs search back from it); kNoRow if there is none.
  RowIndex newest_row(RowIndex row, RowIndex previous) const noexcept { return on_return_day_ ? row : previous; }
  /// The same for a name without a known row on n, last held on row `last` of an earlier day.
  RowIndex newest_row_of_leaver(RowIndex last, DateIndex n) const noexcept {
    if (!on_return_day_) return last;
    const RowIndex row = panel_.find_row(panel_.security_of_row(last), n);
    return row == kNoRow ? last : row;
  }

 private:
  /// Returns `before` if it is up to kMaxAgeDays older than day n-1, else kNoRow.
  RowIndex if_recent(RowIndex before, DateIndex n) const noexcept {
    if (n > 0 && before >= panel_.row_begin(n - 1)) return before;
    return before < 0 ? kNoRow : if_recent_slow(before, n);
  }
  RowIndex if_recent_slow(RowIndex before, DateIndex n) const noexcept;

  const PanelView& panel_;
  bool on_return_day_;
};

}  // namespace fractile

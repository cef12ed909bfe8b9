// Copyright The fractile authors. Licensed under the Apache License, Version 2.0.
#pragma once

#include <cstdint>
#include <vector>

#include "engine/align/signal_dates.hpp"
#include "engine/panel/panel_view.hpp"

/// Return days: from the dates of a row to its return day, methodology section 2, rules 1 to 6.
namespace fractile {

/// The findings of rule 4 and rule 6 about a row.
struct Judgement {
  bool rolled = false;
  bool impossible = false;
  bool before_avail = false;
};

/// The dates of one row; kMissingDay and kMissingTime if it has none.
struct RowDates {
  Day sig = kMissingDay;
  std::int64_t avail_micros = kMissingTime;
  Day given = kMissingDay;  ///< date_ret, or date_openret with from_open
};

/// Derives return days for one run. Immutable once made.
class ReturnDays {
 public:
  static constexpr DateIndex kNever = -1, kTooEarly = -2;
  ReturnDays(const PanelView& panel, bool from_open, int lag);

  /// R of a row with only date_sig; below 0 if R is outside the loaded dates: kTooEarly, if a longer lag would put it inside.
  DateIndex from_date_sig(Day sig) const noexcept {
    const auto at = static_cast<std::uint32_t>(sig) - static_cast<std::uint32_t>(first_date_);
    return at < from_sig_.size() ? from_sig_[at] : kNever;
  }
  /// The same of any row.
  DateIndex resolve(const RowDates& dates, Judgement& judgement) const noexcept;

 private:
  /// n, kTooEarly or kNever.
  DateIndex if_loaded(std::int64_t n) const noexcept;
  /// T by rule 2; n_dates() if T is beyond the calendar.
  DateIndex trade_day(Day avail, std::int64_t time_of_day) const noexcept;
  bool is_trading_day(Day day) const noexcept;

  const PanelView& panel_;
  bool from_open_;
  int lag_;
  Day first_date_;
  std::vector<DateIndex> from_sig_;  // by calendar day from first_date_
};

}  // namespace fractile

// Copyright The fractile authors. Licensed under the Apache License, Version 2.0.
#include "engine/align/return_day.hpp"

#include "fractile/data_report.hpp"

namespace fractile {
namespace {

constexpr std::int64_t kMicrosPerHour = kMicrosPerDay / 24;
constexpr std::int64_t kOpenTime = 9 * kMicrosPerHour;
constexpr std::int64_t kCloseTime = 16 * kMicrosPerHour;

/// Rule 1: the trade day of a row without date_avail; n_dates() if it is beyond the calendar. At the close of a period longer
/// than a day, the date of the period itself is the trade day, because the literature forms portfolios in this way.
DateIndex default_trade_day(const PanelView& panel, bool from_open, Day sig) noexcept {
  const Frequency frequency = data_report(panel.snapshot()).periodicity.frequency;
  if (frequency == Frequency::daily || from_open) return panel.after(sig);
  const DateIndex n = panel.on_or_after(sig);
  if (n == 0 || frequency == Frequency::weekly || frequency == Frequency::irregular) return n;
  // A date after the last trading day of its month, quarter or year belongs to that period, not to the next.
  const Day period = period_of(sig, frequency);
  const bool is_of_next = n >= panel.n_dates() || period_of(panel.date(n), frequency) != period;
  return is_of_next && period_of(panel.date(n - 1), frequency) == period ? n - 1 : n;
}

}  // namespace

ReturnDays::ReturnDays(const PanelView& panel, bool from_open, int lag)
    : panel_(panel), from_open_(from_open), lag_(lag), first_date_(panel.dates().front()) {
  const Day n_calendar = panel.dates().back() - first_date_ + 1;
  from_sig_.resize(static_cast<std::size_t>(n_calendar));
  for (Day c = 0; c < n_calendar; ++c) {
    const std::int64_t n = std::int64_t{default_trade_day(panel, from_open, first_date_ + c)} + (from_open ? 0 : 1) + lag;
    from_sig_[static_cast<std::size_t>(c)] = if_loaded(n);
  }
}

DateIndex ReturnDays::if_loaded(std::int64_t n) const noexcept {
  return n < panel_.first() ? kTooEarly : n > panel_.last() ? kNever : static_cast<DateIndex>(n);
}

bool ReturnDays::is_trading_day(Day day) const noexcept {
  const DateIndex n = panel_.on_or_after(day);
  return n < panel_.n_dates() && panel_.date(n) == day;
}

DateIndex ReturnDays::trade_day(Day avail, std::int64_t time_of_day) const noexcept {
  const DateIndex n = panel_.on_or_after(avail);
  const bool late = time_of_day >= (from_open_ ? kOpenTime : kCloseTime);
  return late && is_trading_day(avail) ? n + 1 : n;
}

DateIndex ReturnDays::resolve(const RowDates& dates, Judgement& judgement) const noexcept {
  judgement = {};
  const bool has_avail = dates.avail_micros != kMissingTime;
  const Day avail = has_avail ? clamp_day(floor_divide(dates.avail_micros, kMicrosPerDay)) : kMissingDay;
  const std::int64_t time_of_day = has_avail ? floor_remainder(dates.avail_micros, kMicrosPerDay) : std::int64_t{0};
  judgement.impossible = has_avail && avail < dates.sig;

  const DateIndex trade = has_avail ? trade_day(avail, time_of_day) : default_trade_day(panel_, from_open_, dates.sig);
  const bool is_given = dates.given != kMissingDay;
  const Day fixed_by = is_given ? dates.given : has_avail ? avail : dates.sig;
  if (fixed_by < first_date_) return kNever;
  std::int64_t n = 0;
  if (is_given) {
    n = panel_.on_or_after(dates.given);
    judgement.rolled = n < panel_.n_dates() && panel_.date(static_cast<DateIndex>(n)) != dates.given;
  } else {
    n = std::int64_t{trade} + (from_open_ ? 0 : 1);
  }
  if (n >= panel_.n_dates()) return kNever;
  n += lag_;
  if (n >= panel_.n_dates()) return kNever;

  const auto r = static_cast<DateIndex>(n);
  const Day date = panel_.date(r);
  if (date < dates.sig) judgement.impossible = true;
  if (date == dates.sig) {
    const bool before_open = from_open_ && avail == date && time_of_day > 0 && time_of_day < kOpenTime;
    if (!before_open) judgement.impossible = true;
  }
  if (is_given && has_avail) judgement.before_avail = trade > (from_open_ ? r : r - 1);
  return if_loaded(r);
}

}  // namespace fractile

// Copyright The fractile authors. Licensed under the Apache License, Version 2.0.
#include "audit/signal_rows.hpp"

#include <algorithm>
#include <cmath>

#include "engine/align/key_resolver.hpp"
#include "fractile/data_report.hpp"
#include "fractile/types.hpp"
#include "parallel/workers.hpp"
#include "types/row_blocks.hpp"

namespace fractile::audit {
namespace {

/// The newest trading day on or before each calendar day.
class NewestDays {
 public:
  explicit NewestDays(const PanelView& panel) : first_(panel.dates().front()) {
    const Day n_days = panel.dates().back() - first_ + 1;
    newest_.resize(static_cast<std::size_t>(n_days));
    for (Day c = 0; c < n_days; ++c) {
      const DateIndex n = panel.on_or_after(first_ + c);
      newest_[static_cast<std::size_t>(c)] = panel.date(n) == first_ + c ? n : n - 1;
    }
  }
  bool is_before(Day day) const noexcept { return day < first_; }
  /// -1 if the day is outside the calendar.
  DateIndex of(Day day) const noexcept {
    const auto at = static_cast<std::uint32_t>(day) - static_cast<std::uint32_t>(first_);
    return at < newest_.size() ? newest_[at] : -1;
  }

 private:
  Day first_;
  std::vector<DateIndex> newest_;
};

/// The findings of one thread.
struct Part {
  CauseCount impossible, before_avail, on_closed_days, before_first_row, infinite;
  std::int64_t rows = 0, rows_with_return_day = 0, rows_with_unknown_eve = 0;
  std::vector<std::uint8_t> is_backfilled;  // by security
  KeyBlock keys;
};

/// The number of the return day in the profile: k counts from date_sig, from the trade day of date_avail, or from a given
/// return day.
int first_k_of(const PanelView& panel, const RunConfig& config, bool has_avail, bool has_given) {
  if (has_given) return 0;
  const int from_trade_day = config.from_open ? 0 : 1;
  if (has_avail) return from_trade_day;
  const bool is_daily = data_report(panel.snapshot()).periodicity.frequency == Frequency::daily;
  return from_trade_day + (is_daily || config.from_open ? 1 : 0);
}

/// The optional dates that a signal has.
struct KeyDates {
  bool avail, given;
};

/// Judges signal rows one by one, and finds their panel rows by date_sig. One object serves all threads.
class RowJudge {
 public:
  RowJudge(const PanelView& panel, const SignalKeys& keys, const double* values, const RunConfig& config, const KeyDates& has)
      : panel_(panel),
        values_(values),
        has_(has),
        securities_(panel, keys.security_id, keys.n_rows),
        traded_(panel, config.from_open, config.lag),
        earliest_(panel, config.from_open, 0),
        days_(panel),
        first_day_(panel.snapshot().first_day()) {}

  /// Returns the panel row of row `row`, which is number i of the block in part.keys; kNoRow if it has none.
  RowIndex judge(std::int64_t row, std::size_t i, Part& part, std::vector<std::int64_t>& impossible) const {
    const Day sig = part.keys.sig[i];
    const SecurityIndex security = securities_.of_row(row);
    if (security == SecurityKeys::kMissing || sig == kMissingDay) return kNoRow;
    const RowDates dates{sig, has_.avail ? part.keys.avail[i] : kMissingTime, has_.given ? part.keys.given[i] : kMissingDay};
    if (has_.avail || has_.given) {
      Judgement judgement;
      traded_.resolve(dates, judgement);
      if (judgement.before_avail) part.before_avail.add(row);
      if (judgement.impossible) {
        part.impossible.add(row);
        impossible.push_back(row);
        return kNoRow;
      }
    }
    const double value = values_[row];
    if (value != value) return kNoRow;
    if (std::isinf(value)) part.infinite.add(row);
    ++part.rows;
    const DateIndex day = days_.of(sig);
    if (day >= 0 && panel_.date(day) != sig) part.on_closed_days.add(row);
    Judgement unused;
    const DateIndex r = has_.avail || has_.given ? earliest_.resolve(dates, unused) : earliest_.from_date_sig(sig);
    if (r >= 0) {
      ++part.rows_with_return_day;
      part.rows_with_unknown_eve += r > 0 && panel_.date(r - 1) > sig;
    }
    if (security < 0) return kNoRow;
    const DateIndex first = first_day_[static_cast<std::size_t>(security)];
    if (first > 0 && (day >= 0 ? day < first : days_.is_before(sig))) {
      part.before_first_row.add(row);
      part.is_backfilled[static_cast<std::size_t>(security)] = 1;
    }
    return day >= 0 ? panel_.find_row(security, day) : kNoRow;
  }

 private:
  const PanelView& panel_;
  const double* values_;
  KeyDates has_;
  SecurityKeys securities_;
  ReturnDays traded_, earliest_;
  NewestDays days_;
  std::span<const DateIndex> first_day_;
};

/// Marks the impossible rows in a copy of date_sig, so that the further checks go on without them.
void blank_dates(const SignalKeys& keys, const std::vector<std::vector<std::int64_t>>& impossible_rows, SignalRows& out) {
  out.possible_date_sig.resize(static_cast<std::size_t>(keys.n_rows));
  read_signal_days(keys.date_sig, 0, keys.n_rows, out.possible_date_sig.data());
  for (const auto& rows : impossible_rows)
    for (const std::int64_t row : rows) out.possible_date_sig[static_cast<std::size_t>(row)] = kMissingDay;
}

/// Adds up the counts of all threads. Throws if a row has a value or a date that a run refuses too.
void merge_parts(const std::vector<Part>& parts, const PanelView& panel, const SignalKeys& keys, const RunConfig& config,
                 SignalRows& out) {
  AlignCounts refused;
  std::vector<std::uint8_t> is_backfilled(panel.ranges().size());
  for (const Part& part : parts) {
    out.impossible.merge(part.impossible);
    out.before_avail.merge(part.before_avail);
    out.on_closed_days.merge(part.on_closed_days);
    out.before_first_row.merge(part.before_first_row);
    refused.infinite.merge(part.infinite);
    out.rows += part.rows;
    out.rows_with_return_day += part.rows_with_return_day;
    out.rows_with_unknown_eve += part.rows_with_unknown_eve;
    for (std::size_t s = 0; s < part.is_backfilled.size(); ++s) is_backfilled[s] |= part.is_backfilled[s];
  }
  refuse_bad_rows(refused, keys, panel.snapshot().id_type(), config);
  out.names_before_first_row = std::count(is_backfilled.begin(), is_backfilled.end(), std::uint8_t{1});
}

/// Fills by_panel_row and signal_row. The last of several rows for one place wins: each thread reads all rows in input order,
/// and writes those of its own part of the panel.
void place_values(const PanelView& panel, const double* values, const HugeArray<RowIndex>& panel_row, std::int64_t n_rows,
                  bool with_rows, int threads, SignalRows& out) {
  const auto n_panel_rows = static_cast<std::size_t>(panel.snapshot().row_capacity());
  out.by_panel_row.reserve(n_panel_rows);
  if (with_rows) out.signal_row.reserve(n_panel_rows);
  const auto n_parts = static_cast<std::size_t>(threads);
  parallel_for(threads, threads, [&](int task, int) {
    const auto part = static_cast<std::size_t>(task);
    const std::size_t begin = n_panel_rows * part / n_parts, end = n_panel_rows * (part + 1) / n_parts;
    std::fill(out.by_panel_row.data() + begin, out.by_panel_row.data() + end, kNaN);
    for (std::size_t i = 0; i < static_cast<std::size_t>(n_rows); ++i) {
      const auto row = static_cast<std::size_t>(panel_row[i]);  // kNoRow is beyond all parts
      if (row < begin || row >= end) continue;
      out.by_panel_row[row] = values[i] + 0.0;  // -0 is 0
      if (with_rows) out.signal_row[row] = static_cast<std::uint32_t>(i);
    }
  });
}

}  // namespace

SignalKeys SignalRows::possible(const SignalKeys& keys) const {
  SignalKeys out = keys;
  if (!possible_date_sig.empty()) out.date_sig = {possible_date_sig.data(), DateUnit::day};
  return out;
}

SignalRows read_signal_rows(const PanelView& panel, const SignalKeys& keys, const double* values, const RunConfig& config,
                            bool with_rows, int threads, const std::function<void()>& poll) {
  const DateColumn given = config.from_open ? keys.date_openret : keys.date_ret;
  const bool has_avail = !is_all_missing(keys.date_avail, keys.n_rows), has_given = !is_all_missing(given, keys.n_rows);
  const KeyResolver resolver(panel, keys, config);
  const RowJudge judge(panel, keys, values, config, {has_avail, has_given});
  const auto n_rows = static_cast<std::size_t>(keys.n_rows);

  SignalRows out;
  out.first_k = first_k_of(panel, config, has_avail, has_given);
  HugeArray<RowIndex> panel_row;  // by signal row
  panel_row.reserve(n_rows);
  std::vector<Part> parts(static_cast<std::size_t>(threads));
  std::vector<std::vector<std::int64_t>> impossible_rows(static_cast<std::size_t>(count_blocks(keys.n_rows)));
  parallel_for(
      threads, count_blocks(keys.n_rows),
      [&](int task, int slot) {
        Part& part = parts[static_cast<std::size_t>(slot)];
        part.is_backfilled.resize(panel.ranges().size());
        const std::int64_t begin = task * kBlockRows, count = std::min(kBlockRows, keys.n_rows - begin);
        resolver.read(begin, count, part.keys);
        for (std::int64_t i = 0; i < count; ++i)
          panel_row[static_cast<std::size_t>(begin + i)] =
              judge.judge(begin + i, static_cast<std::size_t>(i), part, impossible_rows[static_cast<std::size_t>(task)]);
      },
      poll);

  merge_parts(parts, panel, keys, config, out);
  if (out.impossible.count > 0) blank_dates(keys, impossible_rows, out);
  place_values(panel, values, panel_row, keys.n_rows, with_rows, threads, out);
  return out;
}

}  // namespace fractile::audit

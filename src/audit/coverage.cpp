// Copyright The fractile authors. Licensed under the Apache License, Version 2.0.
#include "audit/coverage.hpp"

#include <vector>

#include "fractile/types.hpp"
#include "parallel/workers.hpp"

namespace fractile::audit {
namespace {

double share(std::int64_t part, std::int64_t whole) {
  return whole > 0 ? static_cast<double>(part) / static_cast<double>(whole) : kNaN;
}

/// How often signals of names repeat from one day to the next, in a chunk of days.
struct Repeats {
  std::vector<double> first, last;  // values of each security in the chunk; NaN if it has none
  std::int64_t values = 0, repeated = 0;

  void add(double before, double value) noexcept {
    values += before == before;
    repeated += before == value;
  }
};

/// Rows of two kinds, and those of them that have a signal.
struct RowCount {
  std::int64_t of[2] = {0, 0}, with[2] = {0, 0};

  void add(std::size_t kind, bool has_signal) noexcept {
    ++of[kind];
    with[kind] += has_signal;
  }
  void merge(const RowCount& other) noexcept {
    for (std::size_t kind = 0; kind < 2; ++kind) {
      of[kind] += other.of[kind];
      with[kind] += other.with[kind];
    }
  }
};

constexpr std::size_t kOther = 0, kLeaver = 1;  // kinds of names
constexpr std::size_t kEarlier = 0, kLast = 1;  // parts of a leaver's life

class CoverageCount {
 public:
  CoverageCount(const PanelView& panel, const SignalRows& rows, const EligibilityMask& closed, int threads,
                const std::function<void()>& poll)
      : panel_(panel),
        rows_(rows),
        closed_(closed),
        threads_(threads),
        poll_(poll),
        n_names_(panel.ranges().size()),
        is_leaver_(n_names_),
        days_(static_cast<std::size_t>(panel.n_days())) {
    for (std::size_t s = 0; s < n_names_; ++s)
      is_leaver_[s] = panel.ranges()[s].first + panel.ranges()[s].length < panel.n_dates();
  }

  Coverage count() {
    Coverage out{0, kNaN, kNaN, kNaN, kNaN};
    compare_days(out);
    compare_lives(out);
    return out;
  }

 private:
  double value(RowIndex row) const noexcept { return rows_.by_panel_row[static_cast<std::size_t>(row)]; }
  bool has_signal(RowIndex row) const noexcept { return value(row) == value(row); }
  bool is_open(RowIndex row) const noexcept { return closed_.state(row) != RowState::outside_universe; }
  std::size_t security_of(RowIndex row) const noexcept { return static_cast<std::size_t>(panel_.security_of_row(row)); }

  /// body(first, one past the last, task) of equal parts of `n`.
  template <class Body>
  void for_parts(std::size_t n, std::size_t n_parts, const Body& body) const {
    parallel_for(
        threads_, static_cast<int>(n_parts),
        [&](int task, int) {
          const auto part = static_cast<std::size_t>(task);
          body(n * part / n_parts, n * (part + 1) / n_parts, part);
        },
        poll_);
  }

  void count_day(std::size_t day, Repeats& repeats, std::vector<std::uint8_t>& is_met) {
    const DateIndex n = panel_.first() + static_cast<DateIndex>(day);
    RowCount& count = days_[day];
    RowIndex row = panel_.row_begin(n);
    const RowIndex end = panel_.row_end(n);
    // A day without a signal meets no name.
    while (row < end && !(is_open(row) && has_signal(row))) ++row;
    const bool has_rows = row < end;
    for (row = panel_.row_begin(n); row < end; ++row) {
      if (!is_open(row)) continue;
      const std::size_t security = security_of(row);
      const double x = value(row);
      count.add(is_leaver_[security], x == x);
      is_met[security] |= has_rows;
      if (x != x) continue;
      double& last = repeats.last[security];
      repeats.add(last, x);
      if (last != last) repeats.first[security] = x;
      last = x;
    }
  }

  /// Day by day: leavers against others; and values that repeat.
  void compare_days(Coverage& out) {
    const auto n_parts = static_cast<std::size_t>(threads_);
    std::vector<Repeats> parts(n_parts);
    std::vector<std::vector<std::uint8_t>> is_met(n_parts);
    for_parts(days_.size(), n_parts, [&](std::size_t begin, std::size_t end, std::size_t part) {
      parts[part].first.assign(n_names_, kNaN);
      parts[part].last.assign(n_names_, kNaN);
      is_met[part].assign(n_names_, 0);
      for (std::size_t day = begin; day < end; ++day) count_day(day, parts[part], is_met[part]);
    });
    for (std::size_t s = 0; s < n_names_; ++s) {
      double before = kNaN;
      std::uint8_t is_met_once = 0;
      for (std::size_t part = 0; part < n_parts; ++part) {
        is_met_once |= is_met[part][s];
        if (parts[part].first[s] != parts[part].first[s]) continue;
        parts[0].add(before, parts[part].first[s]);
        before = parts[part].last[s];
      }
      out.leavers += is_met_once & is_leaver_[s];
    }
    for (const Repeats& part : parts) {
      out.values += part.values;
      out.repeated += part.repeated;
    }
    average_days(out);
  }

  void average_days(Coverage& out) const {
    double leavers = 0.0, others = 0.0;
    std::int64_t n_days = 0;
    for (std::size_t day = 0; day < days_.size(); ++day) {
      const RowCount& count = days_[day];
      if (!has_rows(day) || count.of[kOther] == 0 || count.of[kLeaver] == 0) continue;
      ++n_days;
      leavers += share(count.with[kLeaver], count.of[kLeaver]);
      others += share(count.with[kOther], count.of[kOther]);
    }
    if (n_days == 0) return;
    out.leavers_share = leavers / static_cast<double>(n_days);
    out.others_share = others / static_cast<double>(n_days);
  }

  /// Adds the life of a leaver, given as its days and rows.
  void count_life(const std::vector<std::pair<DateIndex, RowIndex>>& life, RowCount& count) const {
    const auto n = static_cast<std::int64_t>(life.size());
    if (n < kMinLife) return;
    for (std::int64_t i = 0; i < n; ++i) {
      const auto [day, row] = life[static_cast<std::size_t>(i)];
      const bool is_loaded = day >= panel_.first() && day <= panel_.last();
      if (!is_loaded || !has_rows(static_cast<std::size_t>(day - panel_.first())) || !is_open(row)) continue;
      count.add(i >= n - kLastPeriods ? kLast : kEarlier, has_signal(row));
    }
  }

  /// The end of a leaver's life against what was before it, all leavers together.
  void compare_lives(Coverage& out) const {
    std::vector<RowCount> parts(static_cast<std::size_t>(threads_));
    for_parts(n_names_, parts.size(), [&](std::size_t begin, std::size_t end, std::size_t part) {
      std::vector<std::pair<DateIndex, RowIndex>> life;
      for (std::size_t s = begin; s < end; ++s) {
        if (is_leaver_[s] == 0) continue;
        const SecurityRange& range = panel_.ranges()[s];
        life.clear();
        for (std::int32_t i = 0; i < range.length; ++i) {
          const RowIndex row = panel_.row_at(range.begin + i);
          if (row != kNoRow) life.emplace_back(range.first + i, row);
        }
        count_life(life, parts[part]);
      }
    });
    RowCount all;
    for (const RowCount& part : parts) all.merge(part);
    out.earlier_share = share(all.with[kEarlier], all.of[kEarlier]);
    out.last_share = share(all.with[kLast], all.of[kLast]);
  }

  bool has_rows(std::size_t day) const noexcept { return days_[day].with[kOther] + days_[day].with[kLeaver] > 0; }

  const PanelView& panel_;
  const SignalRows& rows_;
  const EligibilityMask& closed_;
  int threads_;
  const std::function<void()>& poll_;
  std::size_t n_names_;
  std::vector<std::uint8_t> is_leaver_;  // by security
  std::vector<RowCount> days_;           // others and leavers, by loaded day
};

}  // namespace

Coverage measure_coverage(const PanelView& panel, const SignalRows& rows, const EligibilityMask& closed, int threads,
                          const std::function<void()>& poll) {
  return CoverageCount(panel, rows, closed, threads, poll).count();
}

}  // namespace fractile::audit

// Copyright The fractile authors. Licensed under the Apache License, Version 2.0.
#include "audit/coverage.hpp"

#include <vector>

#include "fractile/types.hpp"

namespace fractile::audit {
namespace {

double share(std::int64_t part, std::int64_t whole) {
  return whole > 0 ? static_cast<double>(part) / static_cast<double>(whole) : kNaN;
}

class CoverageCount {
 public:
  CoverageCount(const PanelView& panel, const SignalRows& rows, const EligibilityMask& closed)
      : panel_(panel), rows_(rows), closed_(closed), has_rows_(static_cast<std::size_t>(panel.n_days())) {}

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
  bool is_leaver(SecurityIndex security) const noexcept {
    const SecurityRange& range = panel_.ranges()[static_cast<std::size_t>(security)];
    return range.first + range.length < panel_.n_dates();
  }

  /// Day by day: leavers against others; and values that repeat.
  void compare_days(Coverage& out) {
    const std::size_t n_names = panel_.ranges().size();
    std::vector<double> last_value(n_names, kNaN);
    std::vector<std::uint8_t> is_leaver_of(n_names), is_met(n_names);
    for (std::size_t s = 0; s < n_names; ++s) is_leaver_of[s] = is_leaver(static_cast<SecurityIndex>(s));
    double leavers = 0.0, others = 0.0;
    std::int64_t n_days = 0;
    for (DateIndex n = panel_.first(); n <= panel_.last(); ++n) {
      std::int64_t of[2] = {0, 0}, with[2] = {0, 0};  // others, leavers
      for (RowIndex row = panel_.row_begin(n); row < panel_.row_end(n); ++row) {
        if (!is_open(row)) continue;
        const auto security = static_cast<std::size_t>(panel_.security_of_row(row));
        const double x = value(row);
        const bool has = x == x;
        const std::size_t kind = is_leaver_of[security];
        ++of[kind];
        with[kind] += has;
        if (!has) continue;
        const double before = last_value[security];
        out.values += before == before;
        out.repeated += before == x;
        last_value[security] = x;
      }
      if (with[0] + with[1] == 0) continue;
      has_rows_[static_cast<std::size_t>(n - panel_.first())] = 1;
      for (RowIndex row = panel_.row_begin(n); row < panel_.row_end(n); ++row)
        if (is_open(row)) is_met[static_cast<std::size_t>(panel_.security_of_row(row))] = 1;
      if (of[0] == 0 || of[1] == 0) continue;
      ++n_days;
      leavers += share(with[1], of[1]);
      others += share(with[0], of[0]);
    }
    for (std::size_t s = 0; s < n_names; ++s) out.leavers += is_met[s] && is_leaver_of[s];
    if (n_days == 0) return;
    out.leavers_share = leavers / static_cast<double>(n_days);
    out.others_share = others / static_cast<double>(n_days);
  }

  /// The end of a leaver's life against what was before it, all leavers together.
  void compare_lives(Coverage& out) const {
    std::int64_t of[2] = {0, 0}, with[2] = {0, 0};  // earlier, last
    std::vector<std::pair<DateIndex, RowIndex>> life;
    for (std::size_t s = 0; s < panel_.ranges().size(); ++s) {
      if (!is_leaver(static_cast<SecurityIndex>(s))) continue;
      const SecurityRange& range = panel_.ranges()[s];
      life.clear();
      for (std::int32_t i = 0; i < range.length; ++i) {
        const RowIndex row = panel_.row_at(range.begin + i);
        if (row != kNoRow) life.emplace_back(range.first + i, row);
      }
      const auto n = static_cast<std::int64_t>(life.size());
      if (n < kMinLife) continue;
      for (std::int64_t i = 0; i < n; ++i) {
        const auto [day, row] = life[static_cast<std::size_t>(i)];
        const bool is_loaded = day >= panel_.first() && day <= panel_.last();
        if (!is_loaded || !has_rows_[static_cast<std::size_t>(day - panel_.first())] || !is_open(row)) continue;
        const std::size_t part = i >= n - kLastPeriods;
        ++of[part];
        with[part] += has_signal(row);
      }
    }
    out.earlier_share = share(with[0], of[0]);
    out.last_share = share(with[1], of[1]);
  }

  const PanelView& panel_;
  const SignalRows& rows_;
  const EligibilityMask& closed_;
  std::vector<std::uint8_t> has_rows_;  // by loaded day: the signal has any
};

}  // namespace

Coverage measure_coverage(const PanelView& panel, const SignalRows& rows, const EligibilityMask& closed) {
  return CoverageCount(panel, rows, closed).count();
}

}  // namespace fractile::audit

// Copyright The fractile authors. Licensed under the Apache License, Version 2.0.
#pragma once

#include <span>
#include <string>
#include <vector>

#include "engine/day.hpp"
#include "fractile/result.hpp"

/// Stage 8, methodology section 8: from daily outcomes to the tables of a result.
namespace fractile {

/// The daily table of one portfolio: from its first to its last day with a position, without holes.
struct Series {
  std::string byvar;
  std::string group;
  std::vector<Day> date;
  std::vector<double> ret, resret, ret_net, resret_net, ret_l, ret_s;
  std::vector<double> n_long, n_short;
  std::vector<double> turnover, traded, tc;
  std::vector<double> cumret, cumret_net, drawdown;
  std::vector<std::array<double, kNExposures>> exposure;
  std::int64_t unknown_cost = 0;
  std::size_t n_days() const noexcept { return date.size(); }
};

/// What of a run's options and data decides how series and summaries look.
struct SeriesShape {
  bool has_resret = false;
  bool calc_turnover = true;
  bool long_only = false;
  std::array<bool, kNExposures> has_exposure{};
};

/// `days`: the portfolio's own, by date.
Series build_series(std::span<const PortfolioDay> days, const PanelView& panel, const SeriesShape& shape);
/// Days first ... last-1 of a series as a series of its own: running sums start anew.
Series cut_series(const Series& whole, std::size_t first, std::size_t last);
/// The days of overall by "year", "quarter" or "month".
std::vector<Series> cut_by_calendar(const Series& overall, const std::string& byvar);

/// One row a series, in the order given.
Table build_summary(const std::vector<const Series*>& series, const SeriesShape& shape);
Table build_daily(const Series& series);
Table build_daily_by_group(const std::vector<const Series*>& series);

}  // namespace fractile

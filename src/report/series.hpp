// Copyright The fractile authors. Licensed under the Apache License, Version 2.0.
#pragma once

#include <span>
#include <string>
#include <vector>

#include "engine/day.hpp"
#include "fractile/result.hpp"

/// The daily series of a result, made from daily outcomes: methodology section 8.
namespace fractile {

/// The daily table of one portfolio: from its first to its last day with a position, without gaps.
struct Series {
  std::string byvar;
  std::string group;
  std::vector<Day> date;
  std::vector<double> ret, resret, ret_net, resret_net, ret_l, ret_s;
  std::vector<double> n_long, n_short;
  std::vector<double> turnover, traded, tc, borrow;
  std::vector<double> cumret, cumret_net, drawdown;
  std::vector<std::vector<double>> exposure;  ///< by factor, then by day; 0 if nothing is held
  std::int64_t unknown_cost = 0;
  double periods_per_year = 252.0;
  std::size_t n_days() const noexcept { return date.size(); }
};

/// The options and columns that decide which parts of a series are known.
struct SeriesShape {
  bool has_resret = false;
  bool calc_turnover = true;
  bool long_only = false;
  bool charges_entry = false;  ///< the first day's trade is charged
  bool has_borrow = false;     ///< a fee for short positions can arise
  double periods_per_year = 252.0;
  std::vector<std::string> exposure_names;
};

/// Builds the series of one portfolio from its days, which ascend by date. `table`: null if the table has the days from the first
/// to the last with a position.
Series build_series(std::span<const PortfolioDay> days, const TableDays* table, const PanelView& panel, const SeriesShape& shape);
/// Returns days first ... last-1 of a series as a new series, whose running sums start at 0.
Series cut_series(const Series& whole, std::size_t first, std::size_t last);
/// The days of overall by "year", "quarter" or "month".
std::vector<Series> cut_by_calendar(const Series& overall, const std::string& byvar);

/// The series of a run: overall, then the groups of each byvar.
struct PortfolioSeries {
  Series overall;
  std::vector<Series> groups;    ///< of categories, in the order of byvar_list
  std::vector<Series> calendar;  ///< cuts of overall
  struct Place {
    bool is_calendar;
    std::size_t at;
  };
  std::vector<Place> order;  ///< of groups and calendar in the summary

  std::vector<const Series*> summary_rows() const;
  /// The series of portfolios, without the cuts of overall by the calendar.
  std::vector<const Series*> portfolio_rows() const;
};

/// The daily outcomes of all portfolios, by portfolio, then by date.
struct DayResults {
  std::vector<PortfolioDay> days;
  std::vector<std::size_t> begin;  ///< by portfolio, and one past the last
  std::span<const PortfolioDay> of(int portfolio) const {
    const auto at = static_cast<std::size_t>(portfolio);
    return std::span<const PortfolioDay>(days).subspan(begin[at], begin[at + 1] - begin[at]);
  }
  /// A portfolio's last day with a position; null if it has none.
  PortfolioDay* last_held(int portfolio);
};

/// `chunks`: outcomes in the order of days.
DayResults sort_by_portfolio(std::vector<std::vector<PortfolioDay>> chunks, int n_portfolios);

/// `has_names`: by portfolio; a group without names on any day has no series. `tables`: as `table` above, by portfolio; may be
/// empty.
PortfolioSeries build_portfolio_series(const DayResults& days, std::span<const TableDays> tables, const Portfolios& portfolios,
                                       const std::vector<std::string>& byvar_list, std::span<const std::uint8_t> has_names,
                                       const PanelView& panel, const SeriesShape& shape);

}  // namespace fractile

// Copyright The fractile authors. Licensed under the Apache License, Version 2.0.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "engine/align/cross_sections.hpp"
#include "engine/day_observer.hpp"
#include "engine/panel/grouped_days.hpp"
#include "engine/panel/panel_view.hpp"
#include "engine/portfolio/book.hpp"
#include "engine/portfolio/portfolio_return.hpp"
#include "engine/residual/exposures.hpp"
#include "engine/residual/regressor_cache.hpp"
#include "engine/residual/residualize.hpp"
#include "engine/trading/turnover_and_costs.hpp"

namespace fractile {

/// The portfolios of a run: number 0 is overall, then one a group of each category byvar.
struct Portfolios {
  struct Grouping {
    std::string byvar;
    std::shared_ptr<const Category> category;
    std::shared_ptr<const GroupedDays> days;
    int first = 0;  ///< portfolio number of its group 0
  };
  std::vector<Grouping> groupings;
  int count = 1;

  /// Calendar byvars make no portfolios and are passed over. Throws MISSING_PANEL_COLUMN, INVALID_BYVAR.
  static Portfolios make(const PanelView& panel, const RunConfig& config);
};
bool is_calendar_byvar(const std::string& byvar) noexcept;

/// A portfolio's day that held or traded anything.
struct PortfolioDay {
  int portfolio;
  DateIndex n;
  DayOutcome outcome;
};

/// Counts over the days of a run. Sums of whole numbers, so the order of days does not matter.
struct DayCounts {
  std::int64_t names = 0;  ///< used rows and copies
  std::int64_t days_with_names = 0;
  std::int64_t long_names = 0, short_names = 0;  ///< names on a side of overall, before mincos
  std::int64_t asked_long = 0, asked_short = 0;  ///< the same if no values tied
  std::int64_t most_long = 0, most_short = 0;    ///< the largest number of names per day on a side
  std::int64_t missing_return = 0;
  std::int64_t left_panel = 0;
  std::int64_t missing_weight = 0;
  std::int64_t missing_double_var = 0;
  std::vector<std::int64_t> missing_group;  ///< by grouping
  std::vector<std::uint8_t> has_names;      ///< by portfolio
  void merge(const DayCounts& other);
};

/// Goes through consecutive days on one thread: pack, residualize, rank, weigh, perform, trade.
class DayRunner {
 public:
  /// `cached_regressors`: null if none are cached. `needs_names`: an observer reads the names one by one.
  DayRunner(const PanelView& panel, const RunConfig& config, const Portfolios& portfolios, const ExposureRows& exposures,
            const CrossSections& sections, const RegressorCache* cached_regressors,
            std::vector<std::unique_ptr<DayObserver>> observers, bool needs_names);

  /// Throws MISSING_PANEL_COLUMN if a run of this configuration needs a column that the snapshot lacks.
  static void require_columns(const PanelView& panel, const RunConfig& config);

  /// Forgets all books, then makes those of day n without counting or reporting them. n is the day before the
  /// first call of run_day(); it may be first() - 1, which has no books.
  /// `scratch`: memory for the days from n on.
  void prepare(DateIndex n, CrossSections::Scratch& scratch);
  /// Requires that n follows the day of the previous call.
  void run_day(DateIndex n, std::vector<PortfolioDay>& out);
  const DayCounts& counts() const noexcept { return counts_; }
  /// True if the signal has several rows for one security and day.
  bool has_duplicates() const noexcept { return has_duplicates_; }

 private:
  bool is_single_sort() const noexcept;
  bool is_plain() const noexcept;
  void count_sides(std::span<const std::int8_t> sides);
  void take_book(int portfolio, const SidedNames& names, DateIndex n, bool is_counted);
  void sort_slots(int portfolio, std::span<const double> s, std::span<const std::int32_t> slots, DateIndex n, bool is_counted);
  void sort_names(int portfolio, std::span<const RowIndex> rows, std::span<const double> s, std::span<const double> double_values,
                  DateIndex n, bool is_counted);
  void collect_names(DateIndex n);
  const Regressors& regressors(DateIndex n);
  void build_books(DateIndex n, bool is_counted);
  void spread_names();
  void build_group_books(const Portfolios::Grouping& grouping, std::size_t number, DateIndex n, bool is_counted);
  void collect_group(std::span<const std::int32_t> slots);
  std::int64_t count_missing_returns(DateIndex n) const;
  PortfolioDay compute_outcome(int portfolio, DateIndex n);
  ObservedDay observed_day(DateIndex n, const DayOutcome& outcome, const TradeList& trades) const;
  void show_to_observers(DateIndex n, const DayOutcome& outcome);

  const PanelView& panel_;
  const RunConfig& config_;
  const Portfolios& portfolios_;
  const ExposureRows& exposures_;
  const CrossSections& sections_;
  const RegressorCache* cached_regressors_;  // null if none are cached
  Weigher weigher_;
  PortfolioReturn portfolio_return_;
  TurnoverAndCosts trades_;
  std::vector<std::unique_ptr<DayObserver>> observers_;
  bool needs_names_;
  std::shared_ptr<const MissingRows> missing_returns_;
  Characteristic double_var_;
  DayCounts counts_;

  const TradeList no_trades_;
  bool is_single_sort_;
  bool is_plain_;
  CrossSection day_;
  CrossSections::Scratch* day_scratch_ = nullptr;
  bool has_duplicates_ = false;
  std::size_t n_names_ = 0;  // used rows and copies of the day
  // Names only, securities ascending; left empty by a plain run.
  std::vector<RowIndex> rows_, exposure_rows_;
  std::vector<double> s_, double_values_;
  // By slot, a row of the day each, NaN if a slot holds none.
  std::span<const double> slot_s_;
  std::vector<double> slot_residuals_, slot_double_;
  // One group's names.
  std::vector<RowIndex> group_rows_;
  std::vector<double> group_s_, group_double_;

  std::vector<std::int8_t> sides_;
  std::vector<RowIndex> tail_rows_;
  RankScratch rank_scratch_;
  Regressors regressors_;
  std::shared_ptr<const Regressors> regressors_at_hand_;
  ResidualScratch residual_scratch_;
  std::vector<CutGuess> guesses_;            // by portfolio
  std::vector<Book> now_, before_;           // by portfolio
  std::vector<int> held_now_, held_before_;  // portfolios whose book is not flat
};

}  // namespace fractile

// Copyright The fractile authors. Licensed under the Apache License, Version 2.0.
#pragma once

#include <memory>
#include <vector>

#include "engine/book_former.hpp"
#include "engine/day_counts.hpp"
#include "engine/day_names.hpp"
#include "engine/day_observer.hpp"
#include "engine/held_books.hpp"
#include "engine/panel/panel_view.hpp"
#include "engine/portfolio/book.hpp"
#include "engine/portfolio/portfolio_return.hpp"
#include "engine/portfolios.hpp"
#include "engine/trading/borrow_fee.hpp"
#include "engine/trading/turnover_and_costs.hpp"

namespace fractile {

/// The outcome of a day on which the portfolio held or traded names.
struct PortfolioDay {
  int portfolio;
  DateIndex n;
  DayOutcome outcome;
};

/// The runner of consecutive days on one thread: names, books, returns, trades.
class DayRunner {
 public:
  /// `held_books`: null if the books of a day follow only from its names. `needs_names`: an observer reads the names one by one.
  DayRunner(const PanelView& panel, const RunConfig& config, const Portfolios& portfolios, std::unique_ptr<DayNames> names,
            const HeldBooks* held_books, std::vector<std::unique_ptr<DayObserver>> observers, bool needs_names,
            Exposures exposures);

  /// Throws MISSING_PANEL_COLUMN if a run of this configuration needs a column that the snapshot lacks.
  static void require_columns(const PanelView& panel, const RunConfig& config);

  /// Forgets all books, then makes those of day n without counting or reporting them. n is the day before the
  /// first call of run_day(); it may be first() - 1, which has no books.
  /// `scratch`: memory for the days from n on.
  void prepare(DateIndex n, CrossSections::Scratch& scratch);
  /// Requires that n follows the day of the previous call.
  void run_day(DateIndex n, std::vector<PortfolioDay>& out);
  /// The trade that closes a portfolio's book of day n, at the rates of that day. Requires that prepare(n) was the last call.
  Trades close(int portfolio, DateIndex n);
  const DayCounts& counts() const noexcept { return counts_; }
  /// True if the signal has several rows for one security and day.
  bool has_duplicates() const noexcept { return names_->has_duplicates(); }

 private:
  void build_books(DateIndex n, bool is_counted);
  PortfolioDay compute_outcome(int portfolio, DateIndex n);
  ObservedDay observed_day(DateIndex n, const DayOutcome& outcome, const TradeList& trades);

  const PanelView& panel_;
  const RunConfig& config_;
  std::unique_ptr<DayNames> names_;
  const HeldBooks* held_books_;  // null if none are needed
  BookFormer former_;
  PortfolioReturn portfolio_return_;
  TurnoverAndCosts trades_;
  BorrowFee borrow_fee_;
  std::vector<std::unique_ptr<DayObserver>> observers_;
  SignalRanks signal_ranks_;
  bool needs_ranks_;
  DayCounts counts_;
  const TradeList no_trades_;
  std::size_t n_names_ = 0;  // names of overall
  std::vector<double> ranks_, ranked_;
  std::vector<Book> now_, before_;           // by portfolio
  std::vector<int> held_now_, held_before_;  // portfolios whose book is not flat
  HeldBooks::Scratch held_scratch_;
};

}  // namespace fractile

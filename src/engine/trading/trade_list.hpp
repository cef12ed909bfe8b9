// Copyright The fractile authors. Licensed under the Apache License, Version 2.0.
#pragma once

#include <vector>

#include "engine/panel/as_of.hpp"
#include "engine/panel/earned_returns.hpp"
#include "engine/portfolio/book.hpp"
#include "fractile/config.hpp"

/// Trade lists: the changes from one day's book to the next, methodology section 7.
namespace fractile {

/// The trades of one portfolio on one day: names held now, securities ascending, then names that the portfolio no longer holds.
struct TradeList {
  std::vector<double> change;    ///< |change of weight|
  std::vector<RowIndex> newest;  ///< the newest row that the trade knows; costs are read from it
  DateIndex known_day = -1;      ///< the newest day that the trades know: nearly all these rows are of it
  std::size_t size() const noexcept { return change.size(); }
};

/// The trades that close `book`, at the rates of its day. `into`: the trades that led to it.
void set_closing_trades(const Book& book, const TradeList& into, TradeList& closing);

/// Builds trade lists from pairs of books. One thread uses one builder.
class TradeListBuilder {
 public:
  /// `ret`: by which weights drift.
  TradeListBuilder(const PanelView& panel, const RunConfig& config, const EarnedReturns& ret);
  /// From `before` (the book of n-1) to `now` (that of n). Valid until the next call. O(names of both books).
  const TradeList& build(const Book& before, const Book& now, DateIndex n);
  /// The list that the last call made.
  const TradeList& last() const noexcept { return trades_; }

 private:
  void spread_before(const Book& before);
  void drift_sides(const Book& before);
  void drift_book(const Book& before);

  AsOf as_of_;
  Drift drift_;
  EarnedReturns ret_;
  std::vector<double> weight_before_;  // by security; all 0 between calls
  std::vector<double> drifted_;
  TradeList trades_;
};

}  // namespace fractile

// Copyright The fractile authors. Licensed under the Apache License, Version 2.0.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "engine/portfolio/book.hpp"
#include "engine/portfolio/portfolio_return.hpp"
#include "engine/portfolio/rank.hpp"
#include "engine/trading/trade_list.hpp"

namespace fractile {

/// The average ranks and the bins of the signals of a day, which the observers of a thread share: the first that reads them has
/// them computed.
class SignalRanks {
 public:
  /// Begins a day. `values` must stay valid until the next.
  void reset(std::span<const double> values) noexcept {
    values_ = values;
    are_known_ = false;
    k_ = 0;
  }
  std::span<const double> get() {
    if (!are_known_) average_ranks(values_, scratch_, ranks_);
    are_known_ = true;
    return ranks_;
  }
  /// The bins of the ranks among k, from 0.
  std::span<const std::int32_t> bins(int k) {
    if (k_ != k) bins_of_average_ranks(values_, k, scratch_, bins_);
    k_ = k;
    return bins_;
  }

 private:
  std::span<const double> values_;
  bool are_known_ = false;
  RankScratch scratch_;
  std::vector<double> ranks_;
  int k_ = 0;  // of bins_; 0: not computed
  std::vector<std::int32_t> bins_;
};

/// One day of the overall portfolio. Valid only during DayObserver::observe().
struct ObservedDay {
  DateIndex n = 0;                             ///< return day
  std::size_t at = 0;                          ///< number of the day among the loaded days
  std::size_t n_names = 0;                     ///< used rows and copies, after residualization
  RowIndex first_row = 0;                      ///< panel row of slot 0
  std::span<const double> slot_values;         ///< per panel row of the day: the signal before residualization; NaN: not used
  std::span<const RowIndex> rows;              ///< the names, securities ascending; empty unless an observer needs names
  std::span<const double> values;              ///< their signals after residualization
  SignalRanks& all_ranks;                      ///< theirs, all ranked together
  std::span<const double> ranks;               ///< theirs, if rank_within or breakpoints are given; NaN: in no bin
  std::span<const double> ranked;              ///< the number of names that each was ranked against: r and m of section 5
  std::span<const std::uint8_t> is_reference;  ///< of breakpoints, by name; empty if all names are references
  const Book& book;                            ///< the weights of the day
  // For observers that need the outcome.
  const DayOutcome& outcome;  ///< the book's return, trades and costs
  const TradeList& trades;    ///< from the book of the day before; empty if the run prices no trades
};

/// A reader of the cross-sections of a run. One thread calls one observer; days arrive in any order of chunks, and each
/// day once, so an observer writes to entries of that day only.
class DayObserver {
 public:
  virtual ~DayObserver() = default;
  /// Called before consecutive days. `before`: the day before the first, without outcome and trades; null if there is none.
  virtual void begin(const ObservedDay* /*before*/) {}
  /// True if it reads ObservedDay::outcome or trades. The others are called before the outcome is computed: they read the rows of
  /// all names in order, and the outcome then finds those of the few names of the book in the processor's cache.
  virtual bool needs_outcome() const noexcept { return false; }
  virtual void observe(const ObservedDay& day) = 0;
};

}  // namespace fractile

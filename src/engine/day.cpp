// Copyright The fractile authors. Licensed under the Apache License, Version 2.0.
#include "engine/day.hpp"

#include <algorithm>
#include <utility>
#include "fractile/types.hpp"

namespace fractile {

DayRunner::DayRunner(const PanelView& panel, const RunConfig& config, const Portfolios& portfolios,
                     std::unique_ptr<DayNames> names, const HeldBooks* held_books,
                     std::vector<std::unique_ptr<DayObserver>> observers, bool needs_names, Exposures exposures)
    : panel_(panel),
      config_(config),
      names_(std::move(names)),
      held_books_(held_books),
      former_(panel, config, portfolios),
      portfolio_return_(panel, config, exposures),
      trades_(panel, config, portfolio_return_.ret()),
      borrow_fee_(panel, config),
      observers_(std::move(observers)),
      needs_ranks_(needs_names && (former_.plan().has_categories || former_.plan().has_references)),
      now_(static_cast<std::size_t>(portfolios.count)),
      before_(static_cast<std::size_t>(portfolios.count)) {
  counts_.missing_group.resize(portfolios.groupings.size());
  counts_.has_names.resize(static_cast<std::size_t>(portfolios.count));
}

void DayRunner::require_columns(const PanelView& panel, const RunConfig& config) {
  const PortfolioReturn portfolio_return(panel, config, Exposures::reported);
  const Weigher weigher(panel, config);
  const TurnoverAndCosts trades(panel, config, portfolio_return.ret());
  const BorrowFee borrow_fee(panel, config);
  DayNames::require_columns(panel, config);
}

void DayRunner::build_books(DateIndex n, bool is_counted) {
  std::swap(now_, before_);
  std::swap(held_now_, held_before_);
  for (const int portfolio : held_now_) now_[static_cast<std::size_t>(portfolio)].clear();
  held_now_.clear();
  if (n < panel_.first()) return;
  if (held_books_) {
    held_books_->read(n, former_, held_scratch_, now_, held_now_);
    if (!observers_.empty()) {
      names_->read(n);
      n_names_ = static_cast<std::size_t>(
          std::count_if(names_->given().begin(), names_->given().end(), [](double value) { return value == value; }));
    }
    return;
  }
  names_->read(n);
  DayCounts* const counts = is_counted ? &counts_ : nullptr;
  if (counts) names_->count_missing(*counts);
  former_.sort(*names_, n, counts, [&](int portfolio, const Candidates& candidates) {
    const auto at = static_cast<std::size_t>(portfolio);
    if (portfolio == 0) n_names_ = candidates.n_names;
    former_.form(portfolio, candidates, before_[at], n, counts, now_[at]);
    if (!now_[at].is_flat()) held_now_.push_back(portfolio);
  });
}

void DayRunner::prepare(DateIndex n, CrossSections::Scratch& scratch) {
  names_->start(scratch);
  for (const int portfolio : held_now_) now_[static_cast<std::size_t>(portfolio)].clear();
  for (const int portfolio : held_before_) before_[static_cast<std::size_t>(portfolio)].clear();
  held_now_.clear();
  held_before_.clear();
  build_books(n, false);
  if (n < panel_.first()) {
    for (const auto& observer : observers_) observer->begin(nullptr);
    return;
  }
  const DayOutcome unknown;
  const ObservedDay before = observed_day(n, unknown, no_trades_);
  for (const auto& observer : observers_) observer->begin(&before);
}

void DayRunner::run_day(DateIndex n, std::vector<PortfolioDay>& out) {
  build_books(n, true);
  counts_.left_panel += portfolio_return_.count_leavers(now_[0], n);
  PortfolioDay overall{0, n, {}};
  if (observers_.empty()) {
    overall = compute_outcome(0, n);
  } else {
    const ObservedDay observed = observed_day(n, overall.outcome, config_.calc_turnover ? trades_.last_trades() : no_trades_);
    for (const auto& observer : observers_)
      if (!observer->needs_outcome()) observer->observe(observed);
    overall = compute_outcome(0, n);
    for (const auto& observer : observers_)
      if (observer->needs_outcome()) observer->observe(observed);
  }
  const auto report = [&](int portfolio) { out.push_back(portfolio == 0 ? std::move(overall) : compute_outcome(portfolio, n)); };
  for (const int portfolio : held_now_) report(portfolio);
  for (const int portfolio : held_before_)
    if (now_[static_cast<std::size_t>(portfolio)].is_flat()) report(portfolio);
}

ObservedDay DayRunner::observed_day(DateIndex n, const DayOutcome& outcome, const TradeList& trades) {
  ObservedDay day{.n = n,
                  .at = static_cast<std::size_t>(n - panel_.first()),
                  .n_names = n_names_,
                  .first_row = names_->first_row(),
                  .slot_values = names_->given(),
                  .rows = {},
                  .values = {},
                  .all_ranks = signal_ranks_,
                  .ranks = {},
                  .ranked = {},
                  .is_reference = {},
                  .book = now_[0],
                  .outcome = outcome,
                  .trades = trades};
  if (names_->lists_names()) {
    day.rows = names_->all().rows;
    day.values = names_->all().s;
    day.is_reference = names_->all().is_reference;
    signal_ranks_.reset(day.values);
  }
  if (!needs_ranks_) return day;
  const RankedNames& all = names_->all();
  former_.sorter().rank_all(all, ranks_, ranked_);
  const auto is_two_sided = held_books_ ? held_books_->is_two_sided(n) : former_.is_two_sided();
  for (std::size_t i = 0; i < all.cells.size(); ++i)
    if (all.cells[i] != kNoCell && !is_two_sided[static_cast<std::size_t>(all.cells[i])]) ranks_[i] = kNaN;
  day.ranks = ranks_;
  day.ranked = ranked_;
  return day;
}

PortfolioDay DayRunner::compute_outcome(int portfolio, DateIndex n) {
  const Book& now = now_[static_cast<std::size_t>(portfolio)];
  PortfolioDay day{portfolio, n, portfolio_return_.compute(now, n)};
  if (config_.calc_turnover) {
    const Trades trades = trades_.compute(before_[static_cast<std::size_t>(portfolio)], now, n);
    day.outcome.traded = trades.traded;
    day.outcome.tc = trades.cost.tc;
    day.outcome.unknown_cost = trades.cost.unknown;
    if (borrow_fee_.can_arise()) day.outcome.borrow = borrow_fee_.compute(now, n);
  }
  return day;
}

Trades DayRunner::close(int portfolio, DateIndex n) {
  // The closing trade has the names, weights and rates of a trade from no book into this one.
  return trades_.compute(Book{}, now_[static_cast<std::size_t>(portfolio)], n);
}

}  // namespace fractile

// Copyright The fractile authors. Licensed under the Apache License, Version 2.0.
#include "engine/day.hpp"

#include <algorithm>
#include <cmath>

#include "engine/kernels/kernels.hpp"
#include "engine/panel/as_of.hpp"
#include "fractile/error.hpp"
#include "fractile/types.hpp"

namespace fractile {
bool is_calendar_byvar(const std::string& byvar) noexcept { return byvar == "year" || byvar == "quarter" || byvar == "month"; }

Portfolios Portfolios::make(const PanelView& panel, const RunConfig& config) {
  Portfolios out;
  for (const std::string& byvar : config.byvar_list) {
    if (byvar == "overall" || is_calendar_byvar(byvar)) continue;
    Grouping grouping{byvar, panel.category(byvar), panel.grouped_days(byvar, config.characteristics_asof), out.count};
    out.count += grouping.category->n_groups();
    out.groupings.push_back(std::move(grouping));
  }
  return out;
}

void DayCounts::merge(const DayCounts& other) {
  names += other.names;
  days_with_names += other.days_with_names;
  long_names += other.long_names;
  short_names += other.short_names;
  asked_long += other.asked_long;
  asked_short += other.asked_short;
  most_long = std::max(most_long, other.most_long);
  most_short = std::max(most_short, other.most_short);
  missing_return += other.missing_return;
  left_panel += other.left_panel;
  missing_weight += other.missing_weight;
  missing_double_var += other.missing_double_var;
  missing_group.resize(other.missing_group.size());
  for (std::size_t i = 0; i < missing_group.size(); ++i) missing_group[i] += other.missing_group[i];
  has_names.resize(other.has_names.size());
  for (std::size_t i = 0; i < has_names.size(); ++i) has_names[i] |= other.has_names[i];
}

DayRunner::DayRunner(const PanelView& panel, const RunConfig& config, const Portfolios& portfolios, const ExposureRows& exposures,
                     const CrossSections& sections, const RegressorCache* cached_regressors,
                     std::vector<std::unique_ptr<DayObserver>> observers, bool needs_names)
    : panel_(panel),
      config_(config),
      portfolios_(portfolios),
      exposures_(exposures),
      sections_(sections),
      cached_regressors_(cached_regressors),
      weigher_(panel, config),
      portfolio_return_(panel, config),
      trades_(panel, config, portfolio_return_.ret()),
      observers_(std::move(observers)),
      needs_names_(needs_names),
      missing_returns_(panel.missing_rows(config.from_open ? "openret" : "ret")),
      is_single_sort_(is_single_sort()),
      is_plain_(is_plain()),
      guesses_(static_cast<std::size_t>(portfolios.count)),
      now_(static_cast<std::size_t>(portfolios.count)),
      before_(static_cast<std::size_t>(portfolios.count)) {
  if (config.sort_method == SortMethod::double_) double_var_ = panel.characteristic(config.double_var);
  counts_.missing_group.resize(portfolios.groupings.size());
  counts_.has_names.resize(static_cast<std::size_t>(portfolios.count));
}

void DayRunner::require_columns(const PanelView& panel, const RunConfig& config) {
  const PortfolioReturn portfolio_return(panel, config);
  const Weigher weigher(panel, config);
  const TurnoverAndCosts trades(panel, config, portfolio_return.ret());
  if (config.sort_method == SortMethod::double_ && panel.require(config.double_var, "double_var").kind == ColumnKind::text)
    throw Error(ErrorCode::INVALID_VALUE,
                "expected a column of numbers for double_var, found \"" + config.double_var +
                    "\", which holds texts: their order means nothing. Name another column, or make the "
                    "snapshot anew with --null, --thousands or --decimal so that its texts are numbers.");
}

bool DayRunner::is_single_sort() const noexcept {
  return config_.sort_method == SortMethod::single && config_.input_type == InputType::value;
}

/// Only the names in the book are looked at one by one: the rest of the cross-section is counted.
bool DayRunner::is_plain() const noexcept { return is_single_sort_ && !exposures_.is_needed() && !needs_names_; }

/// A single sort: `s` of the rows of the day at `slots` (empty: of all of them), NaN if a slot holds none.
void DayRunner::sort_slots(int portfolio, std::span<const double> s, std::span<const std::int32_t> slots, DateIndex n,
                           bool is_counted) {
  const Tails tails =
      find_tails(s, config_.fractile[0], config_.fractile[1], guesses_[static_cast<std::size_t>(portfolio)], rank_scratch_);
  if (portfolio == 0) n_names_ = tails.n_names;
  if (is_counted && tails.n_names > 0) counts_.has_names[static_cast<std::size_t>(portfolio)] = 1;
  tail_rows_.resize(tails.at.size());
  for (std::size_t i = 0; i < tails.at.size(); ++i)
    tail_rows_[i] = day_.first + (slots.empty() ? tails.at[i] : slots[static_cast<std::size_t>(tails.at[i])]);
  take_book(portfolio, {tail_rows_, tails.s, tails.side}, n, is_counted);
}

/// Any other sort: of names only.
void DayRunner::sort_names(int portfolio, std::span<const RowIndex> rows, std::span<const double> s,
                           std::span<const double> double_values, DateIndex n, bool is_counted) {
  if (portfolio == 0) n_names_ = s.size();
  if (is_counted && !s.empty()) counts_.has_names[static_cast<std::size_t>(portfolio)] = 1;
  sides_.resize(s.size());
  assign_sides(s, double_values, config_, guesses_[static_cast<std::size_t>(portfolio)], rank_scratch_, sides_.data());
  take_book(portfolio, {rows, s, sides_}, n, is_counted);
}

/// Counts the overall book of a day for the warnings of a result.
void DayRunner::count_sides(std::span<const std::int8_t> sides) {
  const auto n_long = static_cast<std::int64_t>(std::count(sides.begin(), sides.end(), kLong));
  const auto n_short = static_cast<std::int64_t>(std::count(sides.begin(), sides.end(), kShort));
  const auto n_names = static_cast<double>(n_names_);
  counts_.days_with_names += n_names_ > 0;
  counts_.long_names += n_long;
  counts_.short_names += n_short;
  counts_.asked_long += static_cast<std::int64_t>(n_names - std::floor(config_.fractile[1] * n_names / 100.0));
  counts_.asked_short += static_cast<std::int64_t>(std::floor(config_.fractile[0] * n_names / 100.0));
  counts_.most_long = std::max(counts_.most_long, n_long);
  counts_.most_short = std::max(counts_.most_short, n_short);
}

void DayRunner::take_book(int portfolio, const SidedNames& names, DateIndex n, bool is_counted) {
  Book& book = now_[static_cast<std::size_t>(portfolio)];
  const int without_size = weigher_.build_book(names, n, book);
  if (is_counted && portfolio == 0) {
    counts_.missing_weight += without_size;
    count_sides(names.sides);
  }
  if (!book.is_flat()) held_now_.push_back(portfolio);
}

void DayRunner::collect_names(DateIndex n) {
  rows_.resize(day_.values.size() + kKernelPadding);
  s_.resize(day_.values.size() + kKernelPadding);
  const std::size_t m = pack_numbers_and_rows(day_.values.data(), day_.values.size(), day_.first, s_.data(), rows_.data());
  s_.resize(m);
  rows_.resize(m);
  if (exposures_.is_needed()) {
    exposure_rows_.resize(m);
    for (std::size_t i = 0; i < m; ++i) exposure_rows_[i] = day_.exposure_rows[rows_[i] - day_.first];
    residualize(exposures_, exposure_rows_, regressors(n), s_, residual_scratch_);
  }
  if (config_.sort_method != SortMethod::double_) return;
  const AsOf as_of(panel_, config_);
  double_values_.resize(m);
  for (std::size_t i = 0; i < m; ++i) {
    const RowIndex asof = as_of.find_row(rows_[i], n);
    double_values_[i] = asof == kNoRow ? kNaN : double_var_[asof];
  }
}

/// Back to slots, a row of the day each.
void DayRunner::spread_names() {
  if (exposures_.is_needed()) {
    slot_residuals_.assign(day_.values.size(), kNaN);
    for (std::size_t i = 0; i < rows_.size(); ++i) slot_residuals_[static_cast<std::size_t>(rows_[i] - day_.first)] = s_[i];
    slot_s_ = slot_residuals_;
  }
  if (config_.sort_method != SortMethod::double_) return;
  slot_double_.assign(day_.values.size(), kNaN);
  for (std::size_t i = 0; i < rows_.size(); ++i)
    slot_double_[static_cast<std::size_t>(rows_[i] - day_.first)] = double_values_[i];
}

/// Counts the used names of the day.
const Regressors& DayRunner::regressors(DateIndex n) {
  if (cached_regressors_) {
    regressors_at_hand_ = cached_regressors_->find_or_make(n, exposures_, exposure_rows_);
    return *regressors_at_hand_;
  }
  regressors_.assign(exposures_, exposure_rows_);
  return regressors_;
}

void DayRunner::build_group_books(const Portfolios::Grouping& grouping, std::size_t number, DateIndex n, bool is_counted) {
  const GroupedDays::Day& day = grouping.days->find_or_make(n);
  std::size_t begin = 0;
  for (const GroupedDays::Run& run : day.runs) {
    const std::span<const std::int32_t> slots(day.slot.data() + begin, static_cast<std::size_t>(run.end) - begin);
    begin = static_cast<std::size_t>(run.end);
    const int portfolio = grouping.first + run.group;
    if (run.group < 0) {
      if (is_counted)
        counts_.missing_group[number] += std::count_if(slots.begin(), slots.end(), [&](std::int32_t slot) {
          const double value = slot_s_[static_cast<std::size_t>(slot)];
          return value == value;
        });
    } else if (is_single_sort_) {
      group_s_.resize(slots.size());
      double* const to = group_s_.data();
      for (std::size_t i = 0; i < slots.size(); ++i) to[i] = slot_s_[static_cast<std::size_t>(slots[i])];
      sort_slots(portfolio, group_s_, slots, n, is_counted);
    } else {
      collect_group(slots);
      if (!group_s_.empty()) sort_names(portfolio, group_rows_, group_s_, group_double_, n, is_counted);
    }
  }
}

/// The names at slots.
void DayRunner::collect_group(std::span<const std::int32_t> slots) {
  group_rows_.clear();
  group_s_.clear();
  group_double_.clear();
  for (const std::int32_t slot : slots) {
    const auto at = static_cast<std::size_t>(slot);
    if (slot_s_[at] != slot_s_[at]) continue;
    group_rows_.push_back(day_.first + slot);
    group_s_.push_back(slot_s_[at]);
    if (config_.sort_method == SortMethod::double_) group_double_.push_back(slot_double_[at]);
  }
}

void DayRunner::build_books(DateIndex n, bool is_counted) {
  std::swap(now_, before_);
  std::swap(held_now_, held_before_);
  for (const int portfolio : held_now_) now_[static_cast<std::size_t>(portfolio)].clear();
  held_now_.clear();
  if (n < panel_.first()) return;
  day_ = sections_.read(n, *day_scratch_, has_duplicates_);
  slot_s_ = day_.values;
  if (!is_plain_) {
    collect_names(n);
    spread_names();
  }
  if (is_single_sort_)
    sort_slots(0, slot_s_, {}, n, is_counted);
  else
    sort_names(0, rows_, s_, double_values_, n, is_counted);
  for (std::size_t i = 0; i < portfolios_.groupings.size(); ++i) build_group_books(portfolios_.groupings[i], i, n, is_counted);
}

void DayRunner::prepare(DateIndex n, CrossSections::Scratch& scratch) {
  day_scratch_ = &scratch;
  scratch.block = -1;
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
  counts_.names += static_cast<std::int64_t>(n_names_);
  counts_.missing_return += count_missing_returns(n);
  if (config_.sort_method == SortMethod::double_)
    counts_.missing_double_var += std::count_if(double_values_.begin(), double_values_.end(), [](double x) { return x != x; });
  counts_.left_panel += portfolio_return_.count_leavers(now_[0], n);
  const PortfolioDay overall = compute_outcome(0, n);
  show_to_observers(n, overall.outcome);
  const auto report = [&](int portfolio) { out.push_back(portfolio == 0 ? overall : compute_outcome(portfolio, n)); };
  for (const int portfolio : held_now_) report(portfolio);
  for (const int portfolio : held_before_)
    if (now_[static_cast<std::size_t>(portfolio)].is_flat()) report(portfolio);
}

/// Shows the overall book, whose trades were computed last.
void DayRunner::show_to_observers(DateIndex n, const DayOutcome& outcome) {
  const ObservedDay observed = observed_day(n, outcome, config_.calc_turnover ? trades_.last_trades() : no_trades_);
  for (const auto& observer : observers_) observer->observe(observed);
}

ObservedDay DayRunner::observed_day(DateIndex n, const DayOutcome& outcome, const TradeList& trades) const {
  return {n,     static_cast<std::size_t>(n - panel_.first()), n_names_, day_.first, day_.values, rows_, s_, now_[0], outcome,
          trades};
}

std::int64_t DayRunner::count_missing_returns(DateIndex n) const {
  const auto day = static_cast<std::size_t>(n - panel_.first());
  return std::count_if(missing_returns_->rows.begin() + static_cast<std::ptrdiff_t>(missing_returns_->begin[day]),
                       missing_returns_->rows.begin() + static_cast<std::ptrdiff_t>(missing_returns_->begin[day + 1]),
                       [&](RowIndex row) {
                         const double value = day_.values[static_cast<std::size_t>(row - day_.first)];
                         return value == value;
                       });
}

PortfolioDay DayRunner::compute_outcome(int portfolio, DateIndex n) {
  const Book& now = now_[static_cast<std::size_t>(portfolio)];
  PortfolioDay day{portfolio, n, portfolio_return_.compute(now, n)};
  if (config_.calc_turnover) {
    const Trades trades = trades_.compute(before_[static_cast<std::size_t>(portfolio)], now, n);
    day.outcome.traded = trades.traded;
    day.outcome.tc = trades.cost.tc;
    day.outcome.unknown_cost = trades.cost.unknown;
  }
  return day;
}

}  // namespace fractile

// Copyright The fractile authors. Licensed under the Apache License, Version 2.0.
#include "engine/day.hpp"

#include <algorithm>

#include "engine/kernels.hpp"

namespace fractile {

bool is_calendar_byvar(const std::string& byvar) noexcept { return byvar == "year" || byvar == "quarter" || byvar == "month"; }

Portfolios Portfolios::make(const Market& market, const RunConfig& config) {
  Portfolios out;
  for (const std::string& byvar : config.byvar_list) {
    if (byvar == "overall" || is_calendar_byvar(byvar)) continue;
    Grouping grouping{byvar, market.category(byvar), out.count};
    out.count += grouping.category->n_groups();
    out.groupings.push_back(std::move(grouping));
  }
  return out;
}

void DayCounts::merge(const DayCounts& other) {
  names += other.names;
  missing_return += other.missing_return;
  left_panel += other.left_panel;
  missing_weight += other.missing_weight;
  missing_double_var += other.missing_double_var;
  missing_group.resize(other.missing_group.size());
  for (std::size_t i = 0; i < missing_group.size(); ++i) missing_group[i] += other.missing_group[i];
  has_names.resize(other.has_names.size());
  for (std::size_t i = 0; i < has_names.size(); ++i) has_names[i] |= other.has_names[i];
  has_security.resize(other.has_security.size());
  for (std::size_t i = 0; i < has_security.size(); ++i) has_security[i] |= other.has_security[i];
}

DayRunner::DayRunner(const Market& market, const RunConfig& config, const Portfolios& portfolios, const ExposureRows& exposures,
                     const CrossSections& sections, const KeptRegressors* kept_regressors)
    : market_(market),
      config_(config),
      portfolios_(portfolios),
      exposures_(exposures),
      sections_(sections),
      kept_regressors_(kept_regressors),
      weigher_(market, config),
      performer_(market, config),
      trader_(market, config, performer_.ret()),
      analyst_(market, config, performer_),
      missing_returns_(market.missing_rows(config.from_open ? "openret" : "ret")),
      is_single_sort_(is_single_sort()),
      is_plain_(is_plain()),
      guesses_(static_cast<std::size_t>(portfolios.count)),
      now_(static_cast<std::size_t>(portfolios.count)),
      before_(static_cast<std::size_t>(portfolios.count)) {
  if (config.sort_method == SortMethod::double_) double_var_ = market.characteristic(config.double_var);
  counts_.missing_group.resize(portfolios.groupings.size());
  counts_.has_names.resize(static_cast<std::size_t>(portfolios.count));
  if (config.coverage) counts_.has_security.resize(market.ranges().size());
}

void DayRunner::require_columns(const Market& market, const RunConfig& config) {
  const Performer performer(market, config);
  const Weigher weigher(market, config);
  const Trader trader(market, config, performer.ret());
  if (config.sort_method == SortMethod::double_) market.require(config.double_var, "double_var");
}

bool DayRunner::is_single_sort() const noexcept {
  return config_.sort_method == SortMethod::single && config_.input_type == InputType::value;
}

/// Only the names in the book are looked at one by one: the rest of the cross-section is counted.
bool DayRunner::is_plain() const noexcept {
  return is_single_sort_ && portfolios_.groupings.empty() && !exposures_.is_needed() && !analyst_.is_needed();
}

void DayRunner::build_plain_book(DateIndex n, bool is_counted) {
  const Tails tails = find_tails(day_.values, config_.fractile[0], config_.fractile[1], guesses_[0], rank_scratch_);
  n_names_ = tails.n_names;
  build_tails_book(0, tails, {}, n, is_counted);
}

/// `rows`: those of the values that were sorted; none where they are the day's.
void DayRunner::build_tails_book(int portfolio, const Tails& tails, std::span<const RowIndex> rows, DateIndex n,
                                 bool is_counted) {
  tail_rows_.resize(tails.at.size());
  for (std::size_t i = 0; i < tails.at.size(); ++i)
    tail_rows_[i] = rows.empty() ? day_.first + tails.at[i] : rows[static_cast<std::size_t>(tails.at[i])];
  take_book(portfolio, {tail_rows_, tails.s, tails.side}, n, is_counted);
}

void DayRunner::take_book(int portfolio, const SidedNames& names, DateIndex n, bool is_counted) {
  Book& book = now_[static_cast<std::size_t>(portfolio)];
  const int without_size = weigher_.build_book(names, n, book);
  if (is_counted && portfolio == 0) counts_.missing_weight += without_size;
  if (!book.is_flat()) held_now_.push_back(portfolio);
}

void DayRunner::collect_names(DateIndex n) {
  rows_.resize(day_.values.size() + kKernelPadding);
  s_.resize(day_.values.size() + kKernelPadding);
  const std::size_t m = pack_numbers_and_rows(day_.values.data(), day_.values.size(), day_.first, s_.data(), rows_.data());
  n_names_ = m;
  s_.resize(m);
  rows_.resize(m);
  if (exposures_.is_needed()) {
    exposure_rows_.resize(m);
    for (std::size_t i = 0; i < m; ++i) exposure_rows_[i] = day_.exposure_rows[rows_[i] - day_.first];
    residualize(exposures_, exposure_rows_, regressors(n), s_, residual_scratch_);
  }
  if (portfolios_.groupings.empty() && config_.sort_method == SortMethod::single) return;
  const bool on_return_day = config_.characteristics_asof == CharacteristicsAsof::return_day;
  asof_.resize(m);
  for (std::size_t i = 0; i < m; ++i) asof_[i] = on_return_day ? rows_[i] : market_.asof_row(rows_[i], n);
  if (config_.sort_method == SortMethod::double_) {
    double_values_.resize(m);
    for (std::size_t i = 0; i < m; ++i) double_values_[i] = asof_[i] == kNoRow ? __builtin_nan("") : double_var_[asof_[i]];
  }
}

/// Of the used names of the day.
const Regressors& DayRunner::regressors(DateIndex n) {
  if (kept_regressors_) {
    regressors_at_hand_ = kept_regressors_->find_or_make(n, exposures_, exposure_rows_);
    return *regressors_at_hand_;
  }
  regressors_.assign(exposures_, exposure_rows_);
  return regressors_;
}

void DayRunner::build_portfolio(int portfolio, std::span<const RowIndex> rows, std::span<const double> s,
                                std::span<const double> double_values, DateIndex n, bool is_counted) {
  if (is_counted && !rows.empty()) counts_.has_names[static_cast<std::size_t>(portfolio)] = 1;
  CutGuess& guess = guesses_[static_cast<std::size_t>(portfolio)];
  if (is_single_sort_)
    return build_tails_book(portfolio, find_tails(s, config_.fractile[0], config_.fractile[1], guess, rank_scratch_), rows, n,
                            is_counted);
  sides_.resize(s.size());
  assign_sides(s, double_values, config_, guess, rank_scratch_, sides_.data());
  take_book(portfolio, {rows, s, sides_}, n, is_counted);
}

void DayRunner::build_group_books(const Portfolios::Grouping& grouping, std::size_t number, DateIndex n, bool is_counted) {
  const auto n_groups = static_cast<std::size_t>(grouping.category->n_groups());
  const std::size_t m = rows_.size();
  const bool is_double = config_.sort_method == SortMethod::double_;
  group_.resize(m);
  group_begin_.assign(n_groups + 1, 0);
  std::int64_t without_group = 0;
  grouping.category->read_groups(asof_, group_.data());
  for (const std::int32_t group : group_) {
    if (group < 0)
      ++without_group;
    else
      ++group_begin_[static_cast<std::size_t>(group) + 1];
  }
  if (is_counted) counts_.missing_group[number] += without_group;
  for (std::size_t g = 0; g < n_groups; ++g) group_begin_[g + 1] += group_begin_[g];
  group_at_.assign(group_begin_.begin(), group_begin_.end() - 1);
  grouped_rows_.resize(m);
  grouped_s_.resize(m);
  if (is_double) grouped_double_.resize(m);
  for (std::size_t i = 0; i < m; ++i) {
    if (group_[i] < 0) continue;
    const auto at = static_cast<std::size_t>(group_at_[static_cast<std::size_t>(group_[i])]++);
    grouped_rows_[at] = rows_[i];
    grouped_s_[at] = s_[i];
    if (is_double) grouped_double_[at] = double_values_[i];
  }
  for (std::size_t g = 0; g < n_groups; ++g) {
    const auto from = static_cast<std::size_t>(group_begin_[g]);
    const auto size = static_cast<std::size_t>(group_begin_[g + 1]) - from;
    if (size == 0) continue;
    std::span<const double> double_values;
    if (is_double) double_values = std::span<const double>(grouped_double_).subspan(from, size);
    build_portfolio(grouping.first + static_cast<int>(g), std::span<const RowIndex>(grouped_rows_).subspan(from, size),
                    std::span<const double>(grouped_s_).subspan(from, size), double_values, n, is_counted);
  }
}

void DayRunner::build_books(DateIndex n, bool is_counted) {
  std::swap(now_, before_);
  std::swap(held_now_, held_before_);
  for (const int portfolio : held_now_) now_[static_cast<std::size_t>(portfolio)].clear();
  held_now_.clear();
  if (n < market_.first()) return;
  day_ = sections_.read(n, *day_scratch_, has_duplicates_);
  if (is_plain_) return build_plain_book(n, is_counted);
  collect_names(n);
  build_portfolio(0, rows_, s_, double_values_, n, is_counted);
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
}

void DayRunner::run_day(DateIndex n, std::vector<PortfolioDay>& out, DailyAnalysis& analysis, std::vector<HeldWeight>* weights) {
  build_books(n, true);
  counts_.names += static_cast<std::int64_t>(n_names_);
  counts_.missing_return += count_missing_returns(n);
  if (config_.coverage) mark_securities();
  if (config_.sort_method == SortMethod::double_)
    counts_.missing_double_var += std::count_if(double_values_.begin(), double_values_.end(), [](double x) { return x != x; });
  const auto at = static_cast<std::size_t>(n - market_.first());
  if (analyst_.is_needed())
    analyst_.analyse(rows_, s_, n, at, analysis);
  else
    analysis.names_used[at] = static_cast<std::int32_t>(n_names_);
  counts_.left_panel += performer_.count_leavers(now_[0], n);
  for (const int portfolio : held_now_) report(portfolio, n, out);
  for (const int portfolio : held_before_)
    if (now_[static_cast<std::size_t>(portfolio)].is_flat()) report(portfolio, n, out);
  if (weights)
    for (std::size_t i = 0; i < now_[0].row.size(); ++i) weights->push_back({n, now_[0].security[i], now_[0].weight[i]});
}

std::int64_t DayRunner::count_missing_returns(DateIndex n) const {
  const auto day = static_cast<std::size_t>(n - market_.first());
  return std::count_if(missing_returns_->rows.begin() + static_cast<std::ptrdiff_t>(missing_returns_->begin[day]),
                       missing_returns_->rows.begin() + static_cast<std::ptrdiff_t>(missing_returns_->begin[day + 1]),
                       [&](RowIndex row) {
                         const double value = day_.values[static_cast<std::size_t>(row - day_.first)];
                         return value == value;
                       });
}

void DayRunner::mark_securities() {
  for (std::size_t j = 0; j < day_.values.size(); ++j)
    if (day_.values[j] == day_.values[j])
      counts_.has_security[static_cast<std::size_t>(market_.security_of_row(day_.first + static_cast<RowIndex>(j)))] = 1;
}

void DayRunner::report(int portfolio, DateIndex n, std::vector<PortfolioDay>& out) {
  const Book& now = now_[static_cast<std::size_t>(portfolio)];
  PortfolioDay day{portfolio, n, performer_.perform(now, n)};
  if (config_.calc_turnover) {
    const Trades trades = trader_.trade(before_[static_cast<std::size_t>(portfolio)], now, n);
    day.outcome.traded = trades.traded;
    day.outcome.tc = trades.tc;
    day.outcome.unknown_cost = trades.unknown_cost;
  }
  out.push_back(day);
}

}  // namespace fractile

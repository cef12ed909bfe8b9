// Copyright The fractile authors. Licensed under the Apache License, Version 2.0.
#include "analysis/later_days.hpp"

#include <algorithm>
#include <memory>
#include <type_traits>
#include <utility>

#include "analysis/equal_book.hpp"
#include "analysis/series_correlation.hpp"
#include "engine/kernels/kernels.hpp"
#include "engine/portfolio/return_order.hpp"
#include "fractile/types.hpp"
#include "parallel/workers.hpp"
#include "stats/ranked_series.hpp"

namespace fractile {
namespace {

constexpr std::size_t kNoDay = static_cast<std::size_t>(-1);

/// The names of the days of one task, numbered in the order of their securities. Tables by name stay in the cache, however many
/// securities the snapshot has had.
class TaskNames {
 public:
  static constexpr SecurityIndex kNoName = -1;
  void set(std::span<const RankedDay> days, std::size_t n_securities) {
    all_.reset(n_securities);
    for (const RankedDay& day : days) all_.unite(day.all.names);
    all_.list(securities_);
    name_of_.assign(n_securities, kNoName);
    for (std::size_t name = 0; name < size(); ++name) name_of_[securities_[name]] = static_cast<SecurityIndex>(name);
  }
  std::size_t size() const noexcept { return securities_.size(); }
  /// kNoName if no day has the security.
  SecurityIndex name_of(SecurityIndex security) const noexcept { return name_of_[static_cast<std::size_t>(security)]; }

 private:
  SecuritySet all_;
  std::vector<std::uint32_t> securities_;
  std::vector<SecurityIndex> name_of_;
};

/// The signals of one day, by name of the task.
template <class Number>
struct DaySignals {
  std::size_t day = kNoDay;
  OrderedSignal order;
  NameSeries<Number> series;
};

/// The returns of one day, by name of the task.
template <class Number>
struct DayReturns {
  std::size_t day = kNoDay;
  NameSeries<Number> series;
  SecuritySet present;      // names with a panel row
  std::vector<double> ret;  // 0 if it is missing
};

/// The walk of one thread over consecutive days.
template <class Number>
class Walk {
 public:
  Walk(const AnalysisContext& context, std::span<const RankedDay> days, std::span<LaterRun> runs, std::span<LaterSignal> signals,
       const ReturnOrder* order)
      : context_(context), days_(days), runs_(runs), signals_(signals), order_(order), books_(runs.size()) {
    for (const LaterRun& run : runs) widest_ = std::max(widest_, run.distance);
    for (const LaterSignal& signal : signals) widest_ = std::max(widest_, signal.distance);
    const std::size_t n_kept = std::min(widest_ + 1, kMaxKept);
    signal_ring_.resize(n_kept);
    return_ring_.resize(runs.empty() ? 0 : n_kept);
  }

  /// Fills the entries of the signals of days begin ... end-1.
  void fill(std::size_t begin, std::size_t end) {
    start(begin > 0 ? begin - 1 : 0, std::min(days_.size(), end + widest_));
    if (begin > 0) hold_books(begin - 1, false);
    for (std::size_t t = begin; t < end; ++t) {
      for (LaterRun& run : runs_)
        if (t + run.distance < days_.size())
          run.ic[t + run.distance] = correlation_.compute(all_names_of(t).order, returns_of(t + run.distance).series);
      hold_books(t, true);
      for (LaterSignal& signal : signals_)
        if (t + signal.distance < days_.size())
          signal.correlation[t] = correlation_.compute(signal_of(t).order, later_signal(t, signal.distance));
    }
  }

 private:
  static constexpr std::size_t kMaxKept = 64;  // days

  /// Prepares for the signals of days first ... end-1.
  void start(std::size_t first, std::size_t end) {
    names_.set(days_.subspan(first, end - first), context_.panel.ranges().size());
    for (auto& day : signal_ring_) day.day = kNoDay;
    for (auto& day : return_ring_) day.day = kNoDay;
    far_signal_.day = all_names_.day = kNoDay;
    for (EqualBook& book : books_) {
      book.n_long = book.n_short = 0;
      book.long_names.reset(names_.size());
      book.short_names.reset(names_.size());
    }
  }

  const DaySignals<Number>& signal_of(std::size_t t) {
    return signals_of(t, days_[t].later_places, signal_ring_[t % signal_ring_.size()]);
  }
  /// A day beyond the ring must not take the place of day t.
  const NameSeries<Number>& later_signal(std::size_t t, std::size_t distance) {
    if (distance < signal_ring_.size()) return signal_of(t + distance).series;
    return signals_of(t + distance, days_[t + distance].later_places, far_signal_).series;
  }
  /// With the names that have a panel row on later days only.
  const DaySignals<Number>& all_names_of(std::size_t t) {
    return days_[t].later_places.empty() ? signal_of(t) : signals_of(t, {}, all_names_);
  }

  /// The signals of day t without those of some places.
  const DaySignals<Number>& signals_of(std::size_t t, std::span<const std::int32_t> without, DaySignals<Number>& out) {
    if (out.day == t) return out;
    out.day = t;
    const OrderedSignal& all = days_[t].all;
    OrderedSignal& order = out.order;
    order.security.resize(all.security.size() - without.size());
    order.names.reset(names_.size());
    out.series.number.assign(names_.size(), static_cast<Number>(kNoRank));
    Number* const number = out.series.number.data();
    std::size_t place = 0, next = 0;
    const auto add_to = [&](std::size_t end) {
      for (; next < end; ++next, ++place) {
        const SecurityIndex name = names_.name_of(all.security[next]);
        order.security[place] = name;
        order.names.add(static_cast<std::size_t>(name));
        number[name] = static_cast<Number>(place);
      }
    };
    for (const std::int32_t at : without) {
      add_to(static_cast<std::size_t>(at));
      ++next;
    }
    add_to(all.security.size());
    copy_ties(all.ties, without, order.ties);
    for (const TiedPlaces& tie : order.ties)
      for (std::int32_t i = tie.begin; i < tie.end; ++i)
        number[order.security[static_cast<std::size_t>(i)]] = static_cast<Number>(tie.begin);
    if (&out != &all_names_) {  // of that one only the order and the numbers are read
      out.series.names = order.names;
      out.series.ranked.set_places(static_cast<std::int32_t>(place), order.ties);
    }
    return out;
  }

  /// The ties that remain without some places.
  static void copy_ties(std::span<const TiedPlaces> ties, std::span<const std::int32_t> without, std::vector<TiedPlaces>& out) {
    out.clear();
    std::size_t gone = 0;  // places before the one that is looked at
    const auto place_of = [&](std::int32_t place) {
      while (gone < without.size() && without[gone] < place) ++gone;
      return place - static_cast<std::int32_t>(gone);
    };
    for (const auto& [begin, end] : ties) {
      const std::int32_t new_begin = place_of(begin), new_end = place_of(end);
      if (new_end - new_begin > 1) out.push_back({new_begin, new_end});
    }
  }

  const DayReturns<Number>& returns_of(std::size_t t) {
    DayReturns<Number>& out = return_ring_[t % return_ring_.size()];
    if (out.day == t) return out;
    out.day = t;
    const PanelView& panel = context_.panel;
    const DateIndex n = panel.first() + static_cast<DateIndex>(t);
    const RowIndex first_row = panel.row_begin(n);
    const ReturnOrder::Day& order = order_->get(n);
    if (t + 1 < days_.size()) prefetch_returns(n + 1);
    row_names_.resize(order.size() + 1);
    rows_.resize(order.size() + 1);
    std::size_t n_rows = 0;
    for (RowIndex row = first_row; row < panel.row_end(n); ++row) {
      const SecurityIndex name = names_.name_of(panel.security_of_row(row));
      row_names_[n_rows] = name;
      rows_[n_rows] = row;
      n_rows += name != TaskNames::kNoName;
    }
    NameSeries<Number>& series = out.series;
    out.present.reset(names_.size());
    out.ret.assign(names_.size(), 0.0);
    series.names.reset(names_.size());
    series.number.assign(names_.size(), static_cast<Number>(kNoRank));
    AscendingAdder with_row(out.present), with_return(series.names);
    numbers_.resize(n_rows + 1);
    std::size_t count = 0;
    context_.returns.ret().column().visit([&, names = row_names_.data(), rows = rows_.data(), numbers = numbers_.data(),
                                           ret = out.ret.data(), of_row = order.data()](auto value_of) {
      for (std::size_t i = 0; i < n_rows; ++i) {
        const SecurityIndex name = names[i];
        const RowIndex row = rows[i];
        const std::int32_t number = of_row[row - first_row];
        const double value = value_of(row);
        const bool has_return = number >= 0;
        ret[name] = has_return ? value : 0.0;
        with_row.add_if(true, static_cast<std::size_t>(name));
        with_return.add_if(has_return, static_cast<std::size_t>(name));
        names[count] = name;
        numbers[count] = static_cast<Number>(number);
        count += has_return;
      }
    });
    with_row.finish();
    with_return.finish();
    numbers_.resize(count);
    rank_returns(series.ranked);
    for (std::size_t i = 0; i < count; ++i) series.number[static_cast<std::size_t>(row_names_[i])] = numbers_[i];
    return out;
  }

  void prefetch_returns(DateIndex n) const {
    constexpr RowIndex kRowsPerLine = 16;
    const ReturnOrder::Day& order = order_->get(n);
    const RowIndex first = context_.panel.row_begin(n), end = context_.panel.row_end(n);
    for (RowIndex row = first; row < end; row += kRowsPerLine) {
      context_.panel.prefetch_security(row);
      context_.returns.ret().column().prefetch(row);
      __builtin_prefetch(order.data() + (row - first), 0, 2);
    }
  }

  /// Renumbers numbers_ so that the largest is below their count, and ranks them.
  void rank_returns(RankedSeries<Number>& out) {
    using Count = std::make_unsigned_t<Number>;
    Number largest = -1;
    for (const Number number : numbers_) largest = std::max(largest, number);
    dense_.assign(padded_counts(static_cast<std::size_t>(largest) + 1), 0);
    for (const Number number : numbers_) dense_[static_cast<std::size_t>(number)] = 1;
    // Twice the number of those below, by number: that is its rank among different ones.
    to_twice_ranks(dense_.data(), dense_.size(), Count{1});
    Number n_different = 0;
    for (Number& number : numbers_) {
      number = static_cast<Number>(dense_[static_cast<std::size_t>(number)] / 2);
      n_different = std::max(n_different, static_cast<Number>(number + 1));
    }
    if (static_cast<std::size_t>(n_different) == numbers_.size())
      out.set_places(n_different, {});
    else
      out.set(numbers_, n_different);
  }

  /// The books of the signals of day t in all runs, and their entries if `is_reported`.
  void hold_books(std::size_t t, bool is_reported) {
    const DaySignals<Number>& signals = all_names_of(t);
    sides_.set(signals.order, names_.size());
    for (std::size_t k = 0; k < runs_.size(); ++k) {
      LaterRun& run = runs_[k];
      const std::size_t later = t + run.distance;
      if (later >= days_.size() || run.ret.empty()) continue;
      const DayReturns<Number>& day = returns_of(later);
      hold(signals, day);
      if (is_reported) report(signals.order, day, books_[k], run);
      std::swap(books_[k], now_);
    }
  }

  /// now_ and its cuts: the names at the ends of the order that are still in the panel, methodology section 5.
  void hold(const DaySignals<Number>& signals, const DayReturns<Number>& day) {
    const OrderedSignal& order = signals.order;
    missing_.clear();
    order.names.list_missing_in(day.present, missing_names_);
    for (const std::uint32_t name : missing_names_) missing_.push_back(signals.series.number[name]);
    std::sort(missing_.begin(), missing_.end());
    const RunConfig& config = context_.config;
    const bool is_long_only = config.method == Method::long_only;
    const auto mincos = static_cast<std::size_t>(config.mincos);
    cuts_ = find_order_cuts(order, missing_, config.fractile[0], config.fractile[1]);
    if (is_long_only) cuts_.n_short = cuts_.short_end = 0;
    if (cuts_.n_long < mincos || (!is_long_only && cuts_.n_short < mincos)) cuts_ = {0, order.security.size(), 0, 0};
    sides_.move_to(cuts_);
    now_.n_long = cuts_.n_long;
    now_.n_short = cuts_.n_short;
    now_.long_names.intersect(sides_.long_names(), day.present);
    now_.short_names.intersect(sides_.short_names(), day.present);
  }

  void report(const OrderedSignal& order, const DayReturns<Number>& day, const EqualBook& before, LaterRun& run) {
    run.is_held[day.day] = now_.n_long + now_.n_short > 0;
    run.ret[day.day] = now_.long_weight() * sum_returns(order, cuts_.long_begin, order.security.size(), day) -
                       now_.short_weight() * sum_returns(order, 0, cuts_.short_end, day);
    if (context_.config.calc_turnover) run.traded[day.day] = sum_trades(before, now_);
  }

  double sum_returns(const OrderedSignal& order, std::size_t begin, std::size_t end, const DayReturns<Number>& day) {
    earned_.resize(end - begin);
    for (std::size_t i = begin; i < end; ++i) earned_[i - begin] = day.ret[static_cast<std::size_t>(order.security[i])];
    return sum(earned_.data(), earned_.size());
  }

  const AnalysisContext& context_;
  std::span<const RankedDay> days_;
  std::span<LaterRun> runs_;
  std::span<LaterSignal> signals_;
  const ReturnOrder* order_;
  std::size_t widest_ = 0;  // distance
  TaskNames names_;
  // Days that the distances reach, by day modulo the size of the ring.
  std::vector<DaySignals<Number>> signal_ring_;
  std::vector<DayReturns<Number>> return_ring_;
  DaySignals<Number> far_signal_, all_names_;
  SeriesCorrelation<Number> correlation_;
  std::vector<EqualBook> books_;  // by run: of the day before
  OrderSides sides_;
  OrderCuts cuts_{};
  EqualBook now_;
  // Memory of one call.
  std::vector<SecurityIndex> row_names_;
  std::vector<RowIndex> rows_;
  std::vector<std::uint32_t> missing_names_;
  std::vector<std::int32_t> missing_;
  std::vector<double> earned_;
  std::vector<Number> numbers_;
  std::vector<std::make_unsigned_t<Number>> dense_;
};

template <class Number>
void fill_as(const AnalysisContext& context, std::span<const RankedDay> days, std::span<LaterRun> runs,
             std::span<LaterSignal> signals) {
  const auto order = runs.empty() ? nullptr : ReturnOrder::of(context.panel, "ret");
  // Each task makes the series of the days behind its own once more.
  constexpr std::size_t kMinDays = 64, kTasksPerThread = 2;
  const std::size_t n_tasks = static_cast<std::size_t>(context.n_slots) * kTasksPerThread;
  const std::size_t n_days = std::max(kMinDays, days.size() / n_tasks + 1);
  std::vector<std::unique_ptr<Walk<Number>>> walks(static_cast<std::size_t>(context.n_slots));
  parallel_for(context.n_slots, static_cast<int>((days.size() + n_days - 1) / n_days), [&](int task, int slot) {
    auto& walk = walks[static_cast<std::size_t>(slot)];
    if (!walk) walk = std::make_unique<Walk<Number>>(context, days, runs, signals, order.get());
    const std::size_t begin = static_cast<std::size_t>(task) * n_days;
    walk->fill(begin, std::min(days.size(), begin + n_days));
  });
}

}  // namespace

bool can_share_ranks(const AnalysisContext& context) {
  const RunConfig& config = context.config;
  const bool is_of_signal_alone = config.input_type == InputType::value && config.sort_method == SortMethod::single &&
                                  config.rank_within.empty() && config.breakpoints.empty() && config.resid == Resid::off &&
                                  config.universe.empty() && !config.from_open && config.hold_days == 1;
  const bool is_of_one_day = !config.exit_fractile && config.overlap == 1 && config.weight == Weight::equal &&
                             config.drift == Drift::false_ && !config.charge_entry_exit;
  return is_of_signal_alone && is_of_one_day && !context.returns.ret().has_exits() && context.knows_later_names();
}

void fill_later_days(const AnalysisContext& context, std::span<const RankedDay> days, std::span<LaterRun> runs,
                     std::span<LaterSignal> signals) {
  std::size_t widest = 0;
  for (std::size_t t = 0; t < days.size(); ++t) {
    const DateIndex n = context.panel.first() + static_cast<DateIndex>(t);
    widest = std::max(
        {widest, days[t].all.security.size(), static_cast<std::size_t>(context.panel.row_end(n) - context.panel.row_begin(n))});
  }
  if (widest <= RankedSeries<std::int16_t>::kMaxNames)
    fill_as<std::int16_t>(context, days, runs, signals);
  else
    fill_as<std::int32_t>(context, days, runs, signals);
}

}  // namespace fractile

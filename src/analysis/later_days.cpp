// Copyright The fractile authors. Licensed under the Apache License, Version 2.0.
#include "analysis/later_days.hpp"

#include <algorithm>
#include <bit>
#include <cmath>
#include <memory>
#include <utility>

#include "engine/kernels/kernels.hpp"
#include "engine/portfolio/rank.hpp"
#include "engine/portfolio/return_order.hpp"
#include "fractile/types.hpp"
#include "parallel/workers.hpp"
#include "stats/ranked_series.hpp"

namespace fractile {
namespace {

constexpr std::size_t kWordBits = 64;

/// A set of securities.
class SecuritySet {
 public:
  void reset(std::size_t n_securities) { words_.assign(n_securities / kWordBits + 1, 0); }
  void add(std::size_t security) noexcept { words_[security / kWordBits] |= std::uint64_t{1} << (security % kWordBits); }
  std::span<std::uint64_t> words() noexcept { return words_; }
  std::size_t count_common(const SecuritySet& other) const noexcept {
    std::size_t count = 0;
    for (std::size_t i = 0; i < words_.size(); ++i) count += static_cast<std::size_t>(std::popcount(words_[i] & other.words_[i]));
    return count;
  }
  /// Calls visit(security) for those that `other` lacks.
  template <class Visit>
  void visit_missing_in(const SecuritySet& other, Visit&& visit) const {
    for (std::size_t i = 0; i < words_.size(); ++i)
      for (std::uint64_t bits = words_[i] & ~other.words_[i]; bits != 0; bits &= bits - 1)
        visit(i * kWordBits + static_cast<std::size_t>(std::countr_zero(bits)));
  }

 private:
  std::vector<std::uint64_t> words_;
};

/// Adds securities in ascending order: a word of a set is written once.
class AscendingAdder {
 public:
  explicit AscendingAdder(SecuritySet& set) : words_(set.words()) {}
  void add_if(bool is_in, std::size_t security) noexcept {
    if (security / kWordBits != at_) {
      words_[at_] = bits_;
      at_ = security / kWordBits;
      bits_ = 0;
    }
    bits_ |= std::uint64_t{is_in} << (security % kWordBits);
  }
  void finish() noexcept { words_[at_] = bits_; }

 private:
  std::span<std::uint64_t> words_;
  std::size_t at_ = 0;
  std::uint64_t bits_ = 0;
};

/// A series of one day by security.
template <class Number>
struct Series {
  static constexpr std::size_t kNoDay = static_cast<std::size_t>(-1);
  std::size_t day = kNoDay;
  std::vector<Number> number;  // kNoRank: the security is not in the series
  SecuritySet names;
  RankedSeries<Number> ranked;
};

/// The panel rows of one day by security, counted from its first.
template <class Number>
struct DayRows {
  std::vector<Number> slot;  // below 0: the security has no row
  SecuritySet names;
};

/// Rank correlations of the series of days. One thread uses one object.
template <class Number>
class SeriesCorrelation {
 public:
  /// Over the names that both have; NaN if they are fewer than kMinCorrelatedNames. `order`: the names of a.
  double compute(const Series<Number>& a, const Series<Number>& b, const OrderedSignal& order) {
    const auto names = static_cast<std::int64_t>(a.names.count_common(b.names));
    if (names < kMinCorrelatedNames) return kNaN;
    gone_.clear();
    b.names.visit_missing_in(a.names, [&](std::size_t security) { gone_.push_back(b.number[security]); });
    const CentredRanks<Number> of_b = b.ranked.without(gone_, part_);
    const SecurityIndex* const security = order.security.data();
    const Number *const number = b.number.data(), *const ranks = of_b.of_number;
    // Twice the rank in a, from the number of names up to it. The ranks in b sum to zero, so these need no centre.
    std::int64_t below = 0, products = 0, loss = 0;
    const auto add_names = [&](std::size_t begin, std::size_t end) {
      std::int64_t sum = 0, twice = 2 * below;
      for (std::size_t i = begin; i < end; ++i) {
        const std::ptrdiff_t of_name = number[security[i]];
        twice += of_name >= 0 ? 2 : 0;
        sum += twice * std::int64_t{ranks[of_name]};  // ranks[kNoRank] is 0
      }
      products += sum;
      below = twice / 2;
    };
    const auto add_tie = [&](std::size_t begin, std::size_t end) {
      std::int64_t count = 0, sum = 0;
      for (std::size_t i = begin; i < end; ++i) {
        const std::ptrdiff_t of_name = number[security[i]];
        count += of_name >= 0;
        sum += ranks[of_name];
      }
      products += (2 * below + count + 1) * sum;
      loss += tie_loss(count);
      below += count;
    };
    std::size_t from = 0;
    for (const OrderedSignal::Tie& tie : order.ties) {
      add_names(from, static_cast<std::size_t>(tie.begin));
      from = static_cast<std::size_t>(tie.end);
      add_tie(static_cast<std::size_t>(tie.begin), from);
    }
    add_names(from, order.security.size());
    return correlate_centred(products, (names * names * names - names - loss) / 3, of_b.squares);
  }

 private:
  std::vector<Number> gone_, part_;
};

/// The equally weighted books of one later run on consecutive days.
struct HeldBook {
  std::vector<RowIndex> row;
  std::vector<SecurityIndex> security;
  std::vector<double> weight;
};

/// The walk of one thread over consecutive days.
template <class Number>
class Walk {
 public:
  Walk(const AnalysisContext& context, std::span<const RankedDay> days, std::span<LaterRun> runs, std::span<LaterSignal> signals,
       const ReturnOrder* order)
      : context_(context),
        days_(days),
        runs_(runs),
        signals_(signals),
        order_(order),
        n_securities_(context.panel.ranges().size()),
        weight_before_(n_securities_, 0.0),
        books_(runs.size()) {
    std::size_t widest = 0;
    for (const LaterRun& run : runs) widest = std::max(widest, run.distance);
    for (const LaterSignal& signal : signals) widest = std::max(widest, signal.distance);
    const std::size_t n_kept = std::min(widest + 1, kMaxKept);
    signal_ring_.resize(n_kept);
    return_ring_.resize(runs.empty() ? 0 : n_kept);
    row_ring_.resize(return_ring_.size());
  }

  /// Fills the entries of the signals of days begin ... end-1.
  void fill(std::size_t begin, std::size_t end) {
    for (HeldBook& book : books_) book = {};
    if (begin > 0)
      for (std::size_t k = 0; k < runs_.size(); ++k) hold(k, begin - 1, false);
    for (std::size_t t = begin; t < end; ++t) {
      for (std::size_t k = 0; k < runs_.size(); ++k) {
        const std::size_t later = t + runs_[k].distance;
        if (later >= days_.size()) continue;
        runs_[k].ic[later] = correlation_.compute(all_names_of(t), returns_of(later), days_[t].all());
        hold(k, t, true);
      }
      for (LaterSignal& signal : signals_)
        if (t + signal.distance < days_.size())
          signal.correlation[t] = correlation_.compute(signal_of(t), later_signal(t, signal.distance), days_[t].own);
    }
  }

 private:
  static constexpr std::size_t kMaxKept = 64;  // days

  const Series<Number>& signal_of(std::size_t t) { return series_of(t, days_[t].own, signal_ring_[t % signal_ring_.size()]); }
  /// A day beyond the ring must not take the place of day t.
  const Series<Number>& later_signal(std::size_t t, std::size_t distance) {
    return distance < signal_ring_.size() ? signal_of(t + distance)
                                          : series_of(t + distance, days_[t + distance].own, far_signal_);
  }
  /// With the names that have a panel row on later days only.
  const Series<Number>& all_names_of(std::size_t t) {
    return days_[t].with_later.security.empty() ? signal_of(t) : series_of(t, days_[t].with_later, all_names_);
  }

  const Series<Number>& series_of(std::size_t t, const OrderedSignal& signal, Series<Number>& out) {
    if (out.day == t) return out;
    numbers_.resize(signal.security.size());
    out.number.assign(n_securities_, static_cast<Number>(kNoRank));
    out.names.reset(n_securities_);
    for (std::size_t i = 0; i < numbers_.size(); ++i) numbers_[i] = static_cast<Number>(i);
    for (const OrderedSignal::Tie& tie : signal.ties)
      for (std::int32_t i = tie.begin; i < tie.end; ++i) numbers_[static_cast<std::size_t>(i)] = static_cast<Number>(tie.begin);
    for (std::size_t i = 0; i < numbers_.size(); ++i) {
      const auto security = static_cast<std::size_t>(signal.security[i]);
      out.number[security] = numbers_[i];
      out.names.add(security);
    }
    out.day = t;
    rank(out);
    return out;
  }

  /// The returns of a day, and its rows.
  const Series<Number>& returns_of(std::size_t t) {
    const std::size_t place = t % return_ring_.size();
    Series<Number>& out = return_ring_[place];
    if (out.day == t) return out;
    DayRows<Number>& rows = row_ring_[place];
    const PanelView& panel = context_.panel;
    const DateIndex n = panel.first() + static_cast<DateIndex>(t);
    const RowIndex first_row = panel.row_begin(n);
    const ReturnOrder::Day& order = order_->get(n);
    rows.slot.assign(n_securities_, Number{-1});
    out.number.assign(n_securities_, static_cast<Number>(kNoRank));
    numbers_.resize(order.size() + 1);
    rows.names.reset(n_securities_);
    out.names.reset(n_securities_);
    AscendingAdder with_row(rows.names), with_return(out.names);
    std::size_t n_returns = 0;
    for (std::size_t i = 0; i < order.size(); ++i) {
      const auto security = static_cast<std::size_t>(panel.security_of_row(first_row + static_cast<RowIndex>(i)));
      const auto number = static_cast<Number>(order[i]);
      rows.slot[security] = static_cast<Number>(i);
      out.number[security] = number;
      numbers_[n_returns] = number;
      n_returns += number >= 0;
      with_row.add_if(true, security);
      with_return.add_if(number >= 0, security);
    }
    with_row.finish();
    with_return.finish();
    numbers_.resize(n_returns);
    out.day = t;
    rank(out);
    return out;
  }

  /// Ranks the series of numbers_.
  void rank(Series<Number>& out) {
    Number largest = -1;
    for (const Number number : numbers_) largest = std::max(largest, number);
    out.ranked.set(numbers_, std::int32_t{largest} + 1);
  }

  /// The book of the signals of day t in the later run k, and its entries if `is_reported`.
  void hold(std::size_t k, std::size_t t, bool is_reported) {
    LaterRun& run = runs_[k];
    const std::size_t later = t + run.distance;
    if (later >= days_.size()) return;
    returns_of(later);
    const DayRows<Number>& rows = row_ring_[later % row_ring_.size()];
    const DateIndex n = context_.panel.first() + static_cast<DateIndex>(later);
    first_row_ = context_.panel.row_begin(n);
    const auto n_rows = static_cast<std::size_t>(context_.panel.row_end(n) - first_row_);
    for (auto* const side : {&long_, &short_}) side->assign(n_rows / kWordBits + 1, 0);
    choose(days_[t].all(), rows.slot.data(), all_names_of(t).names.count_common(rows.names));
    weigh();
    if (is_reported) report(books_[k], later, run);
    std::swap(books_[k], now_);
  }

  /// The names of both sides that are still in the panel, methodology section 5. `m`: the number of names that are.
  void choose(const OrderedSignal& signal, const Number* slot_of, std::size_t m) {
    const double am = context_.config.fractile[0] * static_cast<double>(m),
                 bm = context_.config.fractile[1] * static_cast<double>(m);
    const std::size_t n = signal.security.size();
    const auto slot_at = [&](std::size_t i) { return slot_of[static_cast<std::size_t>(signal.security[i])]; };
    const auto count_present = [&](std::size_t begin, std::size_t end) {
      std::size_t count = 0;
      for (std::size_t i = begin; i < end; ++i) count += slot_at(i) >= 0;
      return count;
    };
    const auto take = [&](std::size_t begin, std::size_t end, std::vector<std::uint64_t>& side) {
      for (std::size_t i = begin; i < end; ++i) {
        const Number slot = slot_at(i);
        const auto at = static_cast<std::size_t>(std::max(slot, Number{0}));
        side[at / kWordBits] |= std::uint64_t{slot >= 0} << (at % kWordBits);
      }
    };
    // Names of equal signals are on one side together; their rank is that of the middle.
    const auto& ties = signal.ties;
    std::size_t below = 0;
    for (std::size_t begin = 0, end = 0, tie = 0; begin < n; begin = end) {
      end = tie < ties.size() && static_cast<std::size_t>(ties[tie].begin) == begin ? static_cast<std::size_t>(ties[tie++].end)
                                                                                    : begin + 1;
      const std::size_t count = count_present(begin, end);
      if (count > 0 && !(100.0 * (static_cast<double>(below) + (static_cast<double>(count) + 1.0) / 2.0) <= am)) break;
      take(begin, end, short_);
      below += count;
    }
    n_short_ = static_cast<int>(below);
    std::size_t rest = m;
    for (std::size_t end = n, begin = n, tie = ties.size(); end > 0; end = begin) {
      begin =
          tie > 0 && static_cast<std::size_t>(ties[tie - 1].end) == end ? static_cast<std::size_t>(ties[--tie].begin) : end - 1;
      const std::size_t count = count_present(begin, end);
      if (count > 0 && !(100.0 * (static_cast<double>(rest - count) + (static_cast<double>(count) + 1.0) / 2.0) > bm)) break;
      take(begin, end, long_);
      rest -= count;
    }
    n_long_ = static_cast<int>(m - rest);
  }

  /// now_ and earned_ from the sides, in the order of the panel.
  void weigh() {
    const bool is_long_only = context_.config.method == Method::long_only;
    const int mincos = context_.config.mincos;
    const bool is_flat = n_long_ < mincos || (!is_long_only && n_short_ < mincos);
    const auto n = is_flat ? std::size_t{0} : static_cast<std::size_t>(n_long_ + (is_long_only ? 0 : n_short_));
    now_.security.resize(n);
    now_.weight.resize(n);
    now_.row.resize(n);
    if (is_flat) return;
    const double of_long = 1.0 / n_long_, of_short = -1.0 / n_short_;
    std::size_t count = 0;
    for (std::size_t i = 0; i < long_.size(); ++i)
      for (std::uint64_t bits = is_long_only ? long_[i] : long_[i] | short_[i]; bits != 0; bits &= bits - 1) {
        const auto bit = static_cast<std::size_t>(std::countr_zero(bits));
        now_.row[count] = first_row_ + static_cast<RowIndex>(i * kWordBits + bit);
        now_.weight[count] = (long_[i] >> bit & 1) != 0 ? of_long : of_short;
        ++count;
      }
    for (std::size_t i = 0; i < n; ++i) now_.security[i] = context_.panel.security_of_row(now_.row[i]);
  }

  void report(const HeldBook& before, std::size_t day, LaterRun& run) {
    earned_.resize(now_.row.size());
    context_.returns.ret().column().visit([&, rows = now_.row.data(), earned = earned_.data()](auto value_of) {
      for (std::size_t i = 0; i < earned_.size(); ++i) {
        const double value = value_of(rows[i]);
        earned[i] = value == value ? value : 0.0;
      }
    });
    run.is_held[day] = !now_.row.empty();
    run.ret[day] = sum_long_products(now_.weight.data(), earned_.data(), earned_.size()) +
                   sum_short_products(now_.weight.data(), earned_.data(), earned_.size());
    if (context_.config.calc_turnover) run.traded[day] = sum_trades(before);
  }

  /// The sum of |change of weight| from `before` to now_, in the order of TradeListBuilder.
  double sum_trades(const HeldBook& before) {
    double* const weight_before = weight_before_.data();
    for (std::size_t i = 0; i < before.security.size(); ++i)
      weight_before[static_cast<std::size_t>(before.security[i])] = before.weight[i];
    changes_.resize(now_.security.size() + before.security.size() + 1);
    std::size_t count = now_.security.size();
    for (std::size_t i = 0; i < count; ++i) {
      double& w = weight_before[static_cast<std::size_t>(now_.security[i])];
      changes_[i] = std::fabs(now_.weight[i] - w);
      w = 0.0;
    }
    for (const SecurityIndex security : before.security) {
      double& w = weight_before[static_cast<std::size_t>(security)];
      changes_[count] = std::fabs(w);
      count += w != 0.0;
      w = 0.0;
    }
    return sum(changes_.data(), count);
  }

  const AnalysisContext& context_;
  std::span<const RankedDay> days_;
  std::span<LaterRun> runs_;
  std::span<LaterSignal> signals_;
  const ReturnOrder* order_;
  std::size_t n_securities_;
  // Days that the distances reach, by day modulo the size of the ring.
  std::vector<Series<Number>> signal_ring_, return_ring_;
  std::vector<DayRows<Number>> row_ring_;
  Series<Number> far_signal_, all_names_;
  SeriesCorrelation<Number> correlation_;
  std::vector<double> weight_before_;  // by security; 0 between calls
  std::vector<HeldBook> books_;        // by run: of the day before
  HeldBook now_;
  std::vector<double> earned_, changes_;
  // The sides of now_: bits by panel row from the first of its day, and numbers of names.
  RowIndex first_row_ = 0;
  std::vector<std::uint64_t> long_, short_;
  int n_long_ = 0, n_short_ = 0;
  std::vector<Number> numbers_;
};

template <class Number>
void fill_as(const AnalysisContext& context, std::span<const RankedDay> days, std::span<LaterRun> runs,
             std::span<LaterSignal> signals) {
  const auto order = runs.empty() ? nullptr : ReturnOrder::of(context.panel, "ret");
  // Each task makes the series of the days behind its own once more.
  constexpr std::size_t kMinDays = 64, kTasksPerThread = 4;
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
        {widest, days[t].all().security.size(), static_cast<std::size_t>(context.panel.row_end(n) - context.panel.row_begin(n))});
  }
  if (widest <= RankedSeries<std::int16_t>::kMaxNames)
    fill_as<std::int16_t>(context, days, runs, signals);
  else
    fill_as<std::int32_t>(context, days, runs, signals);
}

}  // namespace fractile

// Copyright The fractile authors. Licensed under the Apache License, Version 2.0.
//
// Analysis "decay", methodology section 8: the loss of the signal's value with the holding horizon.
#include <algorithm>
#include <cmath>

#include "analysis/analysis_module.hpp"
#include "analysis/rank_correlation.hpp"
#include "fractile/types.hpp"
#include "parallel/workers.hpp"
#include "stats/moments.hpp"
#include "stats/rank_correlation.hpp"

namespace fractile {
namespace {

/// The first number of a column; NaN if there is none.
double first_of(const TableSet& tables, std::string_view table, std::string_view column) {
  const Column* const found = tables[table].find(column);
  const auto* const values = found ? std::get_if<std::vector<double>>(&found->values) : nullptr;
  return values && !values->empty() ? values->front() : kNaN;
}

/// The names of a day, ascending, and whole numbers from 0 in the order of their signals, equal for equal signals.
struct OrderedSignal {
  std::vector<SecurityIndex> security;
  std::vector<std::int32_t> number;
};

struct Horizon {
  double ic, ic_t_nw, ret_ann, sharpe, turnover;
};

class DecayRun final : public AnalysisRun {
 public:
  explicit DecayRun(const AnalysisContext& context) : context_(context), ic_(context.days(), kNaN), days_(context.days()) {}

  std::unique_ptr<DayObserver> make_observer(int) override { return std::make_unique<Observer>(*this); }

  void finish(TableSet& tables) override {
    std::vector<std::int64_t> horizon;
    std::vector<double> ic, ic_t_nw, ret_ann, sharpe, turnover;
    std::vector<int> distances = context_.config.horizons;
    const auto one_day = static_cast<std::size_t>(std::find(distances.begin(), distances.end(), 1) - distances.begin());
    if (one_day == distances.size()) distances.push_back(1);
    std::vector<double> autocorrelation = correlate_with_later(distances);
    const double next = autocorrelation[one_day];
    autocorrelation.resize(context_.config.horizons.size());
    for (const int h : context_.config.horizons) {
      const Horizon row = h == 1 ? read_own(tables) : run_later(h);
      horizon.push_back(h);
      ic.push_back(row.ic);
      ic_t_nw.push_back(row.ic_t_nw);
      ret_ann.push_back(row.ret_ann);
      sharpe.push_back(row.sharpe);
      turnover.push_back(row.turnover);
    }
    const double half_life = next > 0.0 && next < 1.0 ? std::log(0.5) / std::log(next) : kNaN;
    tables.add("decay", {{{"horizon", std::move(horizon)},
                          {"ic", std::move(ic)},
                          {"ic_t_nw", std::move(ic_t_nw)},
                          {"ret_ann", std::move(ret_ann)},
                          {"sharpe_ret", std::move(sharpe)},
                          {"turnover", std::move(turnover)},
                          {"rank_autocorrelation", std::move(autocorrelation)}}});
    tables.add("decay_half_life", {{{"half_life", std::vector<double>{half_life}}}});
  }

 private:
  class Observer final : public DayObserver {
   public:
    explicit Observer(DecayRun& run) : run_(run), ic_(run.context_) {}
    void observe(const ObservedDay& day) override {
      OrderedSignal& signal = run_.days_[day.at];
      const std::span<const double> ranks = day.all_ranks.get();
      signal.security.resize(ranks.size());
      signal.number.resize(ranks.size());
      for (std::size_t i = 0; i < ranks.size(); ++i) {
        signal.security[i] = run_.context_.panel.security_of_row(day.rows[i]);
        signal.number[i] = static_cast<std::int32_t>(ranks[i]) - 1;
      }
      run_.ic_[day.at] = ic_.compute(day);
    }

   private:
    DecayRun& run_;
    InformationCoefficient ic_;
  };

  /// Horizon 1 is the run itself.
  Horizon read_own(const TableSet& tables) const {
    std::vector<double> ic;
    for (const double value : ic_)
      if (value == value) ic.push_back(value);
    return {mean(ic) + 0.0, newey_west_t_statistic(ic) + 0.0, first_of(tables, "summary", "ret_ann"),
            first_of(tables, "summary", "sharpe_ret"), first_of(tables, "summary", "turnover")};
  }

  Horizon run_later(int h) const {
    RunConfig config = context_.config;
    config.lag += h - 1;
    config.analysis = {"ic"};
    config.byvar_list = {"overall"};
    config.keep_weights = false;
    config.tc_model = TcModel::naive;  // the table has no costs, and this model needs no column
    const TableSet later = context_.run_again(config);
    return {first_of(later, "ic_summary", "mean"), first_of(later, "ic_summary", "t_stat_nw"),
            first_of(later, "summary", "ret_ann"), first_of(later, "summary", "sharpe_ret"),
            first_of(later, "summary", "turnover")};
  }

  /// By distance: the mean over days of the rank correlation of the signal with itself so many trading days later.
  std::vector<double> correlate_with_later(const std::vector<int>& distances) const {
    std::size_t widest = 0;
    for (const OrderedSignal& day : days_) widest = std::max(widest, day.number.size());
    return widest <= RankCorrelation<std::int16_t>::kMaxNames ? correlate_with_later<std::int16_t>(distances)
                                                              : correlate_with_later<std::int32_t>(distances);
  }

  template <class Number>
  std::vector<double> correlate_with_later(const std::vector<int>& distances) const {
    const std::size_t n_days = context_.days();
    std::vector<std::vector<double>> of_day(distances.size(), std::vector<double>(n_days, kNaN));
    struct Scratch {
      std::vector<Number> number_of;  // by security
      std::vector<Number> now, later;
      RankCorrelation<Number> correlation;
    };
    constexpr int kDaysPerTask = 64;
    std::vector<Scratch> scratches(static_cast<std::size_t>(context_.n_slots));
    parallel_for(context_.n_slots, (context_.n_days + kDaysPerTask - 1) / kDaysPerTask, [&](int task, int slot) {
      Scratch& scratch = scratches[static_cast<std::size_t>(slot)];
      scratch.number_of.resize(context_.panel.ranges().size(), kNoRank);
      const auto begin = static_cast<std::size_t>(task * kDaysPerTask);
      for (std::size_t t = begin; t < std::min(n_days, begin + kDaysPerTask); ++t) {
        const OrderedSignal& now = days_[t];
        scratch.now.assign(now.number.begin(), now.number.end());
        scratch.later.resize(now.number.size());
        scratch.correlation.set(scratch.now, static_cast<std::int32_t>(now.number.size()));
        for (std::size_t k = 0; k < distances.size(); ++k) {
          const std::size_t other = t + static_cast<std::size_t>(distances[k]);
          if (other >= n_days) continue;
          const OrderedSignal& later = days_[other];
          for (std::size_t i = 0; i < later.number.size(); ++i)
            scratch.number_of[static_cast<std::size_t>(later.security[i])] = static_cast<Number>(later.number[i]);
          for (std::size_t i = 0; i < scratch.later.size(); ++i)
            scratch.later[i] = scratch.number_of[static_cast<std::size_t>(now.security[i])];
          for (const SecurityIndex security : later.security) scratch.number_of[static_cast<std::size_t>(security)] = kNoRank;
          of_day[k][t] = scratch.correlation.compute(scratch.later, static_cast<std::int32_t>(later.number.size())).value;
        }
      }
    });
    std::vector<double> means;
    for (std::vector<double>& values : of_day) {
      std::erase_if(values, [](double x) { return x != x; });
      means.push_back(mean(values) + 0.0);
    }
    return means;
  }

  const AnalysisContext context_;
  // Per loaded day.
  std::vector<double> ic_;
  std::vector<OrderedSignal> days_;
};

}  // namespace

AnalysisModule decay_module() {
  return {"decay",
          [](const RunConfig& config) { return has_analysis(config, "decay"); },
          {{"decay",
            "analysis=[\"decay\"]",
            "The run at each horizon: with h-1 added to lag.",
            {{"horizon", ColumnType::whole, "trading days", "h; 1 is the run itself"},
             {"ic", ColumnType::real, "", "mean daily rank correlation of signal and return"},
             {"ic_t_nw", ColumnType::real, "", "its t with the Newey and West error"},
             {"ret_ann", ColumnType::real, "fraction per year", "return of the overall book before costs, annualised"},
             {"sharpe_ret", ColumnType::real, "", "its annualised Sharpe ratio"},
             {"turnover", ColumnType::real, "share of the book per day", "mean daily turnover"},
             {"rank_autocorrelation", ColumnType::real, "", "mean rank correlation of the signal with itself h days later"}}},
           {"decay_half_life",
            "analysis=[\"decay\"]",
            "Periods after which the rank autocorrelation has halved, by that of one day: ln 0.5 / ln of it.",
            {{"half_life", ColumnType::real, "periods", "NaN unless the autocorrelation is between 0 and 1"}},
            false,
            true}},
          [](const AnalysisContext& context) -> std::unique_ptr<AnalysisRun> { return std::make_unique<DecayRun>(context); }};
}

}  // namespace fractile

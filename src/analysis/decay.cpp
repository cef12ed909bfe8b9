// Copyright The fractile authors. Licensed under the Apache License, Version 2.0.
//
// Analysis "decay", methodology section 8: the loss of the signal's value with the holding horizon.
#include <algorithm>
#include <cmath>
#include <span>

#include "analysis/analysis_module.hpp"
#include "analysis/later_days.hpp"
#include "analysis/rank_correlation.hpp"
#include "fractile/types.hpp"
#include "stats/moments.hpp"

namespace fractile {
namespace {

/// The first number of a column; NaN if there is none.
double first_of(const TableSet& tables, std::string_view table, std::string_view column) {
  const Column* const found = tables[table].find(column);
  const auto* const values = found ? std::get_if<std::vector<double>>(&found->values) : nullptr;
  return values && !values->empty() ? values->front() : kNaN;
}

struct Horizon {
  double ic, ic_t_nw, ret_ann, sharpe, turnover;
};

class DecayRun final : public AnalysisRun {
 public:
  explicit DecayRun(const AnalysisContext& context) : context_(context), ic_(context.days(), kNaN), days_(context.days()) {}

  std::unique_ptr<DayObserver> make_observer(int) override { return std::make_unique<Observer>(*this); }

  void finish(TableSet& tables) override {
    const std::vector<int>& horizons = context_.config.horizons;
    std::vector<LaterSignal> signals;
    for (const int h : horizons) signals.push_back(later_signal(h));
    const auto next_day = static_cast<std::size_t>(std::find(horizons.begin(), horizons.end(), 1) - horizons.begin());
    if (next_day == horizons.size()) signals.push_back(later_signal(1));
    std::vector<LaterRun> runs;
    const bool is_shared = can_share_ranks(context_);
    if (is_shared)
      for (const int h : horizons) runs.push_back(later_run(h));
    fill_later_days(context_, days_, runs, signals);
    std::vector<std::int64_t> horizon;
    std::vector<double> ic, ic_t_nw, ret_ann, sharpe, turnover, autocorrelation;
    for (std::size_t k = 0; k < horizons.size(); ++k) {
      const int h = horizons[k];
      const Horizon row = h == 1 ? read_own(tables, is_shared ? runs[k].ic : ic_) : is_shared ? summarise(runs[k]) : run_later(h);
      horizon.push_back(h);
      ic.push_back(row.ic);
      ic_t_nw.push_back(row.ic_t_nw);
      ret_ann.push_back(row.ret_ann);
      sharpe.push_back(row.sharpe);
      turnover.push_back(row.turnover);
      autocorrelation.push_back(mean_of_known(signals[k].correlation));
    }
    const double next = mean_of_known(signals[next_day].correlation);
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
    explicit Observer(DecayRun& run)
        : run_(run), is_shared_(can_share_ranks(run.context_)), ic_(run.context_), ranker_(run.context_.panel.ranges().size()) {}
    void observe(const ObservedDay& day) override {
      names_.resize(day.rows.size());
      for (std::size_t i = 0; i < names_.size(); ++i) names_[i] = run_.context_.panel.security_of_row(day.rows[i]);
      if (is_shared_) run_.context_.read_later_names(day.n, later_);
      ranker_.rank(names_, day.values, later_, run_.days_[day.at]);
      if (!is_shared_) run_.ic_[day.at] = ic_.compute(day);
    }

   private:
    DecayRun& run_;
    bool is_shared_;
    InformationCoefficient ic_;
    DayRanker ranker_;
    std::vector<SecurityIndex> names_;
    std::vector<NamedSignal> later_;
  };

  /// Days that horizon h adds to lag.
  static std::size_t distance_of(int h) { return static_cast<std::size_t>(h) - 1; }
  LaterSignal later_signal(int h) const { return {static_cast<std::size_t>(h), std::vector<double>(context_.days(), kNaN)}; }
  LaterRun later_run(int h) const {
    const std::size_t n = context_.days();
    if (h == 1) return {0, std::vector<double>(n, kNaN), {}, {}, {}};
    return {distance_of(h), std::vector<double>(n, kNaN), std::vector<double>(n, 0.0), std::vector<double>(n, 0.0),
            std::vector<std::uint8_t>(n, 0)};
  }

  static std::vector<double> known(std::vector<double> values) {
    std::erase_if(values, [](double x) { return x != x; });
    return values;
  }
  static double mean_of_known(const std::vector<double>& values) { return mean(known(values)) + 0.0; }

  /// The statistics of the book on the days from the first to the last on which it is held; the first day's trade is free.
  Horizon summarise(const LaterRun& run) const {
    const std::vector<double> ic = known(run.ic);
    std::size_t first = 0, end = run.is_held.size();
    while (first < end && !run.is_held[first]) ++first;
    while (end > first && !run.is_held[end - 1]) --end;
    const auto days = std::span(run.ret).subspan(first, end - first);
    const double gross = context_.config.method == Method::long_only ? 1.0 : 2.0;
    std::vector<double> turnover;
    for (std::size_t t = first; t < end; ++t) turnover.push_back(t > first ? run.traded[t] / (2.0 * gross) : 0.0);
    if (!context_.config.calc_turnover) std::fill(turnover.begin(), turnover.end(), kNaN);
    const double periods = context_.periods_per_year;
    return {mean(ic) + 0.0, newey_west_t_statistic(ic) + 0.0, periods * mean(days) + 0.0, annualised_sharpe(days, periods) + 0.0,
            mean(turnover) + 0.0};
  }

  /// Horizon 1 is the run itself.
  static Horizon read_own(const TableSet& tables, const std::vector<double>& daily_ic) {
    const std::vector<double> ic = known(daily_ic);
    return {mean(ic) + 0.0, newey_west_t_statistic(ic) + 0.0, first_of(tables, "summary", "ret_ann"),
            first_of(tables, "summary", "sharpe_ret"), first_of(tables, "summary", "turnover")};
  }

  Horizon run_later(int h) const {
    RunConfig config = context_.config;
    config.lag += static_cast<int>(distance_of(h));
    config.analysis = {"ic"};
    config.byvar_list = {"overall"};
    config.keep_weights = false;
    config.tc_model = TcModel::naive;  // the table has no costs, and this model needs no column
    const TableSet later = context_.run_again(config);
    return {first_of(later, "ic_summary", "mean"), first_of(later, "ic_summary", "t_stat_nw"),
            first_of(later, "summary", "ret_ann"), first_of(later, "summary", "sharpe_ret"),
            first_of(later, "summary", "turnover")};
  }

  const AnalysisContext context_;
  // Per loaded day.
  std::vector<double> ic_;  // not filled if the runs are
  std::vector<RankedDay> days_;
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

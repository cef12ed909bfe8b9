// Copyright The fractile authors. Licensed under the Apache License, Version 2.0.
//
// Analysis "decay", methodology section 8: the loss of the signal's value with the holding horizon.
#include <cmath>

#include "analysis/analysis_module.hpp"
#include "analysis/rank_correlation.hpp"
#include "analysis/sorted_names.hpp"
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

struct Horizon {
  double ic, ic_t_nw, ret_ann, sharpe, turnover;
};

class DecayRun final : public AnalysisRun {
 public:
  explicit DecayRun(const AnalysisContext& context) : context_(context), ic_(context.days(), kNaN), days_(context.days()) {}

  std::unique_ptr<DayObserver> make_observer(int) override { return std::make_unique<Observer>(*this); }

  void finish(TableSet& tables) override {
    std::vector<std::int64_t> horizon;
    std::vector<double> ic, ic_t_nw, ret_ann, sharpe, turnover, autocorrelation;
    for (const int h : context_.config.horizons) {
      const Horizon row = h == 1 ? read_own(tables) : run_later(h);
      horizon.push_back(h);
      ic.push_back(row.ic);
      ic_t_nw.push_back(row.ic_t_nw);
      ret_ann.push_back(row.ret_ann);
      sharpe.push_back(row.sharpe);
      turnover.push_back(row.turnover);
      autocorrelation.push_back(correlate_with_later(h));
    }
    const double next = correlate_with_later(1);
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
    explicit Observer(DecayRun& run) : run_(run) {}
    void observe(const ObservedDay& day) override {
      run_.days_[day.at].assign(run_.context_.panel, day.rows, day.all_ranks.get());
      run_.ic_[day.at] = ic_.compute(day, run_.context_.returns.ret());
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

  /// The mean over days of the rank correlation of the signal with itself h trading days later.
  double correlate_with_later(int h) const {
    const int n_days = context_.n_days;
    if (h >= n_days) return kNaN;
    constexpr int kDaysPerTask = 64;
    std::vector<double> of_day(static_cast<std::size_t>(n_days - h), kNaN);
    std::vector<SortedNames::Scratch> scratch(static_cast<std::size_t>(context_.n_slots));
    parallel_for(context_.n_slots, (n_days - h + kDaysPerTask - 1) / kDaysPerTask, [&](int task, int slot) {
      for (int t = task * kDaysPerTask; t < std::min(n_days - h, (task + 1) * kDaysPerTask); ++t)
        of_day[static_cast<std::size_t>(t)] =
            SortedNames::correlate(days_[static_cast<std::size_t>(t)], days_[static_cast<std::size_t>(t + h)],
                                   kMinCorrelatedNames, scratch[static_cast<std::size_t>(slot)]);
    });
    std::erase_if(of_day, [](double x) { return x != x; });
    return mean(of_day) + 0.0;
  }

  const AnalysisContext context_;
  // Per loaded day.
  std::vector<double> ic_;
  std::vector<SortedNames> days_;
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

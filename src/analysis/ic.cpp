// Copyright The fractile authors. Licensed under the Apache License, Version 2.0.
//
// Analysis "ic", methodology section 8: the daily rank correlation of signal and return.
#include "analysis/analysis_module.hpp"
#include "analysis/rank_correlation.hpp"
#include "fractile/types.hpp"
#include "stats/moments.hpp"

namespace fractile {
namespace {

class IcRun final : public AnalysisRun {
 public:
  explicit IcRun(const AnalysisContext& context) : context_(context), ic_(context.days(), kNaN), names_(context.days(), 0) {}

  std::unique_ptr<DayObserver> make_observer(int) override { return std::make_unique<Observer>(*this); }

  void finish(TableSet& tables) override {
    Column::Dates dates;
    std::vector<double> ic;
    std::vector<std::int64_t> names;
    for (std::size_t t = 0; t < ic_.size(); ++t) {
      if (ic_[t] != ic_[t]) continue;
      dates.days.push_back(context_.panel.date(context_.panel.first() + static_cast<DateIndex>(t)));
      ic.push_back(ic_[t]);
      names.push_back(names_[t]);
    }
    Table summary = summarise(ic);
    tables.add("ic", {{{"date", std::move(dates)}, {"ic", std::move(ic)}, {"names", std::move(names)}}});
    tables.add("ic_summary", std::move(summary));
  }

 private:
  class Observer final : public DayObserver {
   public:
    explicit Observer(IcRun& run) : run_(run), ic_(run.context_) {}
    void observe(const ObservedDay& day) override {
      run_.ic_[day.at] = ic_.compute(day);
      run_.names_[day.at] = static_cast<std::int32_t>(ic_.n_names());
    }

   private:
    IcRun& run_;
    InformationCoefficient ic_;
  };

  static Table summarise(const std::vector<double>& ic) {
    const double deviation = standard_deviation(ic);
    const auto one = [](double x) { return std::vector<double>{x + 0.0}; };
    return {{{"mean", one(mean(ic))},
             {"std", one(deviation)},
             {"icir", one(deviation >= 1e-15 ? mean(ic) / deviation : kNaN)},
             {"t_stat", one(t_statistic(ic))},
             {"t_stat_nw", one(newey_west_t_statistic(ic))},
             {"hit_rate", one(share_positive(ic))}}};
  }

  AnalysisContext context_;
  std::vector<double> ic_;  // per loaded day; NaN if the day has none
  std::vector<std::int32_t> names_;
};

}  // namespace

AnalysisModule ic_module() {
  return {"ic",
          [](const RunConfig& config) { return has_analysis(config, "ic"); },
          {{"ic",
            "analysis=[\"ic\"]",
            "Spearman rank correlation of signal and return per day.",
            {{"date", ColumnType::date, "", "return day"},
             {"ic", ColumnType::real, "", "rank correlation, average ranks for ties"},
             {"names", ColumnType::whole, "", "names with a signal and a return"}}},
           {"ic_summary",
            "analysis=[\"ic\"]",
            "Statistics of the daily correlations, one row.",
            {{"mean", ColumnType::real, "", "mean"},
             {"std", ColumnType::real, "", "standard deviation, n-1"},
             {"icir", ColumnType::real, "", "mean / std"},
             {"t_stat", ColumnType::real, "", "mean / (std / √n)"},
             {"t_stat_nw", ColumnType::real, "", "the same with the Newey and West error"},
             {"hit_rate", ColumnType::real, "", "share of days above 0"}}}},
          [](const AnalysisContext& context) -> std::unique_ptr<AnalysisRun> { return std::make_unique<IcRun>(context); }};
}

}  // namespace fractile

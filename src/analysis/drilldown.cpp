// Copyright The fractile authors. Licensed under the Apache License, Version 2.0.
//
// Analysis "drilldown", methodology section 8: the contribution of each name of the overall book to a day.
#include <algorithm>

#include "analysis/analysis_module.hpp"
#include "analysis/result_days.hpp"
#include "analysis/security_column.hpp"
#include "engine/trading/cost_model.hpp"
#include "fractile/types.hpp"

namespace fractile {
namespace {

class DrilldownRun final : public AnalysisRun {
 public:
  explicit DrilldownRun(const AnalysisContext& context) : context_(context), days_(context.days()) {}

  bool needs_names() const noexcept override { return false; }
  std::unique_ptr<DayObserver> make_observer(int) override { return std::make_unique<Observer>(*this); }

  void finish(TableSet& tables) override {
    const ResultDays days(context_, tables);
    Column::Dates dates;
    std::vector<SecurityIndex> security;
    std::vector<double> weight, ret, contribution, tc;
    for (std::size_t row = 0; row < days.places().size(); ++row) {
      std::vector<Name>& names = days_[days.places()[row]];
      for (const Name& name : names) {
        if (row == 0 && name.weight == 0.0) continue;  // the table begins with this day
        dates.days.push_back(days.dates().days[row]);
        security.push_back(name.security);
        weight.push_back(name.weight);
        ret.push_back(name.ret);
        contribution.push_back((name.ret == name.ret ? name.weight * name.ret : 0.0) + 0.0);
        tc.push_back(!context_.config.calc_turnover ? kNaN : row == 0 ? 0.0 : name.tc);
      }
      names = {};
    }
    tables.add("drilldown", {{{"date", std::move(dates)},
                              make_security_column(context_.panel.snapshot(), security),
                              {"weight", std::move(weight)},
                              {"ret", std::move(ret)},
                              {"contribution", std::move(contribution)},
                              {"tc", std::move(tc)}}});
  }

 private:
  /// A name that the book holds, or sells, on one day.
  struct Name {
    SecurityIndex security;
    double weight;
    double ret;  ///< NaN if it is missing
    double tc;
  };

  class Observer final : public DayObserver {
   public:
    explicit Observer(DrilldownRun& run) : run_(run), costs_(make_cost_model(run.context_.panel, run.context_.config)) {}
    void observe(const ObservedDay& day) override {
      const AnalysisContext& context = run_.context_;
      const EarnedReturns& ret = context.returns.ret();
      if (context.config.calc_turnover) costs_->price_each(day.trades, tc_);
      tc_.resize(std::max(day.book.row.size(), day.trades.size()), 0.0);
      std::vector<Name>& names = run_.days_[day.at];
      names.reserve(tc_.size());
      for (std::size_t i = 0; i < day.book.row.size(); ++i)
        names.push_back({day.book.security[i], day.book.weight[i], ret[day.book.row[i]], tc_[i]});
      for (std::size_t i = day.book.row.size(); i < day.trades.size(); ++i) {
        const SecurityIndex security = context.panel.security_of_row(day.trades.newest[i]);
        const RowIndex row = context.panel.find_row(security, day.n);
        names.push_back({security, 0.0, row == kNoRow ? kNaN : ret[row], tc_[i]});
      }
      std::sort(names.begin(), names.end(), [](const Name& a, const Name& b) { return a.security < b.security; });
    }

   private:
    DrilldownRun& run_;
    std::unique_ptr<CostModel> costs_;
    std::vector<double> tc_;
  };

  const AnalysisContext context_;
  std::vector<std::vector<Name>> days_;  // per loaded day
};

}  // namespace

AnalysisModule drilldown_module() {
  return {
      "drilldown",
      [](const RunConfig& config) { return has_analysis(config, "drilldown"); },
      {{"drilldown",
        "analysis=[\"drilldown\"]",
        "The names that the overall book holds or sells on a day, securities ascending; Python's contribution(), worst_days() "
        "and best_days() read it.",
        {{"date", ColumnType::date, "", "return day"},
         {"security_id", ColumnType::security, "", "the identifier as the panel gives it"},
         {"weight", ColumnType::real, "share of a side", "above 0 long, below 0 short, 0 sold that day"},
         {"ret", ColumnType::real, "fraction per day", "the name's return; NaN if it is missing"},
         {"contribution", ColumnType::real, "fraction per day", "weight · ret; a missing return adds 0"},
         {"tc", ColumnType::real, "fraction per day", "cost of the name's trade of that day"}}}},
      [](const AnalysisContext& context) -> std::unique_ptr<AnalysisRun> { return std::make_unique<DrilldownRun>(context); }};
}

}  // namespace fractile

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
    const std::size_t n_rows = days.places().size();
    const bool is_charged = context_.config.charge_entry_exit;
    for (std::size_t row = 0; row < n_rows; ++row) {
      std::vector<Name>& names = days_[days.places()[row]];
      const bool pays_trade = row > 0 || is_charged, pays_closing = row + 1 == n_rows && is_charged;
      for (const Name& name : names) {
        if (row == 0 && name.weight == 0.0) continue;  // the table begins with this day
        dates.days.push_back(days.dates().days[row]);
        security.push_back(name.security);
        weight.push_back(name.weight);
        ret.push_back(name.ret);
        contribution.push_back((name.ret == name.ret ? name.weight * name.ret : 0.0) + 0.0);
        const double cost = (pays_trade ? name.tc : 0.0) + (pays_closing ? name.closing_tc : 0.0);
        tc.push_back(context_.config.calc_turnover ? cost : kNaN);
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
    double closing_tc;  ///< of the trade that would close the book on this day; 0 unless charge_entry_exit
  };

  class Observer final : public DayObserver {
   public:
    explicit Observer(DrilldownRun& run) : run_(run), costs_(make_cost_model(run.context_.panel, run.context_.config)) {}
    bool needs_outcome() const noexcept override { return true; }
    void observe(const ObservedDay& day) override {
      const AnalysisContext& context = run_.context_;
      const EarnedReturns& ret = context.returns.ret();
      if (context.config.calc_turnover) costs_->price_each(day.trades, tc_);
      tc_.resize(std::max(day.book.row.size(), day.trades.size()), 0.0);
      price_closing(day);
      std::vector<Name>& names = run_.days_[day.at];
      names.reserve(tc_.size());
      for (std::size_t i = 0; i < day.book.row.size(); ++i)
        names.push_back({day.book.security[i], day.book.weight[i], ret[day.book.row[i]], tc_[i], closing_tc_[i]});
      for (std::size_t i = day.book.row.size(); i < day.trades.size(); ++i) {
        const SecurityIndex security = context.panel.security_of_row(day.trades.newest[i]);
        const RowIndex row = context.panel.find_row(security, day.n);
        names.push_back({security, 0.0, row == kNoRow ? kNaN : ret[row], tc_[i], 0.0});
      }
      std::sort(names.begin(), names.end(), [](const Name& a, const Name& b) { return a.security < b.security; });
    }

   private:
    /// Any day may be the last one: the table's days are known only at the end.
    void price_closing(const ObservedDay& day) {
      const RunConfig& config = run_.context_.config;
      if (config.charge_entry_exit && config.calc_turnover) {
        set_closing_trades(day.book, day.trades, closing_);
        costs_->price_each(closing_, closing_tc_);
      }
      closing_tc_.resize(day.book.row.size(), 0.0);
    }

    DrilldownRun& run_;
    std::unique_ptr<CostModel> costs_;
    TradeList closing_;
    std::vector<double> tc_, closing_tc_;
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

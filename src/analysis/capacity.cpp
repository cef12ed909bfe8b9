// Copyright The fractile authors. Licensed under the Apache License, Version 2.0.
//
// Analysis "capacity", methodology section 8: the amount of money that the overall book can carry under power-law costs.
#include <algorithm>
#include <cmath>

#include "analysis/analysis_module.hpp"
#include "analysis/participations.hpp"
#include "analysis/result_days.hpp"
#include "engine/trading/last_known.hpp"
#include "engine/trading/power_law_cost.hpp"
#include "fractile/types.hpp"
#include "stats/moments.hpp"

namespace fractile {
namespace {

constexpr double kLargestShare = 0.95;            // quantile of participation
constexpr double kDailyShare = 0.1;               // share of the daily volume that a patient trader takes
constexpr double kLowest = 1e-3, kHighest = 1e7;  // million dollars that the bisection searches
constexpr double kPrecision = 1e-6;               // relative
constexpr const char* kOption = "analysis=[\"capacity\"]";
constexpr double kDust = 1e-12;  // a smaller change of weight is rounding

RunConfig of_one_million(RunConfig config) {
  config.gmv_musd = 1.0;
  return config;
}

/// The daily returns of the overall book, and its costs at one million dollars.
struct Priced {
  std::vector<double> ret;   ///< before trading costs, borrow paid
  std::vector<double> unit;  ///< tc at one million; tc at G million is G^alpha times this
  double alpha;
  double periods_per_year;

  std::vector<double> net(double gmv) const {
    const double scale = std::pow(gmv, alpha);
    std::vector<double> out(ret.size());
    for (std::size_t t = 0; t < out.size(); ++t) out[t] = ret[t] - scale * unit[t];
    return out;
  }
  double tc_ann(double gmv) const { return periods_per_year * std::pow(gmv, alpha) * mean(unit); }
  double net_ann(double gmv) const { return periods_per_year * mean(net(gmv)); }
  double net_sharpe(double gmv) const { return annualised_sharpe(net(gmv), periods_per_year); }
};

/// The book size at which a falling function equals a target, by bisection in the logarithm. NaN unless the function starts
/// above the target and ends below it.
template <class Function>
double find_size(Function&& value_at, double target) {
  if (!(value_at(kLowest) > target && value_at(kHighest) < target)) return kNaN;
  double low = std::log(kLowest), high = std::log(kHighest);
  while (high - low > kPrecision / 2.0) {
    const double middle = (low + high) / 2.0;
    (value_at(std::exp(middle)) > target ? low : high) = middle;
  }
  return std::exp((low + high) / 2.0);
}

class CapacityRun final : public AnalysisRun {
 public:
  explicit CapacityRun(const AnalysisContext& context)
      : context_(context),
        one_million_(of_one_million(context.config)),
        is_charged_(context.config.charge_entry_exit),
        unit_(context.days(), 0.0),
        closing_(is_charged_ ? context.days() : 0, 0.0),
        participations_(unit_.size() + closing_.size(), context.memory) {
    PowerLawCost(context.panel, one_million_, kOption);  // refuses a snapshot that lacks its columns
  }

  bool needs_names() const noexcept override { return false; }
  std::unique_ptr<DayObserver> make_observer(int slot) override { return std::make_unique<Observer>(*this, slot); }

  void finish(TableSet& tables) override {
    const ResultDays days(context_, tables);
    const double p95 = participations_.quantile(charged_trades(days.places()), kLargestShare);
    const std::vector<double> before_costs = days.daily("ret");
    Priced priced{before_costs, {}, context_.config.tc_value[1], context_.periods_per_year};
    const std::vector<double> borrow = days.daily("borrow");
    for (std::size_t i = 0; i < borrow.size(); ++i) {
      priced.ret[i] -= borrow[i];
      priced.unit.push_back(i > 0 || is_charged_ ? unit_[days.places()[i]] : 0.0);
    }
    if (is_charged_ && !borrow.empty()) priced.unit.back() += closing_[days.places().back()];
    add_capacity(priced, p95, tables);
    const double sharpe = annualised_sharpe(before_costs, priced.periods_per_year);
    const double half = sharpe > 0.0 ? find_size([&](double gmv) { return priced.net_sharpe(gmv); }, sharpe / 2.0) : kNaN;
    const double even = find_size([&](double gmv) { return priced.net_ann(gmv); }, 0.0);
    tables.add("capacity_musd", {{{"half_sharpe", std::vector<double>{half}}, {"break_even", std::vector<double>{even}}}});
  }

 private:
  class Observer final : public DayObserver {
   public:
    Observer(CapacityRun& run, int slot)
        : run_(run),
          slot_(slot),
          adv_(run.context_.panel.reals("adv")),
          costs_(run.context_.panel, run.one_million_, kOption, adv_) {}
    bool needs_outcome() const noexcept override { return true; }
    void observe(const ObservedDay& day) override {
      run_.unit_[day.at] = price(day.trades, day.at);
      if (!run_.is_charged_) return;
      set_closing_trades(day.book, day.trades, closing_);
      run_.closing_[day.at] = price(closing_, run_.unit_.size() + day.at);
    }

   private:
    /// Returns the cost of one million, and adds the participations as those of a day.
    double price(const TradeList& trades, std::size_t as_day) {
      const double cost = costs_.price(trades).tc;
      run_.participations_.add(as_day, slot_, list_shares(run_.participations_.prepare(slot_, costs_.changes().size() + 1)));
      return cost;
    }

    /// Writes the shares of the daily volume that the trades of known volume take, and returns their number.
    std::size_t list_shares(double* to) const {
      const PanelView& panel = run_.context_.panel;
      const std::vector<double>& changes = costs_.changes();
      const std::vector<RowIndex>& newest = costs_.newest();
      std::size_t n = 0;
      adv_.visit([&](auto adv_of) {
        for (std::size_t i = 0; i < changes.size(); ++i) {
          double volume = adv_of(std::max(newest[i], 0));
          if (newest[i] < 0 || !(volume > 0.0)) volume = last_known(panel, adv_, newest[i], true);
          to[n] = changes[i] / volume;
          n += static_cast<std::size_t>((changes[i] > kDust) & (volume == volume));
        }
      });
      return n;
    }

    CapacityRun& run_;
    int slot_;
    Reals adv_;
    PowerLawCost costs_;
    TradeList closing_;
  };

  /// The days of participations_ whose trades are charged; a closing trade counts as a day of its own.
  std::vector<std::size_t> charged_trades(std::span<const std::size_t> places) const {
    if (places.empty()) return {};
    const std::span<const std::size_t> paid = is_charged_ ? places : places.subspan(1);
    std::vector<std::size_t> out(paid.begin(), paid.end());
    if (is_charged_) out.push_back(unit_.size() + places.back());
    return out;
  }

  void add_capacity(const Priced& priced, double p95, TableSet& tables) const {
    const std::vector<double>& sizes = context_.config.capacity_gmv;
    std::vector<double> tc, ret, sharpe, participation, days_to_trade;
    for (const double gmv : sizes) {
      tc.push_back(priced.tc_ann(gmv) + 0.0);
      ret.push_back(priced.net_ann(gmv) + 0.0);
      sharpe.push_back(priced.net_sharpe(gmv) + 0.0);
      participation.push_back(gmv * 1e6 * p95);
      days_to_trade.push_back(gmv * 1e6 * p95 / kDailyShare);
    }
    tables.add("capacity", {{{"gmv_musd", sizes},
                             {"tc_ann", std::move(tc)},
                             {"ret_net_ann", std::move(ret)},
                             {"sharpe_ret_net", std::move(sharpe)},
                             {"participation_p95", std::move(participation)},
                             {"days_to_trade_p95", std::move(days_to_trade)}}});
  }

  const AnalysisContext context_;
  const RunConfig one_million_;
  const bool is_charged_;        // entry and exit are
  std::vector<double> unit_;     // per loaded day
  std::vector<double> closing_;  // cost of the trade that would close the book of a loaded day; empty unless is_charged_
  Participations participations_;
};

}  // namespace

AnalysisModule capacity_module() {
  return {"capacity",
          [](const RunConfig& config) { return has_analysis(config, "capacity"); },
          {{"capacity",
            "analysis=[\"capacity\"]",
            "The overall book at each size of capacity_gmv, under power-law costs whatever tc_model is.",
            {{"gmv_musd", ColumnType::real, "million dollars", "capital of one side"},
             {"tc_ann", ColumnType::real, "fraction per year", "mean cost, annualised"},
             {"ret_net_ann", ColumnType::real, "fraction per year", "return after costs, annualised"},
             {"sharpe_ret_net", ColumnType::real, "", "annualised Sharpe ratio after costs"},
             {"participation_p95", ColumnType::real, "share of daily volume", "95th percentile over trades of |trade| / adv"},
             {"days_to_trade_p95", ColumnType::real, "days", "participation_p95 / 0.1"}}},
           {"capacity_musd",
            "analysis=[\"capacity\"]",
            "The sizes at which costs have taken half of the Sharpe ratio, and all of the return.",
            {{"half_sharpe", ColumnType::real, "million dollars", "sharpe_ret_net is half of sharpe_ret"},
             {"break_even", ColumnType::real, "million dollars", "ret_net_ann is 0"}},
            false,
            false,
            true}},
          [](const AnalysisContext& context) -> std::unique_ptr<AnalysisRun> { return std::make_unique<CapacityRun>(context); }};
}

}  // namespace fractile

// Copyright The fractile authors. Licensed under the Apache License, Version 2.0.
//
// Analysis "quantiles", methodology section 8: each bin of the signal as its own book.
#include <algorithm>
#include <cmath>

#include "analysis/cells.hpp"
#include "analysis/rank_correlation.hpp"
#include "analysis/signal_bins.hpp"
#include "fractile/types.hpp"
#include "stats/moments.hpp"

namespace fractile {
namespace {

/// One bin on one day.
struct BinDay {
  double ret = kNaN;
  double traded = 0.0;  ///< sum of |change of weight| since the day before
  std::int64_t names = 0;
};

/// A series of one bin, or of the difference of two, over the days on which it exists.
struct BinSeries {
  std::string bin;
  std::vector<double> ret;
  double names = 0.0;
  std::vector<double> exposure;
  double turnover = kNaN;

  void add(double r, double n) {
    ret.push_back(r);
    names += n;
  }
  void add_exposure(std::span<const double> x, double sign = 1.0) {
    exposure.resize(x.size());
    for (std::size_t k = 0; k < x.size(); ++k) exposure[k] += sign * x[k];
  }
  double per_day(double total) const { return ret.empty() ? kNaN : total / static_cast<double>(ret.size()); }
};

class QuantilesRun final : public AnalysisRun {
 public:
  explicit QuantilesRun(const AnalysisContext& context)
      : context_(context),
        n_bins_(static_cast<std::size_t>(context.config.n_fractile)),
        n_exposures_(context.returns.exposure_names().size()),
        days_(context.days() * n_bins_),
        exposure_(days_.size() * n_exposures_) {}

  std::unique_ptr<DayObserver> make_observer(int) override { return std::make_unique<Observer>(*this); }

  void finish(TableSet& tables) override {
    const std::vector<BinSeries> series = collect();
    add_quantiles(series, tables);
    add_daily(tables);
    add_monotonicity(series, tables);
  }

 private:
  class Observer final : public DayObserver {
   public:
    explicit Observer(QuantilesRun& run)
        : run_(run), ranks_(run.context_), bins_(run.context_, run.n_bins_, Cells::Trades::needed) {}

    void begin(const ObservedDay* before) override {
      bins_.forget();
      if (before) take(*before);
    }
    void observe(const ObservedDay& day) override {
      take(day);
      const std::size_t first = day.at * run_.n_bins_;
      for (std::size_t b = 0; b < run_.n_bins_; ++b) {
        BinDay& of_bin = run_.days_[first + b];
        of_bin.traded = bins_.traded(b);
        of_bin.names = static_cast<std::int64_t>(bins_.n_names(b));
        if (of_bin.names > 0) of_bin.ret = bins_.ret(b);
      }
      bins_.sum_exposures(run_.exposure_.data() + first * run_.n_exposures_);
    }

   private:
    void take(const ObservedDay& day) { bins_.assign(day, ranks_.assign(day)); }

    QuantilesRun& run_;
    SignalBins ranks_;
    Cells bins_;
  };

  const BinDay& day_of(std::size_t t, std::size_t bin) const { return days_[t * n_bins_ + bin]; }
  std::span<const double> exposure(std::size_t t, std::size_t bin) const {
    return std::span(exposure_).subspan((t * n_bins_ + bin) * n_exposures_, n_exposures_);
  }
  bool has_both_ends(std::size_t t) const { return day_of(t, 0).names > 0 && day_of(t, n_bins_ - 1).names > 0; }
  double spread(std::size_t t) const { return day_of(t, n_bins_ - 1).ret - day_of(t, 0).ret; }

  /// The rows by bin, with top-bottom last.
  std::vector<BinSeries> collect() const {
    std::vector<BinSeries> out(n_bins_ + 1);
    for (std::size_t b = 0; b < n_bins_; ++b) {
      out[b].bin = std::to_string(b + 1);
      for (std::size_t t = 0; t < context_.days(); ++t) {
        if (day_of(t, b).names == 0) continue;
        out[b].add(day_of(t, b).ret, static_cast<double>(day_of(t, b).names));
        out[b].add_exposure(exposure(t, b));
      }
      out[b].turnover = mean_turnover(b);
    }
    BinSeries& difference = out[n_bins_];
    difference.bin = "top-bottom";
    for (std::size_t t = 0; t < context_.days(); ++t) {
      if (!has_both_ends(t)) continue;
      difference.add(spread(t), static_cast<double>(day_of(t, 0).names + day_of(t, n_bins_ - 1).names));
      difference.add_exposure(exposure(t, n_bins_ - 1));
      difference.add_exposure(exposure(t, 0), -1.0);
    }
    difference.turnover = (out[0].turnover + out[n_bins_ - 1].turnover) / 2.0;
    return out;
  }

  /// The series of a bin from its first day, whose trade is not charged, to its last.
  double mean_turnover(std::size_t bin) const {
    double total = 0.0, until_last = 0.0;
    std::int64_t first = -1, last = -1;
    for (std::size_t t = 0; t < context_.days(); ++t) {
      if (first >= 0) total += day_of(t, bin).traded / 2.0;
      if (day_of(t, bin).names == 0) continue;
      if (first < 0) first = static_cast<std::int64_t>(t);
      last = static_cast<std::int64_t>(t);
      until_last = total;
    }
    return first < 0 ? kNaN : until_last / static_cast<double>(last - first + 1);
  }

  void add_quantiles(const std::vector<BinSeries>& series, TableSet& tables) const {
    std::vector<std::string> bin;
    std::vector<double> ret, ret_ann, std_ann, sharpe, t_nw, names, turnover;
    const double periods = context_.periods_per_year;
    for (const BinSeries& of_bin : series) {
      const double average = mean(of_bin.ret) + 0.0;
      bin.push_back(of_bin.bin);
      ret.push_back(average);
      ret_ann.push_back(periods * average);
      std_ann.push_back(std::sqrt(periods) * standard_deviation(of_bin.ret));
      sharpe.push_back(annualised_sharpe(of_bin.ret, periods) + 0.0);
      t_nw.push_back(newey_west_t_statistic(of_bin.ret) + 0.0);
      names.push_back(of_bin.per_day(of_bin.names));
      turnover.push_back(of_bin.turnover);
    }
    Table table{{{"bin", std::move(bin)},
                 {"ret", std::move(ret)},
                 {"ret_ann", std::move(ret_ann)},
                 {"std_ann", std::move(std_ann)},
                 {"sharpe", std::move(sharpe)},
                 {"t_nw", std::move(t_nw)},
                 {"names", std::move(names)},
                 {"turnover", std::move(turnover)}}};
    const std::vector<std::string>& names_of_exposures = context_.returns.exposure_names();
    for (std::size_t k = 0; k < names_of_exposures.size(); ++k) {
      std::vector<double> values;
      for (const BinSeries& of_bin : series)
        values.push_back(of_bin.per_day(of_bin.exposure.empty() ? 0.0 : of_bin.exposure[k]) + 0.0);
      table.columns.push_back({names_of_exposures[k], std::move(values)});
    }
    tables.add("quantiles", std::move(table));
  }

  void add_daily(TableSet& tables) const {
    Column::Dates dates;
    std::vector<std::string> bin;
    std::vector<double> ret;
    for (std::size_t t = 0; t < context_.days(); ++t) {
      const Day date = context_.panel.date(context_.panel.first() + static_cast<DateIndex>(t));
      const auto add = [&](std::string name, double r) {
        dates.days.push_back(date);
        bin.push_back(std::move(name));
        ret.push_back(r + 0.0);
      };
      for (std::size_t b = 0; b < n_bins_; ++b)
        if (day_of(t, b).names > 0) add(std::to_string(b + 1), day_of(t, b).ret);
      if (has_both_ends(t)) add("top-bottom", spread(t));
    }
    tables.add("quantile_daily", {{{"date", std::move(dates)}, {"bin", std::move(bin)}, {"ret", std::move(ret)}}});
  }

  /// Uses the bins that have a return.
  void add_monotonicity(const std::vector<BinSeries>& series, TableSet& tables) const {
    std::vector<double> number, ret;
    double pairs = 0.0, increasing = 0.0;
    for (std::size_t b = 0; b < n_bins_; ++b) {
      if (series[b].ret.empty()) continue;
      number.push_back(static_cast<double>(b));
      ret.push_back(mean(series[b].ret));
      if (b + 1 >= n_bins_ || series[b + 1].ret.empty()) continue;
      ++pairs;
      increasing += mean(series[b + 1].ret) > mean(series[b].ret);
    }
    const auto one = [](double x) { return std::vector<double>{x + 0.0}; };
    tables.add("monotonicity", {{{"spearman", one(correlate_by_rank(number, ret))},
                                 {"share_increasing", one(pairs > 0.0 ? increasing / pairs : kNaN)}}});
  }

  const AnalysisContext context_;
  std::size_t n_bins_, n_exposures_;
  std::vector<BinDay> days_;      // by day * n_bins + bin
  std::vector<double> exposure_;  // by (day * n_bins + bin) * n_exposures + exposure
};

}  // namespace

AnalysisModule quantiles_module() {
  return {"quantiles",
          [](const RunConfig& config) { return has_analysis(config, "quantiles"); },
          {{"quantiles",
            "analysis=[\"quantiles\"]",
            "Each of n_fractile bins of the signal as a book of its own, with the weights of `weight`.",
            {{"bin", ColumnType::text, "", "1 is the lowest; the last row is top-bottom"},
             {"ret", ColumnType::real, "fraction per period", "mean over the days on which the bin holds a name"},
             {"ret_ann", ColumnType::real, "fraction per year", "ret, annualised"},
             {"std_ann", ColumnType::real, "fraction per year", "standard deviation (n-1), annualised"},
             {"sharpe", ColumnType::real, "", "annualised Sharpe ratio"},
             {"t_nw", ColumnType::real, "", "t of ret with the Newey and West error"},
             {"names", ColumnType::real, "", "mean names per day"},
             {"turnover", ColumnType::real, "share of the bin per day", "mean turnover of the bin; 1 is a full replacement"}},
            true},
           {"quantile_daily",
            "analysis=[\"quantiles\"]",
            "Return of each bin per day on which it holds a name.",
            {{"date", ColumnType::date, "", "return day"},
             {"bin", ColumnType::text, "", "as in quantiles"},
             {"ret", ColumnType::real, "fraction per day", "return of the bin"}}},
           {"monotonicity",
            "analysis=[\"quantiles\"]",
            "Do returns rise from bin to bin; Python adds p_value, the test of Patton and Timmermann (2010).",
            {{"spearman", ColumnType::real, "", "rank correlation of bin and ret"},
             {"share_increasing", ColumnType::real, "fraction", "share of neighbouring bins whose ret increases"}},
            false,
            false,
            true}},
          [](const AnalysisContext& context) -> std::unique_ptr<AnalysisRun> { return std::make_unique<QuantilesRun>(context); }};
}

}  // namespace fractile

// Copyright The fractile authors. Licensed under the Apache License, Version 2.0.
#include "report/summary.hpp"

#include <algorithm>
#include <cmath>

#include "fractile/error.hpp"
#include "stats/moments.hpp"

namespace fractile {
namespace {

constexpr const char* kPerYear = "fraction per year";
/// A return up to this size is rounding, not a gain.
constexpr double kDust = 1e-15;

/// Days on which the portfolio holds a name.
double count_held_days(const Series& series) {
  double held = 0.0;
  for (std::size_t t = 0; t < series.n_days(); ++t) held += series.n_long[t] + series.n_short[t] > 0.0;
  return held;
}

/// The mean over held days of a quantity that is 0 on all other days.
double mean_while_held(const Series& series, double sum) {
  const double held = count_held_days(series);
  return held > 0.0 ? sum / held : std::nan("");
}

double sum_of(const std::vector<double>& x) {
  double sum = 0.0;
  for (const double value : x) sum += value;
  return sum;
}

/// The four statistics of one daily series.
void add_series(const std::string& x, std::vector<double> Series::* values, const std::string& what,
                std::vector<SummaryStatistic>& out) {
  out.push_back({x + "_ann", kPerYear, what + ": mean, annualised",
                 [values](const Series& series) { return series.periods_per_year * mean(series.*values); }});
  out.push_back({x + "_std", kPerYear, what + ": standard deviation (n-1), annualised", [values](const Series& series) {
                   return std::sqrt(series.periods_per_year) * standard_deviation(series.*values);
                 }});
  out.push_back({"sharpe_" + x, "", what + ": annualised Sharpe ratio",
                 [values](const Series& series) { return annualised_sharpe(series.*values, series.periods_per_year); }});
  out.push_back({x + "_pct_pos", "fraction", what + ": share of days above 0",
                 [values](const Series& series) { return share_above(series.*values, kDust); }});
}

std::vector<SummaryStatistic> make_statistics() {
  std::vector<SummaryStatistic> out{
      {"num_date", "", "days with a position", count_held_days, true},
      {"numcos_l", "", "mean names held long on those days",
       [](const Series& series) { return mean_while_held(series, sum_of(series.n_long)); }},
      {"numcos_s", "", "mean names held short on those days",
       [](const Series& series) { return mean_while_held(series, sum_of(series.n_short)); }},
  };
  add_series("ret", &Series::ret, "return before costs", out);
  add_series("resret", &Series::resret, "residual return before costs", out);
  add_series("ret_net", &Series::ret_net, "return after costs", out);
  add_series("resret_net", &Series::resret_net, "residual return after costs", out);
  const std::vector<SummaryStatistic> more{
      {"maxdd", "fraction", "deepest drawdown of ret; 0 or less", [](const Series& series) { return max_drawdown(series.ret); }},
      {"maxdd_net", "fraction", "the same of ret_net", [](const Series& series) { return max_drawdown(series.ret_net); }},
      {"turnover", "share of the book per day", "mean daily turnover; 1 is a full replacement",
       [](const Series& series) { return mean(series.turnover); }},
      {"tc_ann", kPerYear, "mean cost, annualised",
       [](const Series& series) { return series.periods_per_year * mean(series.tc); }},
      {"borrow_ann", kPerYear, "mean fee for short positions, annualised; a column if a fee can arise",
       [](const Series& series) { return series.periods_per_year * mean(series.borrow); }, false, true},
      {"t_stat", "", "t of the mean of ret", [](const Series& series) { return t_statistic(series.ret); }},
      {"t_stat_nw", "", "the same with the Newey and West error",
       [](const Series& series) { return newey_west_t_statistic(series.ret); }},
      {"skew", "", "skewness of ret", [](const Series& series) { return skewness(series.ret); }},
      {"kurt", "", "kurtosis of ret; a normal has 3", [](const Series& series) { return kurtosis(series.ret); }},
  };
  out.insert(out.end(), more.begin(), more.end());
  return out;
}

double mean_exposure(const Series& series, std::size_t k) {
  double sum = 0.0;
  if (!series.exposure.empty())  // a portfolio without days
    for (const double exposure : series.exposure[k]) sum += exposure;
  return mean_while_held(series, sum);
}

template <class Compute>
std::vector<double> per_series(const std::vector<const Series*>& all, Compute&& compute) {
  std::vector<double> out;
  for (const Series* series : all) out.push_back(compute(*series) + 0.0);  // + 0.0: -0 becomes 0
  return out;
}

}  // namespace

const std::vector<SummaryStatistic>& summary_statistics() {
  static const std::vector<SummaryStatistic> statistics = make_statistics();
  return statistics;
}

void refuse_factors_named_like_columns(const RunConfig& config) {
  for (const std::string& name : config.factors) {
    const auto& statistics = summary_statistics();
    const bool is_taken =
        name == "byvar" || name == "group" ||
        std::any_of(statistics.begin(), statistics.end(), [&](const SummaryStatistic& s) { return s.name == name; });
    if (is_taken)
      throw Error(ErrorCode::INVALID_VALUE, "expected factors with names of their own, found \"" + name +
                                                "\", which is a column of summary. Rename the panel column.");
  }
}

Table build_summary(const std::vector<const Series*>& all, const SeriesShape& shape) {
  std::vector<std::string> byvar, group;
  for (const Series* series : all) {
    byvar.push_back(series->byvar);
    group.push_back(series->group);
  }
  Table table{{{"byvar", std::move(byvar)}, {"group", std::move(group)}}};
  for (const SummaryStatistic& statistic : summary_statistics()) {
    if (statistic.is_of_borrow && !shape.has_borrow) continue;
    const std::vector<double> values = per_series(all, statistic.compute);
    if (statistic.is_count)
      table.columns.push_back({statistic.name, std::vector<std::int64_t>(values.begin(), values.end())});
    else
      table.columns.push_back({statistic.name, values});
  }
  for (std::size_t k = 0; k < shape.exposure_names.size(); ++k)
    table.columns.push_back(
        {shape.exposure_names[k], per_series(all, [k](const Series& series) { return mean_exposure(series, k); })});
  return table;
}

}  // namespace fractile

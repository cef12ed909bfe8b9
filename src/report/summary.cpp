// Copyright The fractile authors. Licensed under the Apache License, Version 2.0.
#include <cmath>

#include "report/series.hpp"
#include "stats/moments.hpp"

namespace fractile {
namespace {

/// Columns in the order in which they are first named.
class RowWriter {
 public:
  void text(const char* name, const std::string& value) { column<std::vector<std::string>>(name).push_back(value); }
  void whole(const char* name, std::int64_t value) { column<std::vector<std::int64_t>>(name).push_back(value); }
  void real(const std::string& name, double value) { column<std::vector<double>>(name).push_back(value + 0.0); }
  void end_row() { next_ = 0; }
  Table take() { return std::move(table_); }

 private:
  template <class Values>
  Values& column(const std::string& name) {
    if (next_ == table_.columns.size()) table_.columns.push_back({name, Values{}});
    return std::get<Values>(table_.columns[next_++].values);
  }
  Table table_;
  std::size_t next_ = 0;
};

/// Sum of w x over position days, by day count.
double mean_exposure(const Series& series, std::size_t k, double n_held) {
  double sum = 0.0;
  for (const auto& exposure : series.exposure) sum += exposure[k];
  return n_held > 0.0 ? sum / n_held : std::nan("");
}

void write_series(const char* name, const std::vector<double>& x, RowWriter& row) {
  const std::string prefix = name;
  row.real(prefix + "_ann", kDaysPerYear * mean(x));
  row.real(prefix + "_std", std::sqrt(kDaysPerYear) * standard_deviation(x));
  row.real("sharpe_" + prefix, annualised_sharpe(x));
  row.real(prefix + "_pct_pos", share_positive(x));
}

}  // namespace

Table build_summary(const std::vector<const Series*>& all, const SeriesShape& shape) {
  RowWriter row;
  for (const Series* series : all) {
    double n_held = 0.0, longs = 0.0, shorts = 0.0;
    for (std::size_t t = 0; t < series->n_days(); ++t) {
      n_held += series->n_long[t] + series->n_short[t] > 0.0;
      longs += series->n_long[t];
      shorts += series->n_short[t];
    }
    row.text("byvar", series->byvar);
    row.text("group", series->group);
    row.whole("num_date", static_cast<std::int64_t>(n_held));
    row.real("numcos_l", n_held > 0.0 ? longs / n_held : std::nan(""));
    row.real("numcos_s", n_held > 0.0 ? shorts / n_held : std::nan(""));
    write_series("ret", series->ret, row);
    write_series("resret", series->resret, row);
    write_series("ret_net", series->ret_net, row);
    write_series("resret_net", series->resret_net, row);
    row.real("maxdd", max_drawdown(series->ret));
    row.real("maxdd_net", max_drawdown(series->ret_net));
    row.real("turnover", mean(series->turnover));
    row.real("tc_ann", kDaysPerYear * mean(series->tc));
    row.real("t_stat", t_statistic(series->ret));
    row.real("t_stat_nw", newey_west_t_statistic(series->ret));
    row.real("skew", skewness(series->ret));
    row.real("kurt", kurtosis(series->ret));
    for (std::size_t k = 0; k < kNExposures; ++k)
      if (shape.has_exposure[k]) row.real(std::string(kExposures[k]), mean_exposure(*series, k, n_held));
    row.end_row();
  }
  return row.take();
}

}  // namespace fractile

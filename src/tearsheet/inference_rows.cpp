// Copyright The fractile authors. Licensed under the Apache License, Version 2.0.
#include <cmath>

#include "stats/newey_west.hpp"
#include "stats/sharpe.hpp"
#include "tearsheet/tear_sheet.hpp"

namespace fractile {
namespace {

constexpr double kLevel = 0.95;

struct Row {
  std::string series;
  double periods, sharpe, low, high, se, se_hac, t_nw, p_nw, psr, min_track_record, skew, kurt;
};

Row make_row(const std::string& series, const std::vector<double>& values, double periods_per_year) {
  const SharpeRatio ratio = sharpe_ratio(values, periods_per_year);
  const SharpeInterval interval = sharpe_interval(values, periods_per_year, kLevel);
  const NeweyWest mean = newey_west(values);
  const SharpeMoments moments = sharpe_moments(values);
  const double root = std::sqrt(periods_per_year);
  return {series,
          moments.periods,
          ratio.annualised,
          interval.low,
          interval.high,
          root * ratio.se,
          root * ratio.se_hac,
          mean.t,
          mean.p,
          probabilistic_sharpe(moments, 0.0),
          minimum_track_record(moments, 0.0, kLevel),
          moments.skew,
          moments.kurt};
}

}  // namespace

Table inference_rows(const Result& result) {
  std::vector<Row> rows;
  for (const char* name : {"ret", "ret_net"}) {
    const Column* const column = result.tables["daily"].find(name);
    const auto* values = column ? std::get_if<std::vector<double>>(&column->values) : nullptr;
    if (!values || values->empty() || std::isnan(values->front())) continue;
    rows.push_back(make_row(name, *values, result.periods_per_year));
  }
  Table table;
  std::vector<std::string> series;
  for (const Row& row : rows) series.push_back(row.series);
  table.columns.push_back({"series", std::move(series)});
  const auto add = [&](const char* name, double Row::* field) {
    std::vector<double> values;
    for (const Row& row : rows) values.push_back(row.*field);
    table.columns.push_back({name, std::move(values)});
  };
  add("periods", &Row::periods);
  add("sharpe", &Row::sharpe);
  add("low", &Row::low);
  add("high", &Row::high);
  add("se", &Row::se);
  add("se_hac", &Row::se_hac);
  add("t_nw", &Row::t_nw);
  add("p_nw", &Row::p_nw);
  add("psr", &Row::psr);
  add("min_track_record", &Row::min_track_record);
  add("skew", &Row::skew);
  add("kurt", &Row::kurt);
  return table;
}

}  // namespace fractile

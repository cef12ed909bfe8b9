// Copyright The fractile authors. Licensed under the Apache License, Version 2.0.
#include "report/series.hpp"

#include <algorithm>
#include <cstdio>
#include <utility>

#include "fractile/types.hpp"
#include "stats/moments.hpp"

namespace fractile {
namespace {

/// Computes the running sums and the columns that follow from them. -0 becomes 0, so that it prints as 0.
void accumulate(Series& series) {
  double level = 0.0, level_net = 0.0, peak = 0.0;
  const std::size_t n = series.n_days();
  series.cumret.resize(n);
  series.cumret_net.resize(n);
  series.drawdown.resize(n);
  for (std::size_t t = 0; t < n; ++t) {
    level += series.ret[t];
    level_net += series.ret_net[t];
    peak = std::max(peak, level);
    series.cumret[t] = level;
    series.cumret_net[t] = level_net;
    series.drawdown[t] = level - peak;
  }
}

std::string calendar_group(Day day, const std::string& byvar) {
  const CivilDate date = civil_from_day(day);
  char text[32];
  if (byvar == "year")
    std::snprintf(text, sizeof text, "%04d", date.year);
  else if (byvar == "quarter")
    std::snprintf(text, sizeof text, "%04dQ%d", date.year, (date.month - 1) / 3 + 1);
  else
    std::snprintf(text, sizeof text, "%04d-%02d", date.year, date.month);
  return text;
}

template <class T>
std::vector<T> slice(const std::vector<T>& whole, std::size_t first, std::size_t last) {
  return {whole.begin() + static_cast<std::ptrdiff_t>(first), whole.begin() + static_cast<std::ptrdiff_t>(last)};
}

}  // namespace

Series build_series(std::span<const PortfolioDay> days, const TableDays* table, const PanelView& panel,
                    const SeriesShape& shape) {
  Series out;
  out.periods_per_year = shape.periods_per_year;
  const auto is_held = [](const PortfolioDay& day) { return day.outcome.is_held; };
  DateIndex first = 0, last = -1;
  if (table) {
    first = table->first;
    last = table->last;
  } else if (const auto held = std::find_if(days.begin(), days.end(), is_held); held != days.end()) {
    first = held->n;
    last = std::find_if(days.rbegin(), days.rend(), is_held)->n;
  }
  if (last < first) return out;
  const auto n = static_cast<std::size_t>(last - first + 1);
  const double gross = shape.long_only ? 1.0 : 2.0;
  out.date.resize(n);
  for (std::size_t t = 0; t < n; ++t) out.date[t] = panel.date(first + static_cast<DateIndex>(t));
  for (auto* column : {&out.ret, &out.ret_l, &out.ret_s, &out.n_long, &out.n_short}) column->assign(n, 0.0);
  out.resret.assign(n, shape.has_resret ? 0.0 : kNaN);
  for (auto* column : {&out.traded, &out.tc, &out.turnover, &out.borrow}) column->assign(n, shape.calc_turnover ? 0.0 : kNaN);
  out.exposure.assign(shape.exposure_names.size(), std::vector<double>(n, 0.0));
  for (const PortfolioDay& day : days) {
    if (day.n < first || day.n > last) continue;
    const auto t = static_cast<std::size_t>(day.n - first);
    const DayOutcome& outcome = day.outcome;
    out.ret_l[t] = outcome.ret_l;
    out.ret_s[t] = outcome.ret_s;
    out.ret[t] = outcome.ret_l + outcome.ret_s;
    if (shape.has_resret) out.resret[t] = outcome.resret;
    out.n_long[t] = outcome.n_long;
    out.n_short[t] = outcome.n_short;
    for (std::size_t k = 0; k < outcome.exposure.size(); ++k) out.exposure[k][t] = outcome.exposure[k];
    if (!shape.calc_turnover) continue;
    out.borrow[t] = outcome.borrow;
    if (t == 0 && !shape.charges_entry) continue;  // the first day's trade
    out.traded[t] = outcome.traded;
    out.turnover[t] = outcome.traded / (2.0 * gross);
    out.tc[t] = outcome.tc;
    out.unknown_cost += outcome.unknown_cost;
  }
  out.ret_net.resize(n);
  out.resret_net.resize(n);
  for (std::size_t t = 0; t < n; ++t) {
    const double cost = shape.has_borrow ? out.tc[t] + out.borrow[t] : out.tc[t];
    out.ret_net[t] = out.ret[t] - cost;
    out.resret_net[t] = out.resret[t] - cost;
  }
  accumulate(out);
  return out;
}

Series cut_series(const Series& whole, std::size_t first, std::size_t last) {
  Series out;
  out.periods_per_year = whole.periods_per_year;
  out.date = slice(whole.date, first, last);
  out.ret = slice(whole.ret, first, last);
  out.resret = slice(whole.resret, first, last);
  out.ret_net = slice(whole.ret_net, first, last);
  out.resret_net = slice(whole.resret_net, first, last);
  out.ret_l = slice(whole.ret_l, first, last);
  out.ret_s = slice(whole.ret_s, first, last);
  out.n_long = slice(whole.n_long, first, last);
  out.n_short = slice(whole.n_short, first, last);
  out.turnover = slice(whole.turnover, first, last);
  out.traded = slice(whole.traded, first, last);
  out.tc = slice(whole.tc, first, last);
  out.borrow = slice(whole.borrow, first, last);
  for (const std::vector<double>& exposure : whole.exposure) out.exposure.push_back(slice(exposure, first, last));
  accumulate(out);
  return out;
}

std::vector<Series> cut_by_calendar(const Series& overall, const std::string& byvar) {
  std::vector<Series> out;
  for (std::size_t first = 0; first < overall.n_days();) {
    const std::string group = calendar_group(overall.date[first], byvar);
    std::size_t last = first + 1;
    while (last < overall.n_days() && calendar_group(overall.date[last], byvar) == group) ++last;
    out.push_back(cut_series(overall, first, last));
    out.back().byvar = byvar;
    out.back().group = group;
    first = last;
  }
  return out;
}

std::vector<const Series*> PortfolioSeries::summary_rows() const {
  std::vector<const Series*> out{&overall};
  for (const Place& place : order) out.push_back(place.is_calendar ? &calendar[place.at] : &groups[place.at]);
  return out;
}

std::vector<const Series*> PortfolioSeries::portfolio_rows() const {
  std::vector<const Series*> out{&overall};
  for (const Place& place : order)
    if (!place.is_calendar) out.push_back(&groups[place.at]);
  return out;
}

PortfolioDay* DayResults::last_held(int portfolio) {
  const auto at = static_cast<std::size_t>(portfolio);
  for (std::size_t i = begin[at + 1]; i > begin[at]; --i)
    if (days[i - 1].outcome.is_held) return &days[i - 1];
  return nullptr;
}

DayResults sort_by_portfolio(std::vector<std::vector<PortfolioDay>> chunks, int n_portfolios) {
  DayResults out;
  out.begin.assign(static_cast<std::size_t>(n_portfolios) + 1, 0);
  for (const auto& chunk : chunks)
    for (const PortfolioDay& day : chunk) ++out.begin[static_cast<std::size_t>(day.portfolio) + 1];
  for (std::size_t p = 0; p + 1 < out.begin.size(); ++p) out.begin[p + 1] += out.begin[p];
  out.days.resize(out.begin.back());
  std::vector<std::size_t> next(out.begin.begin(), out.begin.end() - 1);
  for (auto& chunk : chunks)
    for (PortfolioDay& day : chunk) out.days[next[static_cast<std::size_t>(day.portfolio)]++] = std::move(day);
  return out;
}

PortfolioSeries build_portfolio_series(const DayResults& days, std::span<const TableDays> tables, const Portfolios& portfolios,
                                       const std::vector<std::string>& byvar_list, std::span<const std::uint8_t> has_names,
                                       const PanelView& panel, const SeriesShape& shape) {
  PortfolioSeries out;
  const auto build = [&](int portfolio) {
    return build_series(days.of(portfolio), tables.empty() ? nullptr : &tables[static_cast<std::size_t>(portfolio)], panel,
                        shape);
  };
  out.overall = build(0);
  out.overall.byvar = out.overall.group = "overall";
  std::size_t grouping = 0;
  for (const std::string& byvar : byvar_list) {
    if (byvar == "overall") continue;
    if (is_calendar_byvar(byvar)) {
      for (Series& cut : cut_by_calendar(out.overall, byvar)) {
        out.order.push_back({true, out.calendar.size()});
        out.calendar.push_back(std::move(cut));
      }
      continue;
    }
    const Portfolios::Grouping& of = portfolios.groupings[grouping++];
    for (int g = 0; g < of.category->n_groups(); ++g) {
      const int portfolio = of.first + g;
      if (!has_names[static_cast<std::size_t>(portfolio)]) continue;
      out.order.push_back({false, out.groups.size()});
      out.groups.push_back(build(portfolio));
      out.groups.back().byvar = byvar;
      out.groups.back().group = of.category->label(g);
    }
  }
  return out;
}

}  // namespace fractile

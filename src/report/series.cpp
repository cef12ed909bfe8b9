// Copyright The fractile authors. Licensed under the Apache License, Version 2.0.
#include "report/series.hpp"

#include <algorithm>
#include <cstdio>
#include <limits>

#include "stats/moments.hpp"

namespace fractile {
namespace {

constexpr double kNaN = std::numeric_limits<double>::quiet_NaN();

/// Running sums and what follows from them; -0 becomes 0 so that it prints as one.
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

Series build_series(std::span<const PortfolioDay> days, const PanelView& panel, const SeriesShape& shape) {
  Series out;
  const auto is_held = [](const PortfolioDay& day) { return day.outcome.is_held; };
  const auto first = std::find_if(days.begin(), days.end(), is_held);
  if (first == days.end()) return out;
  const auto last = std::find_if(days.rbegin(), days.rend(), is_held).base() - 1;
  const auto n = static_cast<std::size_t>(last->n - first->n + 1);
  const double gross = shape.long_only ? 1.0 : 2.0;
  out.date.resize(n);
  for (std::size_t t = 0; t < n; ++t) out.date[t] = panel.date(first->n + static_cast<DateIndex>(t));
  for (auto* column : {&out.ret, &out.ret_l, &out.ret_s, &out.n_long, &out.n_short}) column->assign(n, 0.0);
  out.resret.assign(n, shape.has_resret ? 0.0 : kNaN);
  for (auto* column : {&out.traded, &out.tc, &out.turnover}) column->assign(n, shape.calc_turnover ? 0.0 : kNaN);
  out.exposure.assign(n, {});
  for (auto day = first; day != last + 1; ++day) {
    const auto t = static_cast<std::size_t>(day->n - first->n);
    const DayOutcome& outcome = day->outcome;
    out.ret_l[t] = outcome.ret_l;
    out.ret_s[t] = outcome.ret_s;
    out.ret[t] = outcome.ret_l + outcome.ret_s;
    if (shape.has_resret) out.resret[t] = outcome.resret;
    out.n_long[t] = outcome.n_long;
    out.n_short[t] = outcome.n_short;
    out.exposure[t] = outcome.exposure;
    if (!shape.calc_turnover || day == first) continue;  // the first day's trades are not charged
    out.traded[t] = outcome.traded;
    out.turnover[t] = outcome.traded / (2.0 * gross);
    out.tc[t] = outcome.tc;
    out.unknown_cost += outcome.unknown_cost;
  }
  out.ret_net.resize(n);
  out.resret_net.resize(n);
  for (std::size_t t = 0; t < n; ++t) {
    out.ret_net[t] = out.ret[t] - out.tc[t];
    out.resret_net[t] = out.resret[t] - out.tc[t];
  }
  accumulate(out);
  return out;
}

Series cut_series(const Series& whole, std::size_t first, std::size_t last) {
  Series out;
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
  out.exposure = slice(whole.exposure, first, last);
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

Table build_daily(const Series& series) {
  Table table;
  table.columns = {{"date", Column::Dates{series.date}},
                   {"ret", series.ret},
                   {"resret", series.resret},
                   {"ret_net", series.ret_net},
                   {"resret_net", series.resret_net},
                   {"ret_l", series.ret_l},
                   {"ret_s", series.ret_s},
                   {"numcos_l", std::vector<std::int64_t>(series.n_long.begin(), series.n_long.end())},
                   {"numcos_s", std::vector<std::int64_t>(series.n_short.begin(), series.n_short.end())},
                   {"turnover", series.turnover},
                   {"tc", series.tc},
                   {"cumret", series.cumret},
                   {"cumret_net", series.cumret_net},
                   {"drawdown", series.drawdown}};
  return table;
}

Table build_daily_by_group(const std::vector<const Series*>& all) {
  std::vector<std::string> byvar, group;
  Table table;
  for (const Series* series : all) {
    byvar.insert(byvar.end(), series->n_days(), series->byvar);
    group.insert(group.end(), series->n_days(), series->group);
    Table part = build_daily(*series);
    if (table.columns.empty()) {
      table = std::move(part);
      continue;
    }
    for (std::size_t c = 0; c < part.columns.size(); ++c)
      std::visit(
          [&](auto& whole) {
            auto& more = std::get<std::decay_t<decltype(whole)>>(part.columns[c].values);
            if constexpr (requires { whole.days; })
              whole.days.insert(whole.days.end(), more.days.begin(), more.days.end());
            else
              whole.insert(whole.end(), more.begin(), more.end());
          },
          table.columns[c].values);
  }
  table.columns.insert(table.columns.begin(), {Column{"byvar", std::move(byvar)}, Column{"group", std::move(group)}});
  return table;
}

}  // namespace fractile

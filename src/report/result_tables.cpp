// Copyright The fractile authors. Licensed under the Apache License, Version 2.0.
#include "report/result_tables.hpp"

#include "analysis/analysis_module.hpp"
#include "report/summary.hpp"

namespace fractile {
namespace {

/// A column of the daily table. `count` columns hold whole numbers.
struct DailyColumn {
  const char* name;
  std::vector<double> Series::* values;
  bool is_count;
  const char* unit;
  const char* doc;
  bool is_of_borrow = false;  ///< only if a fee for short positions can arise
};

constexpr const char* kPerDay = "fraction per day";
constexpr DailyColumn kDailyColumns[] = {
    {"ret", &Series::ret, false, kPerDay, "return of the book before costs"},
    {"resret", &Series::resret, false, kPerDay, "residual return; NaN if the snapshot has none"},
    {"ret_net", &Series::ret_net, false, kPerDay, "ret - tc - borrow"},
    {"resret_net", &Series::resret_net, false, kPerDay, "resret - tc - borrow"},
    {"ret_l", &Series::ret_l, false, kPerDay, "part of the long side"},
    {"ret_s", &Series::ret_s, false, kPerDay, "part of the short side"},
    {"numcos_l", &Series::n_long, true, "", "names held long"},
    {"numcos_s", &Series::n_short, true, "", "names held short"},
    {"turnover", &Series::turnover, false, "share of the book", "1 is a full replacement"},
    {"tc", &Series::tc, false, kPerDay, "transaction cost"},
    {"borrow", &Series::borrow, false, kPerDay, "fee for short positions; a column if a fee can arise", true},
    {"cumret", &Series::cumret, false, "fraction", "running sum of ret"},
    {"cumret_net", &Series::cumret_net, false, "fraction", "running sum of ret_net"},
    {"drawdown", &Series::drawdown, false, "fraction", "cumret below its highest value so far; 0 or less"},
};

const ColumnSchema kDate{"date", ColumnType::date, "", "return day"};

ColumnSchema describe(const DailyColumn& column) {
  return {column.name, column.is_count ? ColumnType::whole : ColumnType::real, column.unit, column.doc};
}

TableSchema daily_schema(const char* name, const char* doc, bool is_grouped) {
  TableSchema schema{name, "", doc, {}};
  if (is_grouped)
    schema.columns = {{"byvar", ColumnType::text, "", "what the groups are made of"},
                      {"group", ColumnType::text, "", "value of byvar"}};
  schema.columns.push_back(kDate);
  for (const DailyColumn& column : kDailyColumns) schema.columns.push_back(describe(column));
  return schema;
}

TableSchema summary_schema() {
  TableSchema schema{"summary", "", "One row per portfolio: overall, then the groups of each byvar.", {}, true};
  schema.columns = {{"byvar", ColumnType::text, "", "overall, or an entry of byvar_list"},
                    {"group", ColumnType::text, "", "value of byvar"}};
  for (const SummaryStatistic& statistic : summary_statistics())
    schema.columns.push_back(
        {statistic.name, statistic.is_count ? ColumnType::whole : ColumnType::real, statistic.unit, statistic.doc});
  return schema;
}

Column build_column(const DailyColumn& column, const std::vector<const Series*>& all) {
  const auto collect = [&](auto values) {
    for (const Series* series : all) {
      const std::vector<double>& part = series->*column.values;
      values.insert(values.end(), part.begin(), part.end());
    }
    return Column{column.name, std::move(values)};
  };
  return column.is_count ? collect(std::vector<std::int64_t>{}) : collect(std::vector<double>{});
}

Table build_daily(const std::vector<const Series*>& all, const SeriesShape& shape) {
  Column::Dates dates;
  for (const Series* series : all) dates.days.insert(dates.days.end(), series->date.begin(), series->date.end());
  Table table{{{"date", std::move(dates)}}};
  for (const DailyColumn& column : kDailyColumns)
    if (!column.is_of_borrow || shape.has_borrow) table.columns.push_back(build_column(column, all));
  return table;
}

Table build_daily_by_group(const std::vector<const Series*>& all, const SeriesShape& shape) {
  std::vector<std::string> byvar, group;
  for (const Series* series : all) {
    byvar.insert(byvar.end(), series->n_days(), series->byvar);
    group.insert(group.end(), series->n_days(), series->group);
  }
  Table table = build_daily(all, shape);
  table.columns.insert(table.columns.begin(), {Column{"byvar", std::move(byvar)}, Column{"group", std::move(group)}});
  return table;
}

}  // namespace

const std::vector<TableSchema>& result_tables() {
  static const std::vector<TableSchema> tables = [] {
    std::vector<TableSchema> out{
        summary_schema(),
        daily_schema("daily", "The overall book, one row per trading day.", false),
        {"turnover",
         "",
         "Turnover of the overall book per day.",
         {kDate,
          {"turnover", ColumnType::real, "share of the book", "traded / (2 · gross)"},
          {"traded", ColumnType::real, "share of a side", "sum of |change of weight|"}}},
        {"tc", "", "Cost of the overall book per day.", {kDate, {"tc", ColumnType::real, kPerDay, "transaction cost"}}},
        daily_schema("daily_by_group", "The daily table of every portfolio.", true),
    };
    for (const AnalysisModule& module : analysis_modules()) out.insert(out.end(), module.tables.begin(), module.tables.end());
    return out;
  }();
  return tables;
}

void add_portfolio_tables(const PortfolioSeries& portfolios, const SeriesShape& shape, TableSet& tables) {
  const Series& overall = portfolios.overall;
  tables.add("summary", build_summary(portfolios.summary_rows(), shape));
  tables.add("daily", build_daily({&overall}, shape));
  tables.add("turnover", {{{"date", Column::Dates{overall.date}}, {"turnover", overall.turnover}, {"traded", overall.traded}}});
  tables.add("tc", {{{"date", Column::Dates{overall.date}}, {"tc", overall.tc}}});
  tables.add("daily_by_group", build_daily_by_group(portfolios.portfolio_rows(), shape));
}

}  // namespace fractile

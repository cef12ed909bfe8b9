// Copyright The fractile authors. Licensed under the Apache License, Version 2.0.
#pragma once

#include <vector>

#include "report/series.hpp"
#include "schema/table_schema.hpp"

namespace fractile {

/// Every table that a result can have, in the order of a result.
const std::vector<TableSchema>& result_tables();

/// Adds summary, daily, turnover, tc and daily_by_group.
void add_portfolio_tables(const PortfolioSeries& portfolios, const SeriesShape& shape, TableSet& tables);

}  // namespace fractile

// Copyright The fractile authors. Licensed under the Apache License, Version 2.0.
#pragma once

#include <span>
#include <string>
#include <vector>

#include "fractile/data_report.hpp"
#include "fractile/frequency.hpp"
#include "snapshot/build_index.hpp"

/// The part of the data report that reads only keys: days, periods, and first and last days of securities.
namespace fractile {

/// The days of a daily panel on which hardly any name trades, as ascending numbers of trading days.
struct StrayDays {
  std::vector<DateIndex> thin;      ///< under a tenth of the median number of names of the 21 days around
  std::vector<DateIndex> weekends;  ///< on a weekday that is a trading day in less than half of the weeks of its year
  std::vector<DateIndex> all() const;
};

/// `names`: the number of names per day.
StrayDays find_stray_days(std::span<const Day> dates, std::span<const RowIndex> names);
/// The stray days of a panel; empty unless the panel is daily.
StrayDays find_stray_days(const PanelIndex& index, Frequency frequency);

void report_calendar(const PanelIndex& index, Periodicity periodicity, std::vector<ReportLine>& report);
void report_lives(const PanelIndex& index, std::vector<ReportLine>& report);

/// "security_id 10001 on 2020-01-02".
std::string describe_panel_row(const PanelIndex& index, RowIndex row);

}  // namespace fractile

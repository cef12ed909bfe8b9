// Copyright The fractile authors. Licensed under the Apache License, Version 2.0.
#include "snapshot/report/column_report.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>
#include <string_view>

#include "ingest/usual_names.hpp"
#include "snapshot/report/calendar_report.hpp"
#include "types/quoted_text.hpp"

namespace fractile {
namespace {

constexpr std::array kCodes{-44.0, -55.0, -66.0, -77.0, -88.0, -99.0, -999.0, -9999.0, 9999.0, 99999.0};
constexpr std::array<std::string_view, 4> kPositive{"mcap", "adv", "close_adj", "close"};

struct Range {
  double lowest = std::numeric_limits<double>::infinity();
  double highest = -std::numeric_limits<double>::infinity();
  std::int64_t absent = 0;  ///< NaN
};

/// Several lanes, so that a comparison need not wait for the one before.
Range find_range(std::span<const double> numbers) noexcept {
  constexpr std::size_t kLanes = 8;
  std::array<Range, kLanes> lanes;
  const auto see = [](Range& range, double x) {
    range.lowest = x < range.lowest ? x : range.lowest;
    range.highest = x > range.highest ? x : range.highest;
    range.absent += x != x;
  };
  std::size_t i = 0;
  for (; i + kLanes <= numbers.size(); i += kLanes)
    for (std::size_t lane = 0; lane < kLanes; ++lane) see(lanes[lane], numbers[i + lane]);
  for (; i < numbers.size(); ++i) see(lanes[0], numbers[i]);
  Range out;
  for (const Range& lane : lanes)
    out = {std::min(out.lowest, lane.lowest), std::max(out.highest, lane.highest), out.absent + lane.absent};
  return out;
}

/// The number of rows that meet a condition, and the first of them.
template <class Is>
ReportLine find(const char* check, std::span<const double> numbers, const PanelIndex& index, Is&& is) {
  ReportLine line{check, true, 0, "", ""};
  for (std::size_t row = 0; row < numbers.size(); ++row)
    if (is(numbers[row]) && line.count++ == 0)
      line.first = fmt::format("{}: {}", describe_panel_row(index, static_cast<RowIndex>(row)), numbers[row]);
  return line;
}

void report_missing(const std::string& name, std::int64_t missing, std::int64_t n_rows, std::vector<ReportLine>& report) {
  if (missing == 0) return;
  report.push_back({"missing", false, missing, name,
                    fmt::format("{:.1f} % of column \"{}\" are missing ({} of {} rows).",
                                100.0 * static_cast<double>(missing) / static_cast<double>(n_rows), name, missing, n_rows)});
}

void report_returns(const std::string& name, std::span<const double> numbers, const Range& range, const PanelIndex& index,
                    Frequency frequency, std::vector<ReportLine>& report) {
  const double limit = frequency == Frequency::daily ? 0.2 : 0.5;
  if (range.highest > limit || range.lowest < -limit) {
    std::int64_t known = 0, large = 0;
    for (const double x : numbers) {
      known += x == x;
      large += std::fabs(x) > limit;
    }
    // If more than half of the values are above the limit, so is their median.
    if (2 * large > known)
      report.push_back({"looks_like_percent", true, large, name,
                        fmt::format("The median of |{}| is above {}: it looks like percent; divide it by 100 (--scale {}=0.01).",
                                    name, limit, name)});
  }
  if (range.highest > 2.0 || range.lowest < -2.0) {
    ReportLine line = find("large_return", numbers, index, [](double x) { return std::fabs(x) > 2.0; });
    line.text = fmt::format("{} values of column \"{}\" are above 200 % or below -200 %.", line.count, name);
    report.push_back(std::move(line));
  }
  const bool is_residual = name == "resret" || name == "resopenret";
  if (is_residual && range.lowest < -1.0) {
    ReportLine line = find("below_minus_one", numbers, index, [](double x) { return x < -1.0; });
    line.is_warning = false;
    line.text = fmt::format("{} values of column \"{}\" are below -1, as a residual can be.", line.count, name);
    report.push_back(std::move(line));
  }
}

void report_not_positive(const std::string& name, std::span<const double> numbers, const PanelIndex& index,
                         std::vector<ReportLine>& report) {
  ReportLine line = find("not_positive", numbers, index, [](double x) { return x <= 0.0; });
  const bool is_price = name.starts_with("close");
  line.text =
      fmt::format("{} values of column \"{}\" are zero or negative{}.", line.count, name,
                  is_price ? ": if the sign marks a bid-ask midpoint, abs_price (--abs-price) takes the absolute value" : "");
  report.push_back(std::move(line));
}

/// Our name of the price that a column of this name usually holds; "" if it usually holds none.
std::string price_of(const std::string& name) {
  for (const char* ours : {"prc", "close", "close_adj"})
    if (!find_usual_name(ours, {name}).empty()) return ours;
  return "";
}

/// A filter on such a price leaves out names because their price is a bid-ask midpoint. Zero is a missing price there.
void report_negative_price(const std::string& name, const std::string& source, const std::string& ours,
                           std::span<const double> numbers, const PanelIndex& index, std::vector<ReportLine>& report) {
  ReportLine line = find("not_positive", numbers, index, [](double x) { return x < 0.0; });
  line.text = fmt::format(
      "{} values of column \"{}\" are negative: if the sign marks a bid-ask midpoint, make the snapshot with {}--abs-price.",
      line.count, name, source == ours ? "" : "--map " + quote_for_shell(ours + "=" + source) + " ");
  report.push_back(std::move(line));
}

void report_code(const std::string& name, double code, std::string_view which, std::span<const double> numbers,
                 const PanelIndex& index, std::vector<ReportLine>& report) {
  ReportLine line = find("code", numbers, index, [code](double x) { return x == code; });
  line.text = fmt::format("The {} value of column \"{}\", {}, looks like a code for missing ({} rows): --null '{}={}' if it is.",
                          which, name, code, line.count, name, code);
  report.push_back(std::move(line));
}

}  // namespace

void report_column(const std::string& name, const std::string& source, const PanelColumn& column, const PanelIndex& index,
                   Frequency frequency, std::vector<ReportLine>& report) {
  const Range range = find_range(column.numbers);
  const auto absent = column.is_text ? std::count(column.codes.begin(), column.codes.end(), kMissingCode) : range.absent;
  report_missing(name, absent - index.padding, index.row_capacity() - index.padding, report);
  if (column.is_text) return;
  const std::span<const double> numbers(column.numbers);
  const auto is_code = [](double x) { return std::find(kCodes.begin(), kCodes.end(), x) != kCodes.end(); };
  if (is_code(range.lowest)) report_code(name, range.lowest, "smallest", numbers, index, report);
  if (is_code(range.highest) && range.highest != range.lowest)
    report_code(name, range.highest, "largest", numbers, index, report);
  constexpr std::array<std::string_view, 4> kReturns{"ret", "resret", "openret", "resopenret"};
  if (std::find(kReturns.begin(), kReturns.end(), name) != kReturns.end())
    report_returns(name, numbers, range, index, frequency, report);
  if (std::find(kPositive.begin(), kPositive.end(), name) != kPositive.end() && range.lowest <= 0.0)
    report_not_positive(name, numbers, index, report);
  else if (const std::string price = range.lowest < 0.0 ? price_of(name) : ""; !price.empty())
    report_negative_price(name, source, price, numbers, index, report);
}

}  // namespace fractile

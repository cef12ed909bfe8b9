// Copyright The fractile authors. Licensed under the Apache License, Version 2.0.
#include "snapshot/panel_returns.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <set>
#include <string_view>

#include "fractile/error.hpp"
#include "fractile/frequency.hpp"
#include "types/quoted_text.hpp"

namespace fractile {
namespace {

/// Half of the values are larger than this.
double median_magnitude(const std::vector<double>& values) {
  std::vector<double> magnitudes;
  for (const double value : values)
    if (value == value) magnitudes.push_back(std::fabs(value));
  if (magnitudes.empty()) return 0.0;
  const auto middle = magnitudes.begin() + static_cast<std::ptrdiff_t>(magnitudes.size() / 2);
  std::nth_element(magnitudes.begin(), middle, magnitudes.end());
  return *middle;
}

}  // namespace

void check_returns(const std::vector<double>& values, const ColumnRules& rules, const PanelIndex& index) {
  const std::string_view name = rules.column;
  if (name != "ret" && name != "openret") return;
  std::size_t n = 0;
  std::set<double> different;
  constexpr std::size_t kShown = 8;
  for (const double value : values) {
    if (!(value < -1.0)) continue;
    ++n;
    if (different.size() <= kShown) different.insert(value);
  }
  if (n == 0) return;
  // Rows as the source has them; the earliest of those that are too low.
  std::size_t row = 0;
  while (index.row_of_source[row] == kNoRow || !(values[static_cast<std::size_t>(index.row_of_source[row])] < -1.0)) ++row;
  const double first = values[static_cast<std::size_t>(index.row_of_source[row])];
  std::string remedy;
  const double percent = detect_periodicity(index.dates).frequency == Frequency::daily ? 0.2 : 0.5;
  if (median_magnitude(values) > percent) {
    remedy = fmt::format("Half of its values are beyond {} in size: it looks like percent. Divide it by 100: --scale {}=0.01",
                         percent, name);
  } else {
    std::string list;
    if (different.size() > kShown) different = {first};
    for (const double value : different) list += fmt::format("{}{}", list.empty() ? "" : ",", value / rules.scale);
    remedy = fmt::format("Correct it, or make it missing: --null {}", quote_for_shell(fmt::format("{}={}", name, list)));
  }
  throw Error(ErrorCode::PANEL_COLUMN_TYPE,
              fmt::format("expected returns not below -1 (all is lost) in column \"{}\", found {} below it, first {} "
                          "at row {}. {}.",
                          name, n, first, row, remedy));
}

void require_any_return(const PanelColumn& ret) {
  if (std::any_of(ret.numbers.begin(), ret.numbers.end(), [](double value) { return value == value; })) return;
  throw Error(ErrorCode::PANEL_COLUMN_TYPE,
              "expected returns in column \"ret\", found only missing values. Name the column that holds them: --map ret=Name.");
}

}  // namespace fractile

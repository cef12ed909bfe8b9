// Copyright The fractile authors. Licensed under the Apache License, Version 2.0.
#include "report/warnings.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <string>
#include <string_view>
#include <vector>

#include "engine/align/align_counts.hpp"
#include "stats/moments.hpp"

namespace fractile {
namespace {

constexpr std::size_t kFewPeriods = 60;
constexpr double kHighVolatility = 3.0;

double percent(double part, double whole) { return whole > 0.0 ? 100.0 * part / whole : 0.0; }

/// True if ties leave a side below half or above twice the names that it has without ties.
bool is_distorted(std::int64_t names, std::int64_t asked) noexcept { return 2 * names < asked || names > 2 * asked; }

bool has_ties(const WarningFacts& facts) noexcept {
  const RunConfig& config = facts.config;
  if (config.input_type != InputType::value || config.sort_method != SortMethod::single) return false;
  if (!config.rank_within.empty() || !config.breakpoints.empty() || config.exit_fractile) return false;
  const bool is_short_distorted =
      facts.config.method == Method::long_short && is_distorted(facts.days.short_names, facts.days.asked_short);
  return is_short_distorted || is_distorted(facts.days.long_names, facts.days.asked_long);
}

/// Describes the value that ties and its share of the names. A residual is not shown, because it is not the user's value.
std::string describe_tie(const WarningFacts& facts) {
  if (facts.config.resid != Resid::off) return "residuals tie";
  const TiedValue tied = find_tied_value(facts.values);
  return fmt::format("the value {} is that of {:.1f} % of the names", tied.value, 100.0 * tied.share);
}

std::string describe_no_book(const WarningFacts& facts) {
  const DayCounts& days = facts.days;
  std::string cause;
  if (days.most_long == 0 && days.most_short == 0 && facts.config.resid == Resid::off &&
      find_tied_value(facts.values).share == 1.0)
    cause = "all names have one value, so no name ranks above another";
  else if (has_ties(facts))
    cause = "tied values leave a side too small: " + describe_tie(facts);
  else if (days.most_long >= facts.config.mincos && days.most_short >= facts.config.mincos)
    cause =
        fmt::format("mincos={} asks for so many names per side, and too few have a weight (missing_weight)", facts.config.mincos);
  else
    cause = fmt::format("mincos={} asks for so many names per side", facts.config.mincos);
  return fmt::format("no period has a book: {}; the largest number of names per period is {} long and {} short.", cause,
                     days.most_long, days.most_short);
}

std::string describe_few_rows(const Diagnostics& diagnostics) {
  const Diagnostics::Count* largest = nullptr;
  for (const Diagnostics::Count& count : diagnostics.counts) {
    const bool is_cause =
        std::any_of(std::begin(kCauseNames), std::end(kCauseNames), [&](const char* name) { return count.name == name; });
    if (is_cause && (!largest || count.count > largest->count)) largest = &count;
  }
  std::string first;
  for (const RowExample& example : largest->examples)
    first += (first.empty() ? "" : ", ") + (example.security_id ? format_id(*example.security_id) : "missing");
  return fmt::format("only {} of {} rows are used; the largest cause is {} ({} rows, the first of security_id {}).",
                     diagnostics["rows_used"], diagnostics["rows_given"], largest->name, largest->count, first);
}

/// An extreme value of a signal that sources write where a value is missing.
struct CodeValue {
  double value = 0.0;
  std::int64_t rows = 0;  ///< 0: there is none
};

/// The extreme of a sample, if it is a usual code and every other value of the sample is half of it or less: a code in under
/// about one of 2,000 rows may be passed over, and a signal without codes costs no pass over its values.
CodeValue find_code(std::span<const double> values) {
  constexpr std::size_t kSamples = 4096;
  constexpr double kCodes[] = {-44.0, -55.0, -66.0, -77.0, -88.0, -99.0, -999.0, -9999.0, 9999.0, 99999.0};
  const std::size_t step = values.size() / kSamples + 1;
  double extreme = 0.0, next = 0.0;
  for (std::size_t i = 0; i < values.size(); i += step) {
    if (std::fabs(values[i]) > std::fabs(extreme)) {
      next = extreme;
      extreme = values[i];
    } else if (values[i] != extreme && std::fabs(values[i]) > std::fabs(next)) {
      next = values[i];
    }
  }
  CodeValue code;
  if (std::find(std::begin(kCodes), std::end(kCodes), extreme) == std::end(kCodes) || std::fabs(extreme) < 2.0 * std::fabs(next))
    return code;
  code.value = extreme;
  code.rows = std::count(values.begin(), values.end(), extreme);
  if (code.rows < 2) code.rows = 0;  // one value may be what it says
  return code;
}

}  // namespace

TiedValue find_tied_value(std::span<const double> values) {
  // The mode of an even sample, then its share among all.
  constexpr std::size_t kSamples = 65536;
  std::vector<double> sample;
  const std::size_t step = values.size() / kSamples + 1;
  for (std::size_t i = 0; i < values.size(); i += step)
    if (values[i] == values[i]) sample.push_back(values[i] + 0.0);
  std::sort(sample.begin(), sample.end());
  TiedValue tied;
  std::size_t longest = 0;
  for (std::size_t begin = 0, end = 0; begin < sample.size(); begin = end) {
    while (end < sample.size() && sample[end] == sample[begin]) ++end;
    if (end - begin <= longest) continue;
    longest = end - begin;
    tied.value = sample[begin];
  }
  std::size_t known = 0, equal = 0;
  for (const double value : values) {
    known += value == value;
    equal += value == tied.value;
  }
  if (known > 0) tied.share = static_cast<double>(equal) / static_cast<double>(known);
  return tied;
}

void add_warnings(const WarningFacts& facts, Diagnostics& diagnostics) {
  const auto warn = [&](const char* code, const std::string& text) {
    diagnostics.warnings.push_back(std::string(code) + ": " + text);
    diagnostics.warning_codes.emplace_back(code);
  };
  const Series& overall = facts.overall;
  const std::size_t n_days = overall.n_days();
  std::size_t flat = 0;
  for (std::size_t t = 0; t < n_days; ++t) flat += overall.n_long[t] + overall.n_short[t] == 0.0;

  if (n_days == 0) warn("NO_BOOK", describe_no_book(facts));
  if (2 * diagnostics["rows_used"] < diagnostics["rows_given"]) warn("FEW_ROWS_USED", describe_few_rows(diagnostics));
  if (10 * flat > n_days) {
    // A signal is sparse if days without a name are more than half of the flat days.
    const bool is_sparse = 2 * (n_days - std::min(n_days, static_cast<std::size_t>(facts.days.days_with_names))) > flat;
    warn("FLAT_DAYS",
         fmt::format("{} of {} periods from the first to the last with a position are flat ({:.1f} %){}.", flat, n_days,
                     percent(static_cast<double>(flat), static_cast<double>(n_days)),
                     is_sparse ? ": hold_days=\"next\" holds each period's names until the next one that has any" : ""));
  }
  // Days of an overlap's first books are left out by definition.
  const auto days_with_names = static_cast<std::size_t>(facts.days.days_with_names);
  if (n_days > 0 && facts.config.overlap == 1 && days_with_names > n_days && 20 * (days_with_names - n_days) > n_days)
    warn("PERIODS_LEFT_OUT",
         fmt::format("the tables have {} periods. They leave out {} or more at the start or the end, when a side has fewer names "
                     "than mincos={} asks for; a lower mincos includes them.",
                     n_days, days_with_names - n_days, facts.config.mincos));
  const auto& [lower, upper] = facts.config.fractile;
  if (lower <= 1.0 && upper <= 1.0)
    warn("FRACTILE_SHARES",
         fmt::format("fractile=({0}, {1}) is in percent, and {0} looks like a share: for shares pass ({2}, {3}).", lower, upper,
                     100.0 * lower, 100.0 * upper));
  if (n_days > 0 && n_days < kFewPeriods)
    warn("FEW_PERIODS", fmt::format("the statistics are of {} periods, fewer than {}.", n_days, kFewPeriods));
  const double volatility = std::sqrt(overall.periods_per_year) * standard_deviation(overall.ret);
  if (volatility > kHighVolatility)
    warn("HIGH_VOLATILITY", fmt::format("the annualised volatility is {:.0f} %: check the unit of ret and periods_per_year ({}).",
                                        100.0 * volatility, overall.periods_per_year));
  if (n_days > 0 && has_ties(facts))
    warn("TIED_VALUES",
         fmt::format(
             "tied values change the sides: {}, and the sides hold {:.1f} % (long) and {:.1f} % (short) of the names where "
             "fractile=({}, {}) asks for {:.1f} % and {:.1f} %.",
             describe_tie(facts), percent(static_cast<double>(facts.days.long_names), static_cast<double>(facts.days.names)),
             percent(static_cast<double>(facts.days.short_names), static_cast<double>(facts.days.names)), lower, upper,
             100.0 - upper, lower));
  if (const CodeValue code = find_code(facts.values); code.rows > 0 && facts.config.input_type == InputType::value)
    warn("CODE_VALUE",
         fmt::format("the value {} of {} rows is far from all others and ranks as a number: if it marks a missing value, "
                     "null=\"{}\" reads it so.",
                     code.value, code.rows, code.value));
}

}  // namespace fractile

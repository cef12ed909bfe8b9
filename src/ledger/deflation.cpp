// Copyright The fractile authors. Licensed under the Apache License, Version 2.0.
#include "ledger/deflation.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <map>

#include "stats/moments.hpp"
#include "stats/overfitting.hpp"

namespace fractile::ledger {
namespace {

constexpr std::size_t kFewestCommonPeriods = 3;
constexpr double kSmallestDeviation = 1e-15;

using Places = std::vector<std::uint32_t>;

/// The sum of the unit vectors of several series. The product of two sums is the sum of all correlations between their series.
struct UnitSum {
  std::vector<double> sum;
  double count = 0.0;
};

/// The series on the days at `places`, each less its mean and divided by its norm. Constant series are left out.
UnitSum sum_units(const std::vector<std::vector<double>>& series, const Places& places) {
  UnitSum out{std::vector<double>(places.size(), 0.0), 0.0};
  std::vector<double> unit(places.size());
  for (const std::vector<double>& values : series) {
    std::transform(places.begin(), places.end(), unit.begin(), [&](std::uint32_t place) { return values[place]; });
    if (!(standard_deviation(unit) >= kSmallestDeviation)) continue;
    const double centre = mean(unit);
    double squares = 0.0;
    for (double& value : unit) {
      value -= centre;
      squares += value * value;
    }
    const double norm = std::sqrt(squares);
    for (std::size_t t = 0; t < unit.size(); ++t) out.sum[t] += unit[t] / norm;
    out.count += 1.0;
  }
  return out;
}

double product(const std::vector<double>& a, const std::vector<double>& b) {
  double sum = 0.0;
  for (std::size_t t = 0; t < a.size(); ++t) sum += a[t] * b[t];
  return sum;
}

/// Places of the common days in a and in b, both ascending.
void find_common(const std::vector<Day>& a, const std::vector<Day>& b, Places& in_a, Places& in_b) {
  in_a.clear();
  in_b.clear();
  for (std::size_t i = 0, j = 0; i < a.size() && j < b.size();) {
    if (a[i] == b[j]) {
      in_a.push_back(static_cast<std::uint32_t>(i++));
      in_b.push_back(static_cast<std::uint32_t>(j++));
    } else {
      ++(a[i] < b[j] ? i : j);
    }
  }
}

void drop_missing(DatedReturns& series) {
  std::size_t n = 0;
  for (std::size_t t = 0; t < series.values.size(); ++t) {
    if (series.values[t] != series.values[t]) continue;
    series.days[n] = series.days[t];
    series.values[n++] = series.values[t];
  }
  series.days.resize(n);
  series.values.resize(n);
}

double variance_of(const std::vector<double>& values) {
  const double deviation = standard_deviation(values);
  return deviation * deviation;
}

}  // namespace

double mean_correlation(std::vector<DatedReturns> series) {
  std::map<std::vector<Day>, std::vector<std::vector<double>>> by_calendar;
  for (DatedReturns& one : series) {
    drop_missing(one);
    by_calendar[std::move(one.days)].push_back(std::move(one.values));
  }
  double sum = 0.0, pairs = 0.0;
  Places in_a, in_b;
  for (auto a = by_calendar.begin(); a != by_calendar.end(); ++a) {
    for (auto b = a; b != by_calendar.end(); ++b) {
      find_common(a->first, b->first, in_a, in_b);
      if (in_a.size() < kFewestCommonPeriods) continue;
      const UnitSum units = sum_units(a->second, in_a);
      if (a == b) {
        sum += (product(units.sum, units.sum) - units.count) / 2.0;
        pairs += units.count * (units.count - 1.0) / 2.0;
      } else {
        const UnitSum others = sum_units(b->second, in_b);
        sum += product(units.sum, others.sum);
        pairs += units.count * others.count;
      }
    }
  }
  return pairs > 0.0 ? sum / pairs : 0.0;
}

Deflation deflate(const std::string& study, const Trial& own, std::span<const Trial> others, double correlation) {
  Deflation out;
  out.study = study;
  out.is_best = own.ret.sr == own.ret.sr;
  std::vector<double> ratios, ratios_net;
  const auto add = [&](const Trial& trial) {
    ++out.trials;
    if (trial.periods_per_year != own.periods_per_year) return;
    if (trial.ret.sr == trial.ret.sr) ratios.push_back(trial.ret.sr);
    if (trial.ret_net.sr == trial.ret_net.sr) ratios_net.push_back(trial.ret_net.sr);
    if (trial.ret.sr > own.ret.sr) out.is_best = false;
  };
  bool is_stored = false;
  for (const Trial& trial : others) {
    is_stored |= trial.run_id == own.run_id;
    add(trial);
  }
  if (!is_stored) add(own);
  out.variance = variance_of(ratios);
  out.variance_net = variance_of(ratios_net);
  out.effective = independent_trials(static_cast<double>(out.trials), correlation);
  out.dsr = deflated_sharpe(own.ret, out.effective, out.variance);
  out.dsr_net = deflated_sharpe(own.ret_net, out.effective, out.variance_net);
  return out;
}

std::string to_json(const Deflation& deflation) {
  const auto number = [](double x) { return std::isfinite(x) ? fmt::format("{}", x) : std::string("null"); };
  return fmt::format(
      R"({{"study":"{}","trials":{},"trials_effective":{},"variance":{},"variance_net":{},"dsr":{},"dsr_net":{},"is_best":{},"text":"{}"}})",
      deflation.study, deflation.trials, number(deflation.effective), number(deflation.variance), number(deflation.variance_net),
      number(deflation.dsr), number(deflation.dsr_net), deflation.is_best, to_sentence(deflation));
}

std::string to_sentence(const Deflation& deflation) {
  return fmt::format("{} of {} {} (about {:.0f} independent): deflated Sharpe ratio {}", deflation.is_best ? "best" : "one",
                     deflation.trials, deflation.trials == 1 ? "trial" : "trials", deflation.effective,
                     deflation.dsr == deflation.dsr ? fmt::format("{:.2f}", deflation.dsr) : "unknown");
}

std::string describe(const Deflation& deflation) { return fmt::format("Study {}: {}", deflation.study, to_sentence(deflation)); }

}  // namespace fractile::ledger

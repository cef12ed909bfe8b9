// Copyright The fractile authors. Licensed under the Apache License, Version 2.0.
#include "report/signal_tests.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <map>

#include "fractile/error.hpp"
#include "stats/multiple_testing.hpp"
#include "stats/overfitting.hpp"

namespace fractile {
namespace {

constexpr int kSplitBlocks = 16;

std::size_t count_present(const ReturnSeries& signal) {
  return static_cast<std::size_t>(std::count_if(signal.values.begin(), signal.values.end(), [](double x) { return x == x; }));
}

/// Selects the signals to test; the names of the others go to `dropped`.
std::vector<const ReturnSeries*> choose(const std::vector<ReturnSeries>& signals, bool drop_short,
                                        std::vector<std::string>& dropped) {
  if (signals.empty()) throw Error(ErrorCode::INVALID_VALUE, "expected a signal, found none. Pass one or more.");
  std::size_t longest = 0;
  for (const ReturnSeries& signal : signals) longest = std::max(longest, count_present(signal));
  std::vector<const ReturnSeries*> out;
  for (const ReturnSeries& signal : signals) {
    const std::size_t present = count_present(signal);
    if (2 * present >= longest) {
      out.push_back(&signal);
      continue;
    }
    if (!drop_short)
      throw Error(
          ErrorCode::INVALID_VALUE,
          fmt::format("expected every signal on half or more of the {} periods of the longest, found {} of signal \"{}\". It "
                      "would shorten all others: leave it out, or drop short ones.",
                      longest, present, signal.name));
    dropped.push_back(signal.name);
  }
  return out;
}

/// The periods that all signals have; the values of one period are adjacent.
std::vector<double> join(const std::vector<const ReturnSeries*>& signals, std::size_t& n_periods) {
  std::map<Day, std::size_t> counts;
  for (const ReturnSeries* signal : signals)
    for (std::size_t t = 0; t < signal->days.size(); ++t)
      if (signal->values[t] == signal->values[t]) ++counts[signal->days[t]];
  std::map<Day, std::size_t> rows;
  for (const auto& [day, count] : counts)
    if (count == signals.size()) rows.emplace(day, rows.size());
  n_periods = rows.size();
  std::vector<double> out(rows.size() * signals.size());
  for (std::size_t k = 0; k < signals.size(); ++k)
    for (std::size_t t = 0; t < signals[k]->days.size(); ++t)
      if (const auto row = rows.find(signals[k]->days[t]); row != rows.end())
        out[row->second * signals.size() + k] = signals[k]->values[t];
  return out;
}

}  // namespace

SignalTests test_signals(const std::vector<ReturnSeries>& signals, const SignalTestOptions& options, const Workers& workers) {
  SignalTests out{};
  const std::vector<const ReturnSeries*> chosen = choose(signals, options.drop_short, out.dropped);
  std::size_t n_periods = 0;
  const std::vector<double> values = join(chosen, n_periods);
  if (n_periods < 2)
    throw Error(ErrorCode::INVALID_VALUE,
                fmt::format("expected 2 periods that all signals have, found {}. Pass signals of the same dates.", n_periods));
  const Frame frame{values.data(), n_periods, chosen.size()};
  MultipleTests tests = test_many(frame, options.resampling, workers);
  std::vector<std::string> names;
  for (const ReturnSeries* signal : chosen) names.push_back(signal->name);
  for (double& ratio : tests.sharpe) ratio *= std::sqrt(options.periods_per_year);
  out.table.columns = {{"signal", names},
                       {"sharpe", std::move(tests.sharpe)},
                       {"t_nw", std::move(tests.t_nw)},
                       {"p", std::move(tests.p)},
                       {"p_bonferroni", std::move(tests.p_bonferroni)},
                       {"p_holm", std::move(tests.p_holm)},
                       {"p_bh", std::move(tests.p_bh)},
                       {"p_by", std::move(tests.p_by)},
                       {"p_romano_wolf", std::move(tests.p_romano_wolf)}};
  out.reality_check_p = tests.reality_check_p;
  out.spa_p = tests.spa_p;
  const bool can_split = chosen.size() >= 2 && n_periods >= 2 * static_cast<std::size_t>(kSplitBlocks);
  out.pbo = can_split ? probability_of_overfitting(frame, kSplitBlocks, workers).pbo : std::numeric_limits<double>::quiet_NaN();
  out.effective_trials = effective_trials(frame, workers);
  out.periods = static_cast<std::int64_t>(n_periods);
  out.block = tests.block;
  return out;
}

std::vector<std::pair<const char*, double>> SignalTests::facts() const {
  return {{"reality_check_p", reality_check_p},      {"spa_p", spa_p}, {"pbo", pbo}, {"effective_trials", effective_trials},
          {"periods", static_cast<double>(periods)}, {"block", block}};
}

ReturnSeries returns_of(const Result& result, const std::string& name, const std::string& series) {
  constexpr const char* kKnown[] = {"ret", "resret", "ret_net", "resret_net"};
  if (std::find(std::begin(kKnown), std::end(kKnown), series) == std::end(kKnown))
    throw Error(ErrorCode::INVALID_VALUE,
                fmt::format("expected series ret, resret, ret_net, resret_net, found \"{}\". Correct it.", series.substr(0, 40)));
  const Table& daily = result.tables["daily"];
  return {name, std::get<Column::Dates>(daily.find("date")->values).days,
          std::get<std::vector<double>>(daily.find(series)->values)};
}

}  // namespace fractile

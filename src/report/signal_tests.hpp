// Copyright The fractile authors. Licensed under the Apache License, Version 2.0.
#pragma once

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "fractile/result.hpp"
#include "fractile/return_series.hpp"
#include "stats/bootstrap.hpp"

namespace fractile {

struct SignalTestOptions {
  Resampling resampling{10'000, 0.0, 0};  ///< block 0: the largest optimal one
  double periods_per_year = 252.0;
  bool drop_short = false;  ///< leave out a signal with fewer than half of the periods of the longest; if false, refuse it
};

/// Multiple testing over the periods that all signals have, as docs/multiple_testing.md describes it.
struct SignalTests {
  Table table;  ///< one row per signal
  double reality_check_p, spa_p, pbo, effective_trials;
  std::int64_t periods;
  double block;
  std::vector<std::string> dropped;

  /// The numbers that hold for all signals, by name.
  std::vector<std::pair<const char*, double>> facts() const;
};
/// `signals`: days ascending. Throws INVALID_VALUE on a short signal, on no signal, and on fewer than 2 common periods.
SignalTests test_signals(const std::vector<ReturnSeries>& signals, const SignalTestOptions& options, const Workers& workers);

/// One series of a result's overall book. Throws INVALID_VALUE on a name that is none of ret, resret, ret_net, resret_net.
ReturnSeries returns_of(const Result& result, const std::string& name, const std::string& series);

}  // namespace fractile

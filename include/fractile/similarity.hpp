// Copyright The fractile authors. Licensed under the Apache License, Version 2.0.
#pragma once

#include <cstdint>

#include "fractile/backtest.hpp"

namespace fractile {

/// How near two signals are.
struct Similarity {
  double rank_correlation;  ///< mean over days with 10 common names or more; NaN if there is none
  std::int64_t days;        ///< with a rank correlation
  double common;            ///< share of the first signal's used rows that have a row of the second; NaN without rows
};

/// One signal as a run reads it.
struct SignalColumn {
  const SignalKeys& keys;
  const double* values;
};

/// Compares two signals return day by return day, both aligned by `config`. Throws as Backtester::run().
Similarity compare_signals(const Backtester& backtester, const SignalColumn& signal, const SignalColumn& other,
                           const RunConfig& config, const Interrupt& interrupt = {});

}  // namespace fractile

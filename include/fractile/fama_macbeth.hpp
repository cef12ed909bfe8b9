// Copyright The fractile authors. Licensed under the Apache License, Version 2.0.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "fractile/backtest.hpp"

/// Cross-sectional regressions, one per return day, and the mean of their coefficients: Fama and MacBeth (1973).
namespace fractile {

struct FamaMacBethOptions {
  std::vector<std::string> controls;  ///< panel columns; texts, cap, sector_id and industry_id are categories
  bool standardize = false;    ///< per day: less the mean, over the standard deviation (n - 1); never categories or returns
  double winsorize = 0.0;      ///< percent: values are clipped to the quantiles p and 100 - p of their day; 0: none
  std::int64_t lags = -1;      ///< of Newey and West; -1: floor(4 (T / 100)^(2/9))
  std::int64_t min_names = 0;  ///< 0: max(10, regressors + 2), the intercept not counted
};

/// A column of values of the signal's rows.
struct NamedValues {
  std::string name;
  const double* values;
};

struct FamaMacBeth {
  /// name, mean, se, t, se_nw, t_nw, periods: the intercept, the signals, the controls that are numbers.
  Table table;
  /// date, names, r2, and a coefficient per row of `table`: one row per day with a regression.
  Table daily;
  double mean_names = 0.0, mean_r2 = 0.0;
  std::int64_t few_names = 0;  ///< days left out with fewer than min_names names
  std::int64_t singular = 0;   ///< days left out with collinear regressors
  std::int64_t left_out() const noexcept { return few_names + singular; }
  std::string config_json;
  std::string snapshot;
  double elapsed_seconds = 0.0;
};

/// Regresses the return of each return day on the signals and the controls. Of `config` it takes the options that align the
/// signal (lag, hold_days, universe, from_open, bad_open, delisting_return, characteristics_asof, lookahead), threads, and weight
/// "equal" or "value". It refuses options that change the signal's values (REFUSED_COMBINATION); options of the book do nothing.
/// Throws MISSING_PANEL_COLUMN, INVALID_VALUE, NO_USABLE_ROWS (no day has a regression), and as Backtester::run().
FamaMacBeth fama_macbeth(const Backtester& backtester, const SignalKeys& keys, std::span<const NamedValues> signals,
                         const RunConfig& config, const FamaMacBethOptions& options, const Interrupt& interrupt = {});

}  // namespace fractile

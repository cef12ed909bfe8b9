// Copyright The fractile authors. Licensed under the Apache License, Version 2.0.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "fractile/types.hpp"
#include "ledger/trial.hpp"

/// The deflation of a trial's Sharpe ratio by the number of trials.
namespace fractile::ledger {

/// The returns of one stored trial, by day.
struct DatedReturns {
  std::vector<Day> days;
  std::vector<double> values;
};

/// The mean correlation over all pairs of series, on the days that each pair has in common; 0 if no pair has 3 of them.
/// O(periods * series * calendars), with a calendar a set of days that series share.
double mean_correlation(std::vector<DatedReturns> series);

/// A trial among the trials of its study.
struct Deflation {
  std::string study;
  std::int64_t trials = 0;                    ///< number of trials, including this one (stored or not)
  double effective = 1.0;                     ///< number of independent trials to which they are equivalent
  double variance = 0.0, variance_net = 0.0;  ///< of their Sharpe ratios per period
  double dsr = 0.0, dsr_net = 0.0;
  bool is_best = false;  ///< no other trial has a higher ratio before costs
};

/// `correlation`: mean_correlation() of the stored returns. `others`: the stored trials; `own` may be one of them.
Deflation deflate(const std::string& study, const Trial& own, std::span<const Trial> others, double correlation);

/// "one of 212 trials (about 31 independent): deflated Sharpe ratio 0.61".
std::string to_sentence(const Deflation& deflation);
/// "Study momentum: one of 212 trials …".
std::string describe(const Deflation& deflation);
/// One object: study, trials, trials_effective, variance, variance_net, dsr, dsr_net, is_best, text; NaN is null.
std::string to_json(const Deflation& deflation);

}  // namespace fractile::ledger

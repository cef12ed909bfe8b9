// Copyright The fractile authors. Licensed under the Apache License, Version 2.0.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "fractile/result.hpp"
#include "stats/sharpe.hpp"

namespace fractile::ledger {

/// The stored numbers of a result: the overall book, before costs and net.
struct Trial {
  std::string run_id;
  int periods_per_year = 252;
  SharpeMoments ret{}, ret_net{};
};

/// A trial with the data that only the file needs.
struct TrialRecord {
  Trial trial;
  std::string study;
  std::int64_t time_ms = 0;  ///< since 1970, UTC
  std::string snapshot, config;
  std::vector<Day> days;
  std::vector<double> ret, ret_net;  ///< ret_net is empty if no day has costs
};

Trial make_trial(const Result& result);
/// Makes the record of a result, with the present time.
TrialRecord make_record(const std::string& study, const Result& result);
/// Adds the present time and the moments of the series to the record of returns that no run has, such as the daily coefficients
/// of a regression. `ret` has the length of `days`; `ret_net` too, or it is empty.
TrialRecord complete_record(TrialRecord record);

}  // namespace fractile::ledger

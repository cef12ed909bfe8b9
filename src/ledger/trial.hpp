// Copyright The fractile authors. Licensed under the Apache License, Version 2.0.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "fractile/result.hpp"
#include "stats/sharpe.hpp"

namespace fractile::ledger {

/// A result as its study remembers it: the overall book, before costs and net.
struct Trial {
  std::string run_id;
  int periods_per_year = 252;
  SharpeMoments ret{}, ret_net{};
};

/// A trial with what only the file needs.
struct TrialRecord {
  Trial trial;
  std::string study;
  std::int64_t time_ms = 0;  ///< since 1970, UTC
  std::string snapshot, config;
  std::vector<Day> days;
  std::vector<double> ret, ret_net;  ///< ret_net is empty if no day has costs
};

Trial make_trial(const Result& result);
/// The record of a result, at the time of now.
TrialRecord make_record(const std::string& study, const Result& result);

}  // namespace fractile::ledger

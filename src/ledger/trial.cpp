// Copyright The fractile authors. Licensed under the Apache License, Version 2.0.
#include "ledger/trial.hpp"

#include <algorithm>
#include <chrono>
#include <span>
#include <string_view>

namespace fractile::ledger {
namespace {

std::span<const double> series(const Result& result, std::string_view name) {
  const Column* const column = result.tables["daily"].find(name);
  return column ? std::span<const double>(std::get<std::vector<double>>(column->values)) : std::span<const double>();
}

std::int64_t now_ms() {
  using std::chrono::duration_cast, std::chrono::milliseconds, std::chrono::system_clock;
  return duration_cast<milliseconds>(system_clock::now().time_since_epoch()).count();
}

bool is_missing(double x) noexcept { return x != x; }

SharpeMoments moments_of(std::span<const double> values) {
  if (std::none_of(values.begin(), values.end(), is_missing)) return sharpe_moments(values);
  std::vector<double> present;
  std::copy_if(values.begin(), values.end(), std::back_inserter(present), [](double x) { return !is_missing(x); });
  return sharpe_moments(present);
}

}  // namespace

Trial make_trial(const Result& result) {
  return {result.run_id, result.periods_per_year, moments_of(series(result, "ret")), moments_of(series(result, "ret_net"))};
}

TrialRecord make_record(const std::string& study, const Result& result) {
  TrialRecord record;
  record.trial = make_trial(result);
  record.study = study;
  record.time_ms = now_ms();
  record.snapshot = result.snapshot;
  record.config = result.config_json;
  if (const Column* const dates = result.tables["daily"].find("date")) record.days = std::get<Column::Dates>(dates->values).days;
  const auto ret = series(result, "ret"), ret_net = series(result, "ret_net");
  record.ret.assign(ret.begin(), ret.end());
  if (!std::all_of(ret_net.begin(), ret_net.end(), is_missing)) record.ret_net.assign(ret_net.begin(), ret_net.end());
  return record;
}

TrialRecord complete_record(TrialRecord record) {
  record.time_ms = now_ms();
  record.trial.ret = moments_of(record.ret);
  record.trial.ret_net = moments_of(record.ret_net);
  return record;
}

}  // namespace fractile::ledger

// Copyright The fractile authors. Licensed under the Apache License, Version 2.0.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <string_view>

#include "fractile/backtest.hpp"
#include "server/endpoint.hpp"
#include "stats/inference.hpp"

/// Keys beside "config" that change no number of a run: the study that counts it, and its inference.
namespace fractile::server {

struct RunExtras {
  std::string study;  ///< "": none
  std::optional<InferenceOptions> inference;
  std::optional<TriedBefore> trials;  ///< of the inference, in place of a study
};

inline constexpr std::string_view kStudy = "study", kInference = "inference";

/// Reads study and inference from a request's keys. Throws INVALID_VALUE, UNKNOWN_OPTION, REFUSED_COMBINATION.
RunExtras read_extras(const std::map<std::string, std::string>& more);
/// Checks before the run of a study that its trial can be written. Throws LEDGER_NOT_WRITABLE, LEDGER_UNREADABLE. These errors
/// contain no path; the log has it.
void open_study(const ServerState& state);
/// Records the trial, and adds the table "inference" if it was requested.
void add_extras(const RunExtras& extras, const ServerState& state, const Interrupt& interrupt, Result& result);
/// ,"study":"name" and, with the inference, ,"deflation":{...}: members of the JSON answer; "" without a study.
std::string describe_study(const RunExtras& extras, const ServerState& state, const Result& result);
}  // namespace fractile::server

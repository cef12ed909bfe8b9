// Copyright The fractile authors. Licensed under the Apache License, Version 2.0.
#include "server/run_extras.hpp"

#include <nlohmann/json.hpp>

#include "fractile/error.hpp"
#include "ledger/ledger.hpp"
#include "parallel/workers.hpp"
#include "report/inference.hpp"
#include "server/log.hpp"
#include "server/run_request.hpp"
#include "server/study_answer.hpp"

namespace fractile::server {
namespace {

constexpr double kMostInferenceDraws = 1e6;

[[noreturn]] void refuse_extra(const std::string& expected, const nlohmann::json& found, const char* remedy) {
  throw Error(ErrorCode::INVALID_VALUE, "expected " + expected + ", found " +
                                            found.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace).substr(0, 60) +
                                            ". " + remedy);
}

double read_extra_number(const nlohmann::json& json, const char* name, double from, double to) {
  if (!json.is_number() || !(json.get<double>() >= from && json.get<double>() <= to))
    refuse_extra(std::string(name) + " as a number from " + std::to_string(static_cast<std::int64_t>(from)) + " to " +
                     std::to_string(static_cast<std::int64_t>(to)),
                 json, "Correct it.");
  return json.get<double>();
}

std::int64_t read_extra_whole(const nlohmann::json& json, const char* name, double from, double to) {
  if (!json.is_number_integer()) refuse_extra(std::string(name) + " as a whole number", json, "Correct it.");
  return static_cast<std::int64_t>(read_extra_number(json, name, from, to));
}

TriedBefore read_trials(const nlohmann::json& json) {
  constexpr double kMostTrials = 1e12, kMostVariance = 1e6;
  if (!json.is_array() || json.size() != 2) refuse_extra("trials as [n, variance]", json, "Write [20, 0.001].");
  const double n = read_extra_number(json[0], "n of trials", 1.0, kMostTrials);
  return {n, n, read_extra_number(json[1], "variance of trials", 0.0, kMostVariance)};
}

void read_inference(const nlohmann::json& json, RunExtras& out) {
  if (json.is_null() || json == false) return;
  out.inference.emplace();
  if (json == true) return;
  if (!json.is_object()) refuse_extra("inference as true or an object of level, draws, seed, trials", json, "Write true.");
  constexpr double kMostSeed = 9007199254740992.0;  // 2^53: exact in every reader of JSON
  for (const auto& [name, value] : json.items()) {
    if (name == "level") {
      out.inference->level = read_extra_number(value, "level", 0.0, 1.0);
      if (out.inference->level == 0.0 || out.inference->level == 1.0)
        refuse_extra("level between 0 and 1", value, "0.95 is usual.");
    } else if (name == "draws") {
      out.inference->draws = read_extra_whole(value, "draws", 1.0, kMostInferenceDraws);
    } else if (name == "seed") {
      out.inference->seed = static_cast<std::uint64_t>(read_extra_whole(value, "seed", 0.0, kMostSeed));
    } else if (name == "trials") {
      out.trials = read_trials(value);
    } else {
      throw Error(ErrorCode::UNKNOWN_OPTION,
                  "expected level, draws, seed or trials in inference, found \"" + name.substr(0, 40) + "\". Leave it out.");
    }
  }
}

}  // namespace

RunExtras read_extras(const std::map<std::string, std::string>& more) {
  RunExtras out;
  std::optional<std::string> study;
  if (const auto found = more.find(std::string(kStudy)); found != more.end()) {
    const nlohmann::json json = parse_parameter(found->second, kStudy);
    if (json.is_string())
      study = json.get<std::string>();
    else if (!json.is_null())
      refuse_extra("study as text", json, "Write \"momentum-2026\".");
  }
  out.study = ledger::study_name(study);
  if (const auto found = more.find(std::string(kInference)); found != more.end())
    read_inference(parse_parameter(found->second, kInference), out);
  if (out.trials && study && !study->empty())
    throw Error(ErrorCode::REFUSED_COMBINATION, "expected study or trials of inference, found both. Leave one out.");
  return out;
}

void open_study(const ServerState& state) {
  with_ledger(state, [](ledger::Ledger& ledger) { ledger.require_writable(); });
}

void add_extras(const RunExtras& extras, const ServerState& state, const Interrupt& interrupt, Result& result) {
  if (!extras.study.empty())
    with_ledger(state, [&](ledger::Ledger& ledger) { ledger.record(ledger::make_record(extras.study, result)); });
  if (!extras.inference) return;
  TriedBySeries tried;
  if (!extras.trials && !extras.study.empty()) {
    const ledger::Deflation found =
        with_ledger(state, [&](ledger::Ledger& ledger) { return ledger.deflate(extras.study, ledger::make_trial(result)); });
    const auto n = static_cast<double>(found.trials);
    tried = {TriedBefore{n, found.effective, found.variance}, TriedBefore{n, found.effective, found.variance_net}};
  }
  const auto poll = [&] {
    if (interrupt && interrupt()) throw Error(ErrorCode::CANCELLED, "expected to finish, found that nobody waits.");
  };
  result.tables.add("inference", infer_result(result, *extras.inference, extras.trials, tried, {default_threads(), poll}));
}

std::string describe_study(const RunExtras& extras, const ServerState& state, const Result& result) {
  if (extras.study.empty()) return "";
  const std::string out = ",\"study\":" + quote(extras.study);
  return extras.inference ? out + ",\"deflation\":" + deflation_to_json(extras.study, state, ledger::make_trial(result)) : out;
}

Json extras_schema() {
  Json options{{"type", "object"},
               {"additionalProperties", false},
               {"properties",
                {{"level", {{"type", "number"}, {"exclusiveMinimum", 0}, {"exclusiveMaximum", 1}, {"default", 0.95}}},
                 {"draws", {{"type", "integer"}, {"minimum", 1}, {"maximum", kMostInferenceDraws}, {"default", 10000}}},
                 {"seed", {{"type", "integer"}, {"minimum", 0}, {"default", 0}}},
                 {"trials",
                  {{"type", "array"},
                   {"items", {{"type", "number"}, {"minimum", 0}}},
                   {"minItems", 2},
                   {"maxItems", 2},
                   {"description", "Number of trials, and the variance of their Sharpe ratios per period."}}}}}};
  return {{"study",
           {{"type", {"string", "null"}},
            {"description",
             "Name under which the server's ledger counts the run; null: $FRACTILE_STUDY of the server; \"\": none."}}},
          {"inference",
           {{"anyOf", {{{"type", {"boolean", "null"}}}, options}},
            {"description", "Add the table inference: errors, intervals and tests of each portfolio's Sharpe ratio."}}}};
}

}  // namespace fractile::server

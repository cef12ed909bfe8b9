// Copyright The fractile authors. Licensed under the Apache License, Version 2.0.
#include <cmath>
#include <nlohmann/json.hpp>

#include "fractile/error.hpp"
#include "output/output.hpp"
#include "parallel/workers.hpp"
#include "report/signal_tests.hpp"
#include "server/endpoint.hpp"
#include "server/openapi.hpp"
#include "server/run_request.hpp"

namespace fractile::server {
namespace {

constexpr double kMostTestDraws = 100000, kMostBlock = 100000, kMostPeriods = 100000;

[[noreturn]] void refuse_test(const std::string& expected, const char* remedy) {
  throw Error(ErrorCode::INVALID_VALUE, "expected " + expected + ", found something else. " + remedy);
}

double read_test_number(const nlohmann::json& json, const std::string& name, double from, double to, bool is_whole) {
  const bool is_fine = (is_whole ? json.is_number_integer() : json.is_number()) && json >= from && json <= to;
  if (!is_fine)
    refuse_test(name + (is_whole ? " as a whole number from " : " as a number from ") +
                    std::to_string(static_cast<std::int64_t>(from)) + " to " + std::to_string(static_cast<std::int64_t>(to)),
                "Correct it.");
  return json.get<double>();
}

/// {"name": [numbers]}: numbers at the same place belong to the same period.
std::vector<ReturnSeries> read_returns(const nlohmann::json& json) {
  if (!json.is_object() || json.empty())
    refuse_test("returns as an object of lists", "Write {\"a\": [0.01, -0.02], \"b\": [0.0, 0.01]}.");
  std::vector<ReturnSeries> out;
  for (const auto& [name, values] : json.items()) {
    ReturnSeries signal{name, {}, {}};
    if (!values.is_array()) refuse_test("returns of \"" + name.substr(0, 40) + "\" as a list", "Write [0.01, -0.02].");
    for (const nlohmann::json& value : values) {
      if (!value.is_number() && !value.is_null())
        refuse_test("returns of \"" + name.substr(0, 40) + "\" as numbers", "null is a missing one.");
      signal.days.push_back(static_cast<Day>(signal.days.size()));
      signal.values.push_back(value.is_null() ? std::nan("") : value.get<double>());
    }
    if (signal.values.size() != (out.empty() ? signal : out.front()).values.size())
      refuse_test("as many periods in each list of returns", "null is a missing one.");
    out.push_back(std::move(signal));
  }
  return out;
}

Answer answer_multiple_testing(Request& request, const ServerState&, const Interrupt& interrupt) {
  const std::string text(reinterpret_cast<const char*>(request.body.data()), request.body.size());
  const nlohmann::json body = parse_parameter(text, "the body");
  if (!body.is_object() || !body.contains("returns"))
    refuse_test("a body with returns", "Write {\"returns\": {\"a\": [0.01, -0.02]}}.");
  SignalTestOptions options;
  for (const auto& [name, value] : body.items()) {
    if (name == "returns") continue;
    if (name == "draws") {
      options.resampling.draws = static_cast<std::int64_t>(read_test_number(value, name, 1, kMostTestDraws, true));
    } else if (name == "seed") {
      options.resampling.seed = static_cast<std::uint64_t>(read_test_number(value, name, 0, 9007199254740992.0, true));
    } else if (name == "block") {
      if (!value.is_null()) options.resampling.block = read_test_number(value, name, 1, kMostBlock, false);
    } else if (name == "periods_per_year") {
      options.periods_per_year = read_test_number(value, name, 1, kMostPeriods, false);
    } else if (name == "short") {
      if (value != "refuse" && value != "drop") refuse_test("short as \"refuse\" or \"drop\"", "Correct it.");
      options.drop_short = value == "drop";
    } else {
      throw Error(ErrorCode::UNKNOWN_OPTION, "expected returns, draws, seed, block, periods_per_year or short, found \"" +
                                                 name.substr(0, 40) + "\". Leave it out.");
    }
  }
  const auto poll = [&] {
    if (interrupt && interrupt()) throw Error(ErrorCode::CANCELLED, "expected to finish, found that nobody waits.");
  };
  const SignalTests tests = test_signals(read_returns(body["returns"]), options, {default_threads(), poll});
  Json facts{{"dropped", tests.dropped}};
  for (const auto& [name, value] : tests.facts()) facts[name] = number_or_null(value);
  Answer answer;
  answer.body = "{\"signals\":" + table_to_json(tests.table) + "," + facts.dump().substr(1);
  return answer;
}

void check_testing_head(const Request& request) {
  if (request.content_type != "application/json")
    throw Error(ErrorCode::UNSUPPORTED_MEDIA_TYPE,
                "expected Content-Type application/json, found \"" + request.content_type.substr(0, 60) + "\". Send JSON.");
  if (!request.query.empty())
    throw Error(ErrorCode::UNKNOWN_OPTION, "expected no query parameter, found \"" + request.query.begin()->first.substr(0, 40) +
                                               "\". Put it into the body.");
}

Json describe_multiple_testing(bool asks_token) {
  const Json returns{{"type", "object"},
                     {"minProperties", 1},
                     {"additionalProperties", {{"type", "array"}, {"items", {{"type", {"number", "null"}}}}}},
                     {"description", "Returns by signal, one number per period; null is a missing one."}};
  const Json body{{"type", "object"},
                  {"required", {"returns"}},
                  {"additionalProperties", false},
                  {"properties",
                   {{"returns", returns},
                    {"draws", {{"type", "integer"}, {"minimum", 1}, {"maximum", kMostTestDraws}, {"default", 10000}}},
                    {"seed", {{"type", "integer"}, {"minimum", 0}, {"default", 0}}},
                    {"block", {{"type", {"number", "null"}}, {"minimum", 1}, {"maximum", kMostBlock}}},
                    {"periods_per_year", {{"type", "number"}, {"minimum", 1}, {"maximum", kMostPeriods}, {"default", 252}}},
                    {"short", {{"type", "string"}, {"enum", {"refuse", "drop"}}, {"default", "refuse"}}}}}};
  Json row{{"type", "object"}, {"properties", {{"signal", {{"type", "string"}}}}}, {"required", {"signal"}}};
  for (const char* const name : {"sharpe", "t_nw", "p", "p_bonferroni", "p_holm", "p_bh", "p_by", "p_romano_wolf"}) {
    row["properties"][name] = nullable("number");
    row["required"].push_back(name);
  }
  Json schema{
      {"type", "object"},
      {"properties",
       {{"signals", {{"type", "array"}, {"items", row}}}, {"dropped", {{"type", "array"}, {"items", {{"type", "string"}}}}}}}};
  for (const char* const name : {"reality_check_p", "spa_p", "pbo", "effective_trials", "periods", "block"})
    schema["properties"][name] = nullable("number");
  std::set<int> statuses{400, 405, 408, 413, 415, 422, 431, 500, 503};
  statuses.merge(token_statuses(asks_token));
  return describe_json_post("multipleTesting", "Which of many return series earn more than luck explains", body,
                            json_answer(schema, "One row per signal, and what holds for all."), statuses);
}

}  // namespace

Endpoint multiple_testing_endpoint() {
  return {.path = "/multiple-testing",
          .method = "POST",
          .is_computed = true,
          .check = check_testing_head,
          .answer = answer_multiple_testing,
          .describe = describe_multiple_testing};
}

}  // namespace fractile::server

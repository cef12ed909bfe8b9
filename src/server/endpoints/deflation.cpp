// Copyright The fractile authors. Licensed under the Apache License, Version 2.0.
#include <cmath>
#include <nlohmann/json.hpp>

#include "server/endpoint.hpp"
#include "server/openapi.hpp"
#include "server/run_request.hpp"
#include "server/study_answer.hpp"

namespace fractile::server {
namespace {

constexpr const char* kParameters[] = {"run_id", "periods_per_year", "ret", "ret_net"};

const std::string& parameter(const Request& request, const char* name) {
  const auto found = request.query.find(name);
  if (found != request.query.end()) return found->second;
  throw Error(
      ErrorCode::INVALID_VALUE,
      std::string("expected the query parameters run_id, periods_per_year, ret and ret_net, found no ") + name + ". Add it.");
}

/// [ratio per period, periods, skewness, kurtosis]; null is NaN.
SharpeMoments read_moments(const Request& request, const char* name) {
  const nlohmann::json json = parse_parameter(parameter(request, name), name);
  double moments[4];
  bool is_fine = json.is_array() && json.size() == std::size(moments);
  for (std::size_t k = 0; is_fine && k < std::size(moments); ++k) {
    is_fine = json[k].is_number() || json[k].is_null();
    if (is_fine) moments[k] = json[k].is_null() ? std::nan("") : json[k].get<double>();
  }
  if (!is_fine)
    throw Error(ErrorCode::INVALID_VALUE, std::string("expected ") + name +
                                              " as four numbers, found something else. Write [sr, periods, skewness, kurtosis].");
  return {moments[0], moments[1], moments[2], moments[3]};
}

void check_deflation(const Request& request) {
  for (const char* const name : kParameters) parameter(request, name);
}

Answer answer_deflation(Request& request, const ServerState& state, const Interrupt&) {
  const nlohmann::json periods = parse_parameter(parameter(request, "periods_per_year"), "periods_per_year");
  constexpr int kMostPeriods = 100000;
  if (!periods.is_number_integer() || periods < 1 || periods > kMostPeriods)
    throw Error(ErrorCode::INVALID_VALUE,
                "expected periods_per_year as a whole number from 1 to 100000, found another value. Days have 252.");
  Answer answer;
  answer.body = deflation_to_json(
      path_variable(request.path), state,
      {parameter(request, "run_id"), periods.get<int>(), read_moments(request, "ret"), read_moments(request, "ret_net")});
  return answer;
}

Json describe_deflation(bool asks_token) {
  std::set<int> statuses = token_statuses(asks_token);
  statuses.merge(std::set<int>{404, 422});
  Json out = describe_get("deflation", "A run among the trials of a study: its deflated Sharpe ratio",
                          json_answer(deflation_schema(), "The run counts as a trial, stored or not."), statuses);
  const Json moments{{"type", "array"}, {"items", {{"type", {"number", "null"}}}}, {"minItems", 4}, {"maxItems", 4}};
  const auto add = [&](const char* name, const Json& schema, const char* meaning) {
    Json one{{"name", name}, {"in", "query"}, {"required", true}, {"description", meaning}};
    if (schema["type"] == "array")
      one["content"] = {{"application/json", {{"schema", schema}}}};
    else
      one["schema"] = schema;
    out["parameters"].push_back(one);
  };
  add("run_id", {{"type", "string"}}, "Of the run.");
  add("periods_per_year", {{"type", "integer"}, {"minimum", 1}, {"maximum", 100000}}, "Of the run.");
  add("ret", moments, "Before costs: Sharpe ratio per period, periods, skewness, kurtosis (normal: 3).");
  add("ret_net", moments, "The same after costs.");
  return out;
}

}  // namespace

Endpoint deflation_endpoint() {
  return {.path = "/studies/{name}/deflation",
          .is_computed = true,
          .check = check_deflation,
          .answer = answer_deflation,
          .describe = describe_deflation};
}

}  // namespace fractile::server

// Copyright The fractile authors. Licensed under the Apache License, Version 2.0.
#include <nlohmann/json.hpp>

#include "output/output.hpp"
#include "server/endpoint.hpp"
#include "server/openapi.hpp"
#include "server/study_answer.hpp"

namespace fractile::server {
namespace {

Answer answer_study(Request& request, const ServerState& state, const Interrupt&) {
  const std::string name = path_variable(request.path);
  Answer answer;
  answer.body = "{\"study\":" + quote(name) +
                ",\"trials\":" + table_to_json(with_ledger(state, [&](ledger::Ledger& ledger) { return ledger.trials(name); })) +
                "}";
  return answer;
}

Json describe_study_get(bool asks_token) {
  Json row{{"type", "object"}, {"properties", Json::object()}, {"required", Json::array()}};
  const auto add = [&](const char* name, const Json& schema) {
    row["properties"][name] = schema;
    row["required"].push_back(name);
  };
  for (const char* const name : {"run_id", "time", "snapshot", "config"}) add(name, {{"type", "string"}});
  for (const char* const name : {"periods", "periods_per_year"}) add(name, {{"type", "integer"}});
  for (const char* const name : {"sr", "skew", "kurt", "sr_net", "skew_net", "kurt_net"}) add(name, nullable("number"));
  const Json schema{{"type", "object"},
                    {"required", {"study", "trials"}},
                    {"properties", {{"study", {{"type", "string"}}}, {"trials", {{"type", "array"}, {"items", row}}}}}};
  std::set<int> statuses = token_statuses(asks_token);
  statuses.insert(404);
  return describe_get("study", "The trials of a study", json_answer(schema, "One row per trial in the order of time."), statuses);
}

}  // namespace

Endpoint study_endpoint() {
  return {.path = "/studies/{name}", .is_computed = true, .answer = answer_study, .describe = describe_study_get};
}

}  // namespace fractile::server

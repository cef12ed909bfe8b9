// Copyright The fractile authors. Licensed under the Apache License, Version 2.0.
#include <nlohmann/json.hpp>

#include "output/output.hpp"
#include "server/endpoint.hpp"
#include "server/openapi.hpp"
#include "server/study_answer.hpp"

namespace fractile::server {
namespace {

Answer answer_studies(Request&, const ServerState& state, const Interrupt&) {
  Answer answer;
  answer.body =
      "{\"studies\":" + table_to_json(with_ledger(state, [](ledger::Ledger& ledger) { return ledger.studies(); })) + "}";
  return answer;
}

Json describe_studies(bool asks_token) {
  const Json text{{"type", "string"}}, whole{{"type", "integer"}};
  const Json row{{"type", "object"},
                 {"required", {"study", "trials", "first", "last", "forgotten"}},
                 {"properties", {{"study", text}, {"trials", whole}, {"first", text}, {"last", text}, {"forgotten", whole}}}};
  const Json schema{
      {"type", "object"}, {"required", {"studies"}}, {"properties", {{"studies", {{"type", "array"}, {"items", row}}}}}};
  return describe_get("studies", "Studies of the server's ledger, and how many trials each has",
                      json_answer(schema, "One row per study."), token_statuses(asks_token));
}

}  // namespace

Endpoint studies_endpoint() {
  return {.path = "/studies", .is_computed = true, .answer = answer_studies, .describe = describe_studies};
}

}  // namespace fractile::server

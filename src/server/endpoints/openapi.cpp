// Copyright The fractile authors. Licensed under the Apache License, Version 2.0.
#include "server/openapi.hpp"
#include "server/endpoint.hpp"

namespace fractile::server {
namespace {

Answer answer_openapi(Request&, const ServerState& state, const Interrupt&) {
  static const std::string with_token = make_openapi(true), without = make_openapi(false);
  Answer answer;
  answer.body = state.options.token.empty() ? without : with_token;
  return answer;
}

Json describe_openapi(bool) {
  return describe_get("openapi", "This description", json_answer({{"type", "object"}}, "OpenAPI 3.1."), {});
}

}  // namespace

Endpoint openapi_endpoint() {
  return {.path = "/openapi.json", .is_open = true, .answer = answer_openapi, .describe = describe_openapi};
}

}  // namespace fractile::server

// Copyright The fractile authors. Licensed under the Apache License, Version 2.0.
#include <fmt/format.h>

#include "fractile/version.hpp"
#include "server/endpoint.hpp"
#include "server/openapi.hpp"

namespace fractile::server {
namespace {

Answer answer_health(Request&, const ServerState& state, const Interrupt&) {
  Answer answer;
  const auto loaded = state.snapshots.get();
  const bool is_draining = state.is_draining;
  const bool is_ready = loaded && !is_draining;
  answer.status = is_ready ? 200 : 503;
  if (!is_ready) answer.headers.emplace_back("Retry-After", "1");
  const char* const status = is_ready ? "ok" : is_draining ? "stopping" : "loading";
  answer.body = fmt::format("{{\"status\":\"{}\",\"snapshot\":{},\"is_ready\":{},\"version\":\"{}\"}}", status,
                            loaded ? quote(loaded->id) : "null", is_ready, kVersion);
  return answer;
}

Json describe_health(bool) {
  const Json schema{{"type", "object"},
                    {"required", {"status", "is_ready", "version"}},
                    {"properties",
                     {{"status", {{"type", "string"}}},
                      {"snapshot", nullable("string")},
                      {"is_ready", {{"type", "boolean"}}},
                      {"version", {{"type", "string"}}}}}};
  Json out = describe_get("health", "Whether runs can be asked for", json_answer(schema, "Ready."), {});
  out["responses"]["503"] = json_answer(schema, "Loading.");
  return out;
}

}  // namespace

Endpoint health_endpoint() { return {.path = "/health", .is_open = true, .answer = answer_health, .describe = describe_health}; }

}  // namespace fractile::server

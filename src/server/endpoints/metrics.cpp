// Copyright The fractile authors. Licensed under the Apache License, Version 2.0.
#include "server/endpoint.hpp"
#include "server/openapi.hpp"

namespace fractile::server {
namespace {

Answer answer_metrics(Request&, const ServerState& state, const Interrupt&) {
  Answer answer;
  answer.content_type = "text/plain; version=0.0.4; charset=utf-8";
  answer.body = state.metrics.to_prometheus();
  return answer;
}

Json describe_metrics(bool asks_token) {
  return describe_get("metrics", "Prometheus text", text_answer("text/plain", "Metrics."), token_statuses(asks_token));
}

}  // namespace

Endpoint metrics_endpoint() { return {.path = "/metrics", .answer = answer_metrics, .describe = describe_metrics}; }

}  // namespace fractile::server

// Copyright The fractile authors. Licensed under the Apache License, Version 2.0.
#include <nlohmann/json.hpp>

#include "server/endpoint.hpp"
#include "server/openapi.hpp"

namespace fractile::server {
namespace {

Answer answer_stats(Request&, const ServerState& state, const Interrupt&) {
  const auto loaded = state.snapshots.get();
  const Metrics& metrics = state.metrics;
  const auto latency = metrics.latency_quantiles();
  const bool is_float64 = loaded && loaded->backtester.view().storage == Storage::float64;
  const Json json{
      {"snapshot", loaded ? Json(loaded->id) : Json()},
      {"is_ready", loaded != nullptr},
      {"load_time_seconds", loaded ? loaded->load_seconds : 0.0},
      {"run_count", metrics.run_count()},
      {"master_rows", loaded ? loaded->n_rows : 0},
      {"dates_count", loaded ? loaded->n_dates : 0},
      {"uptime_seconds", metrics.uptime_seconds()},
      {"memory",
       {{"resident_bytes", resident_bytes()},
        {"body_bytes_in_flight", metrics.body_bytes.load()},
        {"storage", is_float64 ? "float64" : "float32"}}},
      {"queue",
       {{"running", metrics.running.load()},
        {"waiting", metrics.waiting.load()},
        {"shared", metrics.shared.load()},
        {"workers", state.options.workers},
        {"max_queue", state.options.max_queue}}},
      {"latency_seconds",
       {{"p50", number_or_null(latency[0])}, {"p90", number_or_null(latency[1])}, {"p99", number_or_null(latency[2])}}}};
  Answer answer;
  answer.body = json.dump();
  return answer;
}

Json describe_stats(bool asks_token) {
  const Json whole{{"type", "integer"}}, real{{"type", "number"}}, object{{"type", "object"}};
  const Json schema{
      {"type", "object"},
      {"required", {"snapshot", "is_ready", "load_time_seconds", "run_count", "master_rows", "dates_count", "uptime_seconds"}},
      {"properties",
       {{"snapshot", nullable("string")},
        {"is_ready", {{"type", "boolean"}}},
        {"load_time_seconds", real},
        {"run_count", whole},
        {"master_rows", whole},
        {"dates_count", whole},
        {"uptime_seconds", real},
        {"memory", object},
        {"queue", object},
        {"latency_seconds", object}}}};
  return describe_get("stats", "The loaded snapshot and counts of its use", json_answer(schema, "Counts."),
                      token_statuses(asks_token));
}

}  // namespace

Endpoint stats_endpoint() { return {.path = "/stats", .answer = answer_stats, .describe = describe_stats}; }

}  // namespace fractile::server

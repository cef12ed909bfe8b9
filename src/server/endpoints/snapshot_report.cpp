// Copyright The fractile authors. Licensed under the Apache License, Version 2.0.
#include <nlohmann/json.hpp>

#include "fractile/error.hpp"
#include "output/output.hpp"
#include "server/endpoint.hpp"
#include "server/openapi.hpp"

namespace fractile::server {
namespace {

Answer answer_snapshot_report(Request&, const ServerState& state, const Interrupt&) {
  const auto loaded = state.snapshots.get();
  if (!loaded)
    throw Error(ErrorCode::SERVER_NOT_READY, "expected a loaded snapshot, found that it is still being loaded. Try again.");
  const Snapshot& snapshot = *loaded->backtester.view().snapshot;
  Answer answer;
  answer.body = report_to_json(snapshot.id(), data_report(snapshot));
  return answer;
}

Json describe_snapshot_report(bool asks_token) {
  const Json text{{"type", "string"}}, whole{{"type", "integer"}};
  const Json line{{"type", "object"},
                  {"required", {"check", "level", "count", "first", "text"}},
                  {"properties",
                   {{"check", text},
                    {"level", {{"type", "string"}, {"enum", {"info", "warning"}}}},
                    {"count", whole},
                    {"first", text},
                    {"text", text}}}};
  const Json frequencies{"daily", "weekly", "monthly", "quarterly", "yearly", "irregular"};
  const Json schema{{"type", "object"},
                    {"required", {"id", "frequency", "periods_per_year", "report"}},
                    {"properties",
                     {{"id", text},
                      {"frequency", {{"type", "string"}, {"enum", frequencies}}},
                      {"periods_per_year", whole},
                      {"report", {{"type", "array"}, {"items", line}}}}}};
  return describe_get("snapshotReport", "The data report of the loaded snapshot", json_answer(schema, "Findings."),
                      token_statuses(asks_token));
}

}  // namespace

Endpoint snapshot_report_endpoint() {
  return {.path = "/snapshot/report", .answer = answer_snapshot_report, .describe = describe_snapshot_report};
}

}  // namespace fractile::server

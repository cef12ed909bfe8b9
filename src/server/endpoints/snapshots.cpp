// Copyright The fractile authors. Licensed under the Apache License, Version 2.0.
//
// The snapshots in the server's folder, and which of them is loaded.
#include <algorithm>

#include "server/endpoint.hpp"
#include "server/openapi.hpp"

namespace fractile::server {
namespace {

const char* kind_of(const ColumnInfo& column) noexcept {
  return column.kind == ColumnKind::text ? "text" : column.kind == ColumnKind::integer ? "whole" : "real";
}

Json describe_columns(const SnapshotInfo& info) {
  Json columns = Json::array();
  for (const ColumnInfo& column : info.columns)
    columns.push_back({{"name", column.name}, {"kind", kind_of(column)}, {"unit", column.unit}, {"missing", column.missing}});
  return columns;
}

/// The first ids of the loaded snapshot, so that a reader sees their form. Empty for another snapshot, which is not open.
Json example_ids(const LoadedSnapshot* loaded, const std::string& id) {
  constexpr std::size_t kExamples = 2;
  Json out = Json::array();
  if (!loaded || loaded->id != id) return out;
  const Snapshot& snapshot = *loaded->backtester.view().snapshot;
  for (std::size_t i = 0; i < std::min(kExamples, snapshot.security_ids().size()); ++i)
    out.push_back(format_id(snapshot.security_id(static_cast<SecurityIndex>(i))));
  return out;
}

Answer answer_snapshots(Request&, const ServerState& state, const Interrupt&) {
  const auto loaded = state.snapshots.get();
  Json list = Json::array();
  for (const SnapshotInfo& info : list_snapshots(state.options.root))
    list.push_back({{"id", info.id},
                    {"is_loaded", loaded && loaded->id == info.id},
                    {"created", info.created},
                    {"first_date", info.n_dates ? Json(format_day(info.first_date)) : Json()},
                    {"last_date", info.n_dates ? Json(format_day(info.last_date)) : Json()},
                    {"dates", info.n_dates},
                    {"securities", info.n_securities},
                    {"example_ids", example_ids(loaded.get(), info.id)},
                    {"rows", info.n_rows},
                    {"bytes", info.bytes},
                    {"columns", describe_columns(info)}});
  Answer answer;
  answer.body = list.dump(-1, ' ', false, Json::error_handler_t::replace);
  return answer;
}

Json describe_snapshots(bool asks_token) {
  const Json text{{"type", "string"}}, whole{{"type", "integer"}};
  const Json column{{"type", "object"},
                    {"required", {"name", "kind", "unit", "missing"}},
                    {"properties",
                     {{"name", text},
                      {"kind", {{"type", "string"}, {"enum", {"real", "whole", "text"}}}},
                      {"unit", text},
                      {"missing", whole}}}};
  const Json snapshot{{"type", "object"},
                      {"required",
                       {"id", "is_loaded", "created", "first_date", "last_date", "dates", "securities", "example_ids", "rows",
                        "bytes", "columns"}},
                      {"properties",
                       {{"id", text},
                        {"is_loaded", {{"type", "boolean"}}},
                        {"created", text},
                        {"first_date", nullable("string")},
                        {"last_date", nullable("string")},
                        {"dates", whole},
                        {"securities", whole},
                        {"example_ids", {{"type", "array"}, {"items", text}}},
                        {"rows", whole},
                        {"bytes", whole},
                        {"columns", {{"type", "array"}, {"items", column}}}}}};
  return describe_get("snapshots", "The snapshots in the server's folder",
                      json_answer({{"type", "array"}, {"items", snapshot}}, "Oldest first."), token_statuses(asks_token));
}

}  // namespace

Endpoint snapshots_endpoint() { return {.path = "/snapshots", .answer = answer_snapshots, .describe = describe_snapshots}; }

}  // namespace fractile::server

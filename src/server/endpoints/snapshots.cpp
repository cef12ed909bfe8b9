// Copyright The fractile authors. Licensed under the Apache License, Version 2.0.
//
// The snapshots in the server's folder, and which of them is loaded.
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
  const Json snapshot{
      {"type", "object"},
      {"required", {"id", "is_loaded", "created", "first_date", "last_date", "dates", "securities", "rows", "bytes", "columns"}},
      {"properties",
       {{"id", text},
        {"is_loaded", {{"type", "boolean"}}},
        {"created", text},
        {"first_date", nullable("string")},
        {"last_date", nullable("string")},
        {"dates", whole},
        {"securities", whole},
        {"rows", whole},
        {"bytes", whole},
        {"columns", {{"type", "array"}, {"items", column}}}}}};
  return describe_get("snapshots", "The snapshots in the server's folder",
                      json_answer({{"type", "array"}, {"items", snapshot}}, "Oldest first."), token_statuses(asks_token));
}

}  // namespace

Endpoint snapshots_endpoint() { return {.path = "/snapshots", .answer = answer_snapshots, .describe = describe_snapshots}; }

}  // namespace fractile::server

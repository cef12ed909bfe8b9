// Copyright The fractile authors. Licensed under the Apache License, Version 2.0.
//
// The first rows of a signal file and the meaning of its columns, before a run.
#include "ingest/signal_preview.hpp"

#include "ingest/read_options.hpp"
#include "server/endpoint.hpp"
#include "server/openapi.hpp"
#include "server/run_request.hpp"

namespace fractile::server {
namespace {

void check_preview(const Request& request) {
  check_run_head(request, {});
  if (request.content_type == "application/json")
    throw Error(ErrorCode::UNSUPPORTED_MEDIA_TYPE,
                "expected a file as Arrow, Parquet or CSV, found application/json. Set Content-Type to what the body is.");
}

ReadOptions find_reading(const Request& request) {
  const auto found = request.query.find("config");
  if (found == request.query.end()) return {};
  std::string config = parse_parameter(found->second, "config").dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
  return take_read_options(config);
}

Answer answer_preview(Request& request, const ServerState& state, const Interrupt&) {
  const SignalPreview preview = preview_signal(request.body.data(), request.body.size(), body_format(request),
                                               state.options.max_body_bytes, find_reading(request));
  const auto name = [](const std::string& text) { return text.empty() ? Json() : Json(text); };
  Json columns = Json::array();
  for (const SignalPreview::Column& column : preview.columns) {
    Json cells = Json::array();
    for (const auto& cell : column.cells) cells.push_back(cell ? Json(*cell) : Json());
    columns.push_back({{"name", column.name},
                       {"type", column.type},
                       {"cells", std::move(cells)},
                       {"date_refusal", name(column.date_refusal)},
                       {"number_refusal", name(column.number_refusal)}});
  }
  const Json json{
      {"columns", std::move(columns)},
      {"recognised",
       {{"security_id", name(preview.security_id)}, {"date_sig", name(preview.date_sig)}, {"value", name(preview.value)}}}};
  Answer answer;
  answer.body = json.dump(-1, ' ', false, Json::error_handler_t::replace);
  return answer;
}

Json describe_preview(bool asks_token) {
  const Json text{{"type", "string"}}, name = nullable("string");
  const Json column{{"type", "object"},
                    {"required", {"name", "type", "cells", "date_refusal", "number_refusal"}},
                    {"properties",
                     {{"name", text},
                      {"type", text},
                      {"cells", {{"type", "array"}, {"items", name}}},
                      {"date_refusal", name},
                      {"number_refusal", name}}}};
  const Json schema{{"type", "object"},
                    {"required", {"columns", "recognised"}},
                    {"properties",
                     {{"columns", {{"type", "array"}, {"items", column}}},
                      {"recognised",
                       {{"type", "object"},
                        {"required", {"security_id", "date_sig", "value"}},
                        {"properties", {{"security_id", name}, {"date_sig", name}, {"value", name}}}}}}}};
  Json out = describe_signal_post("preview", "The first rows of a signal file, and which of its columns are which", schema,
                                  Json::object(), asks_token);
  out["responses"]["200"] = json_answer(
      schema, "Up to six cells of each column, its refusals as a date and as a number, and the names of the recognised columns.");
  out["requestBody"]["content"].erase("application/json");
  return out;
}

}  // namespace

Endpoint preview_endpoint() {
  return {.path = "/preview",
          .method = "POST",
          .is_computed = true,
          .check = check_preview,
          .answer = answer_preview,
          .describe = describe_preview};
}

}  // namespace fractile::server

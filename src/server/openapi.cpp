// Copyright The fractile authors. Licensed under the Apache License, Version 2.0.
#include "server/openapi.hpp"

#include <cmath>

#include "config/options.hpp"
#include "fractile/error.hpp"
#include "fractile/version.hpp"
#include "ingest/read_options.hpp"
#include "report/result_tables.hpp"
#include "server/endpoint.hpp"
#include "server/run_request.hpp"
#include "server/study_answer.hpp"

namespace fractile::server {
namespace {

Json number_schema(const OptionInfo& option, const char* type) {
  Json schema{{"type", type}};
  if (option.min < option.max) {
    schema["minimum"] = option.min;
    schema["maximum"] = option.max;
  }
  return schema;
}

Json choices(const OptionInfo& option) {
  Json list = Json::array();
  for (const std::string_view choice : option.choices) list.push_back(choice);
  return list;
}

Json option_schema(const OptionInfo& option) {
  const Json default_value = Json::parse(option.default_text);
  Json schema;
  switch (option.type) {
    case OptionType::boolean: schema = {{"type", "boolean"}}; break;
    case OptionType::whole:
      schema = number_schema(option, "integer");
      if (!option.zero_name.empty()) schema = {{"anyOf", {schema, {{"type", "string"}, {"enum", {option.zero_name}}}}}};
      break;
    case OptionType::real: schema = number_schema(option, "number"); break;
    case OptionType::choice: schema = {{"type", "string"}, {"enum", choices(option)}}; break;
    case OptionType::text: schema = {{"type", "string"}}; break;
    case OptionType::texts:
      schema = {{"type", "array"}, {"items", {{"type", "string"}}}};
      if (!option.choices.empty()) schema["items"]["enum"] = choices(option);
      break;
    case OptionType::wholes:
    case OptionType::numbers:
      schema = {{"type", "array"},
                {"items", number_schema(option, option.type == OptionType::wholes ? "integer" : "number")},
                {"minItems", 1},
                {"uniqueItems", true}};
      break;
    case OptionType::two_reals:
      schema = {{"type", "array"}, {"items", {{"type", "number"}}}, {"minItems", 2}, {"maxItems", 2}};
      break;
    case OptionType::bps_map: {
      schema = {{"type", "object"}, {"additionalProperties", false}};
      for (const std::string_view choice : option.choices)
        schema["properties"][std::string(choice)] = {{"type", "number"}, {"minimum", 0}};
      break;
    }
    case OptionType::universe:
      schema = {{"type", "object"},
                {"additionalProperties",
                 {{"anyOf",
                   {{{"type", "array"}, {"items", {{"type", {"number", "string"}}}}},
                    {{"type", "object"},
                     {"properties", {{"min", {{"type", "number"}}}, {"max", {{"type", "number"}}}}},
                     {"additionalProperties", false}}}}}}};
      break;
    case OptionType::switch_:
      // Names of booleans are not offered as texts.
      schema = {{"anyOf", {{{"type", "boolean"}}, {{"type", "string"}, {"enum", Json::array()}}}}};
      for (const std::string_view choice : option.choices)
        if (choice != "true" && choice != "false") schema["anyOf"][1]["enum"].push_back(choice);
      break;
    case OptionType::resid: schema = {{"anyOf", {{{"type", "boolean"}}, {{"type", "string"}, {"enum", choices(option)}}}}}; break;
  }
  if (default_value.is_null()) schema = {{"anyOf", {schema, {{"type", "null"}}}}};
  schema["default"] = default_value;
  schema["description"] = option.doc;
  return schema;
}

Json config_schema() {
  Json schema{{"type", "object"},
              {"description", "Options of a run; docs/methodology.md defines each. Omitted options have the server's defaults."},
              {"additionalProperties", false},
              {"properties", Json::object()}};
  for (const OptionInfo& option : run_options()) schema["properties"][std::string(option.name)] = option_schema(option);
  for (const ReadOptionInfo& option : read_option_table())
    if (!option.is_for_panels) schema["properties"][std::string(option.name)] = {{"description", std::string(option.doc)}};
  return schema;
}

Json signal_schema() {
  Json record{{"type", "object"}, {"properties", Json::object()}, {"required", {"security_id", "date_sig"}}};
  Json columns = record;
  for (const char* name : {"security_id", "date_sig", "signal", "date_avail", "date_ret", "date_openret"}) {
    const std::string text(name);
    Json one;
    one["type"] = {"number", "string", "null"};
    if (text == "security_id") one["type"] = {"integer", "string", "null"};
    record["properties"][text] = one;
    columns["properties"][text] = {{"type", "array"}, {"items", one}};
  }
  return {{"description",
           "Rows as records or as columns. The value column is the one that sigvar names. Dates are ISO texts, eight "
           "digits, or what date_format says; docs/reading.md has the rules."},
          {"anyOf", {{{"type", "array"}, {"items", record}, {"minItems", 1}}, columns}}};
}

Json body_schema(const Json& more) {
  Json schema{{"type", "object"},
              {"additionalProperties", false},
              {"properties",
               {{"signal", reference("Signal")},
                {"signal_path", {{"type", "string"}, {"description", "A file below server.signal_dir, instead of signal."}}},
                {"config", reference("Config")}}}};
  for (const auto& [name, value] : more.items()) schema["properties"][name] = value;
  return schema;
}

Json error_answers(const std::set<int>& statuses) {
  Json out = Json::object();
  for (const int status : statuses) {
    std::string codes;
#define FRACTILE_X(code, number, category, http)                            \
  if (http == status && ErrorCategory::category != ErrorCategory::internal) \
    codes += (codes.empty() ? "" : ", ") + std::string(#code);
    FRACTILE_ERROR_TABLE(FRACTILE_X)
#undef FRACTILE_X
    Json answer{{"description", codes.empty() ? "INTERNAL: a fault of the server." : codes},
                {"content", {{"application/json", {{"schema", reference("Error")}}}}}};
    if (status == 503) answer["headers"]["Retry-After"] = {{"schema", {{"type", "integer"}}}};
    out[std::to_string(status)] = answer;
  }
  return out;
}

/// A table as records, or with orient=split by column. Columns are described in the order of the table.
Json table_schema(const TableSchema& table) {
  Json row{{"type", "object"}, {"properties", Json::object()}};
  for (const ColumnSchema& column : table.columns) {
    Json type = nullable("number");
    if (column.type == ColumnType::whole) type = {{"type", "integer"}};
    if (column.type == ColumnType::text) type = {{"type", "string"}};
    if (column.type == ColumnType::date) type = {{"type", "string"}, {"format", "date"}};
    if (column.type == ColumnType::security) type = {{"type", {"integer", "string"}}};
    type["description"] = column.unit.empty() ? column.doc : column.doc + " (" + column.unit + ")";
    row["properties"][column.name] = type;
  }
  const Json split{{"type", "object"},
                   {"required", {"columns", "data"}},
                   {"properties",
                    {{"columns", {{"type", "array"}, {"items", {{"type", "string"}}}}},
                     {"data", {{"type", "array"}, {"items", {{"type", "array"}}}}}}}};
  return {{"description", table.doc}, {"anyOf", {{{"type", "array"}, {"items", row}}, split}}};
}

Json schemas() {
  Json result{{"type", "object"}, {"properties", Json::object()}, {"required", Json::array()}};
  for (const TableSchema& table : result_tables()) {
    result["properties"][table.name] = table_schema(table);
    if (table.asked_by.empty()) result["required"].push_back(table.name);
  }
  for (const char* name : {"sharpe", "annual_return", "max_drawdown", "turnover_mean", "periods_per_year", "elapsed_seconds"}) {
    result["properties"][name] = nullable("number");
    result["required"].push_back(name);
  }
  for (const char* name : {"diagnostics", "config", "timings"}) {
    result["properties"][name] = {{"type", "object"}};
    result["required"].push_back(name);
  }
  for (const char* name : {"run_id", "snapshot"}) {
    result["properties"][name] = {{"type", "string"}};
    result["required"].push_back(name);
  }
  const Json text{{"type", "string"}};
  result["properties"]["study"] = text;
  result["properties"]["deflation"] = deflation_schema();
  result["properties"]["inference"] = {{"description", "Only with inference; docs/inference.md has its columns."}};
  return {{"Signal", signal_schema()},
          {"Config", config_schema()},
          {"Result", result},
          {"Error",
           {{"type", "object"},
            {"required", {"error", "detail"}},
            {"properties",
             {{"error",
               {{"type", "object"},
                {"required", {"code", "message"}},
                {"properties", {{"code", text}, {"message", text}, {"detail", nullable("string")}}}}},
              {"detail", text}}}}}};
}

}  // namespace

Json nullable(const char* type) { return {{"type", {type, "null"}}}; }

Json number_or_null(double x) { return std::isfinite(x) ? Json(x) : Json(); }

Json reference(const char* name) { return {{"$ref", std::string("#/components/schemas/") + name}}; }

Json json_answer(const Json& schema, const char* description) {
  return {{"description", description}, {"content", {{"application/json", {{"schema", schema}}}}}};
}

Json text_answer(const char* type, const char* description) {
  return {{"description", description}, {"content", {{type, {{"schema", {{"type", "string"}}}}}}}};
}

std::set<int> token_statuses(bool asks_token) { return asks_token ? std::set<int>{401} : std::set<int>{}; }

Json describe_get(const char* id, const char* summary, const Json& good, std::set<int> statuses) {
  statuses.insert({400, 405, 408, 413, 431, 500, 503});
  Json answers = error_answers(statuses);
  answers["200"] = good;
  return {{"summary", summary}, {"operationId", id}, {"responses", answers}};
}

Json describe_json_post(const char* id, const char* summary, const Json& body, const Json& good, const std::set<int>& statuses) {
  Json answers = error_answers(statuses);
  answers["200"] = good;
  return {{"summary", summary},
          {"operationId", id},
          {"requestBody", {{"required", true}, {"content", {{"application/json", {{"schema", body}}}}}}},
          {"responses", answers}};
}

Json describe_signal_post(const char* id, const char* summary, const Json& schema, const Json& more, bool asks_token) {
  const auto in_query = [](const std::string& name, const Json& of) {
    return Json{{"name", name},
                {"in", "query"},
                {"content", {{"application/json", {{"schema", of}}}}},
                {"description", "With a body that is not JSON."}};
  };
  Json parameters{{{"name", "orient"},
                   {"in", "query"},
                   {"schema", {{"type", "string"}, {"enum", {"records", "split"}}, {"default", "records"}}}},
                  in_query("config", reference("Config"))};
  for (const auto& [name, value] : more.items()) parameters.push_back(in_query(name, value));
  Json bodies{{"application/json", {{"schema", body_schema(more)}}}};
  for (const std::string_view type : {kArrowStream, kArrowFile, std::string_view("text/csv"), kParquet})
    bodies[std::string(type)] = {{"schema", {{"type", "string"}, {"format", "binary"}}}};
  std::set<int> statuses{400, 404, 405, 408, 413, 415, 422, 431, 500, 503};
  statuses.merge(token_statuses(asks_token));
  Json answers = error_answers(statuses);
  Json good = json_answer(schema, "Tables as lists of records, or by column with orient=split.");
  good["content"][std::string(kArrowStream)] = {{"schema", {{"type", "string"}, {"format", "binary"}}}};
  answers["200"] = good;
  return {{"summary", summary},
          {"operationId", id},
          {"parameters", parameters},
          {"requestBody", {{"required", true}, {"content", bodies}}},
          {"responses", answers}};
}

std::string make_openapi(bool asks_token) {
  Json paths = Json::object();
  for (const Endpoint& endpoint : endpoints()) {
    Json operation = endpoint.describe(asks_token);
    if (const std::size_t at = endpoint.path.find('{'); at != std::string_view::npos)
      operation["parameters"].push_back({{"name", endpoint.path.substr(at + 1, endpoint.path.find('}') - at - 1)},
                                         {"in", "path"},
                                         {"required", true},
                                         {"schema", {{"type", "string"}, {"pattern", "^[A-Za-z0-9][A-Za-z0-9._-]*$"}}}});
    paths[std::string(endpoint.path)][endpoint.method == "GET" ? "get" : "post"] = std::move(operation);
  }
  Json spec{{"openapi", "3.1.0"},
            {"info", {{"title", "fractile"}, {"version", std::string(kVersion)}, {"license", {{"name", "Apache-2.0"}}}}},
            {"paths", paths},
            {"components", {{"schemas", schemas()}}}};
  if (asks_token) {
    spec["components"]["securitySchemes"]["token"] = {{"type", "http"}, {"scheme", "bearer"}};
    spec["security"] = {{{"token", Json::array()}}};
  }
  return spec.dump();
}

}  // namespace fractile::server

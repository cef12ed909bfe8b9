// Copyright The fractile authors. Licensed under the Apache License, Version 2.0.
#include "server/openapi.hpp"

#include <nlohmann/json.hpp>
#include <set>

#include "config/options.hpp"
#include "fractile/error.hpp"
#include "fractile/version.hpp"
#include "report/result_tables.hpp"
#include "server/runs.hpp"

namespace fractile::server {
namespace {

using Json = nlohmann::ordered_json;

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
    case OptionType::whole: schema = number_schema(option, "integer"); break;
    case OptionType::real: schema = number_schema(option, "number"); break;
    case OptionType::choice: schema = {{"type", "string"}, {"enum", choices(option)}}; break;
    case OptionType::text: schema = {{"type", "string"}}; break;
    case OptionType::texts:
      schema = {{"type", "array"}, {"items", {{"type", "string"}}}};
      if (!option.choices.empty()) schema["items"]["enum"] = choices(option);
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
    case OptionType::resid: schema = {{"anyOf", {{{"type", "boolean"}}, {{"type", "string"}, {"enum", choices(option)}}}}}; break;
  }
  if (default_value.is_null()) schema = {{"anyOf", {schema, {{"type", "null"}}}}};
  schema["default"] = default_value;
  schema["description"] = option.doc;
  return schema;
}

Json config_schema() {
  Json schema{
      {"type", "object"},
      {"description", "Options of a run; docs/methodology.md says what each means. Those left out are the server's defaults."},
      {"additionalProperties", false},
      {"properties", Json::object()}};
  for (const OptionInfo& option : run_options()) schema["properties"][std::string(option.name)] = option_schema(option);
  return schema;
}

Json nullable(const char* type) { return {{"type", {type, "null"}}}; }

Json signal_schema() {
  Json record{{"type", "object"}, {"properties", Json::object()}, {"required", {"security_id", "date_sig"}}};
  Json columns = record;
  for (const char* name : {"security_id", "date_sig", "signal", "date_avail", "date_ret", "date_openret"}) {
    const std::string text(name);
    const Json one = nullable(text == "security_id" ? "integer" : text == "signal" ? "number" : "string");
    record["properties"][text] = one;
    columns["properties"][text] = {{"type", "array"}, {"items", one}};
  }
  return {{"description", "Rows as records or as columns. The value column is the one that sigvar names. Dates are ISO text."},
          {"anyOf", {{{"type", "array"}, {"items", record}, {"minItems", 1}}, columns}}};
}

Json body_schema(bool is_suite) {
  Json schema{{"type", "object"},
              {"additionalProperties", false},
              {"properties",
               {{"signal", {{"$ref", "#/components/schemas/Signal"}}},
                {"signal_path", {{"type", "string"}, {"description", "A file below server.signal_dir, instead of signal."}}},
                {"config", {{"$ref", "#/components/schemas/Config"}}}}}};
  if (is_suite) {
    schema["properties"]["lags"] = {
        {"type", "array"}, {"items", {{"type", "integer"}, {"minimum", 0}}}, {"minItems", 1}, {"default", {0}}};
    schema["properties"]["resid_modes"] = {{"type", "array"},
                                           {"items", {{"type", "string"}, {"enum", choices(*find_option("resid"))}}},
                                           {"minItems", 1},
                                           {"default", {"off"}}};
  }
  return schema;
}

Json reference(const char* name) { return {{"$ref", std::string("#/components/schemas/") + name}}; }

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

Json json_answer(const char* schema, const char* description) {
  return {{"description", description}, {"content", {{"application/json", {{"schema", reference(schema)}}}}}};
}

Json post(bool is_suite, bool asks_token) {
  Json config{{"name", "config"},
              {"in", "query"},
              {"content", {{"application/json", {{"schema", reference("Config")}}}}},
              {"description", "With a body that is not JSON."}};
  Json parameters{{{"name", "orient"},
                   {"in", "query"},
                   {"schema", {{"type", "string"}, {"enum", {"records", "split"}}, {"default", "records"}}}},
                  config};
  if (is_suite)
    for (const char* name : {"lags", "resid_modes"})
      parameters.push_back({{"name", name},
                            {"in", "query"},
                            {"content", {{"application/json", {{"schema", body_schema(true)["properties"][name]}}}}},
                            {"description", "With a body that is not JSON."}});
  Json bodies{{"application/json", {{"schema", body_schema(is_suite)}}}};
  for (const std::string_view type : {kArrowStream, kArrowFile, std::string_view("text/csv")})
    bodies[std::string(type)] = {{"schema", {{"type", "string"}, {"format", "binary"}}}};
  std::set<int> statuses{400, 404, 405, 408, 413, 415, 422, 431, 500, 503};
  if (asks_token) statuses.insert(401);
  Json answers = error_answers(statuses);
  Json good = json_answer(is_suite ? "Suite" : "Result", "Tables as lists of records, or by column with orient=split.");
  good["content"][std::string(kArrowStream)] = {{"schema", {{"type", "string"}, {"format", "binary"}}}};
  answers["200"] = good;
  return {{"summary", is_suite ? "Backtest one signal over lags and residual modes" : "Backtest one signal"},
          {"operationId", is_suite ? "suite" : "run"},
          {"parameters", parameters},
          {"requestBody", {{"required", true}, {"content", bodies}}},
          {"responses", answers}};
}

Json get(const char* id, const char* summary, const Json& good, std::set<int> statuses) {
  statuses.insert({400, 405, 408, 413, 431, 500, 503});
  Json answers = error_answers(statuses);
  answers["200"] = good;
  return {{"summary", summary}, {"operationId", id}, {"responses", answers}};
}

Json text_answer(const char* type, const char* description) {
  return {{"description", description}, {"content", {{type, {{"schema", {{"type", "string"}}}}}}}};
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
  for (const char* name : {"sharpe", "annual_return", "max_drawdown", "turnover_mean", "elapsed_seconds"}) {
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
  const Json text{{"type", "string"}}, whole{{"type", "integer"}}, real{{"type", "number"}};
  return {
      {"Signal", signal_schema()},
      {"Config", config_schema()},
      {"Result", result},
      {"Suite", {{"type", "object"}, {"additionalProperties", reference("Result")}}},
      {"Error",
       {{"type", "object"},
        {"required", {"error", "detail"}},
        {"properties",
         {{"error",
           {{"type", "object"},
            {"required", {"code", "message"}},
            {"properties", {{"code", text}, {"message", text}, {"detail", nullable("string")}}}}},
          {"detail", text}}}}},
      {"Health",
       {{"type", "object"},
        {"required", {"status", "is_ready", "version"}},
        {"properties",
         {{"status", text}, {"snapshot", nullable("string")}, {"is_ready", {{"type", "boolean"}}}, {"version", text}}}}},
      {"Stats",
       {{"type", "object"},
        {"required", {"snapshot", "is_ready", "load_time_seconds", "run_count", "master_rows", "dates_count", "uptime_seconds"}},
        {"properties",
         {{"snapshot", nullable("string")},
          {"is_ready", {{"type", "boolean"}}},
          {"load_time_seconds", real},
          {"run_count", whole},
          {"master_rows", whole},
          {"dates_count", whole},
          {"uptime_seconds", real},
          {"memory", {{"type", "object"}}},
          {"queue", {{"type", "object"}}},
          {"latency_seconds", {{"type", "object"}}}}}}}};
}

}  // namespace

std::string make_openapi(bool asks_token) {
  const std::set<int> token = asks_token ? std::set<int>{401} : std::set<int>{};
  Json health = get("health", "Whether runs can be asked for", json_answer("Health", "Ready."), {});
  health["responses"]["503"] = json_answer("Health", "Loading.");
  Json spec{
      {"openapi", "3.1.0"},
      {"info", {{"title", "fractile"}, {"version", std::string(kVersion)}, {"license", {{"name", "Apache-2.0"}}}}},
      {"paths",
       {{"/health", {{"get", health}}},
        {"/stats", {{"get", get("stats", "What is loaded and how much it was used", json_answer("Stats", "Counts."), token)}}},
        {"/run", {{"post", post(false, asks_token)}}},
        {"/suite", {{"post", post(true, asks_token)}}},
        {"/metrics", {{"get", get("metrics", "Prometheus text", text_answer("text/plain", "Metrics."), token)}}},
        {"/openapi.json",
         {{"get",
           get("openapi", "This description",
               {{"description", "OpenAPI 3.1."}, {"content", {{"application/json", {{"schema", {{"type", "object"}}}}}}}}, {})}}},
        {"/docs", {{"get", get("docs", "A page that shows this description", text_answer("text/html", "HTML."), {})}}}}},
      {"components", {{"schemas", schemas()}}}};
  if (asks_token) {
    spec["components"]["securitySchemes"]["token"] = {{"type", "http"}, {"scheme", "bearer"}};
    spec["security"] = {{{"token", Json::array()}}};
  }
  return spec.dump();
}

std::string_view docs_page() noexcept {
  return R"html(<!doctype html>
<html lang="en"><head><meta charset="utf-8"><title>fractile server</title>
<meta name="viewport" content="width=device-width, initial-scale=1">
<style>
body{font:16px/1.5 system-ui,sans-serif;max-width:60rem;margin:2rem auto;padding:0 1rem;color:#1b1f24;background:#fff}
h1{font-size:1.6rem}h2{font-size:1.15rem;margin:2rem 0 .4rem;border-top:1px solid #d0d7de;padding-top:1rem}
.verb{display:inline-block;min-width:3.5rem;font:600 .8rem monospace;color:#fff;background:#0b6e4f;border-radius:.3rem;padding:.15rem .4rem;text-align:center}
.verb.post{background:#1f4e9e}code,pre{font:13px/1.45 ui-monospace,monospace}pre{background:#f6f8fa;padding:.8rem;overflow:auto;border-radius:.4rem}
table{border-collapse:collapse;width:100%;font-size:.92rem}td,th{text-align:left;vertical-align:top;padding:.3rem .6rem .3rem 0;border-bottom:1px solid #eaeef2}
@media (prefers-color-scheme:dark){body{background:#0d1117;color:#e6edf3}pre{background:#161b22}td,th{border-color:#30363d}h2{border-color:#30363d}}
</style></head><body><h1>fractile server</h1><p id="about">Loading <code>/openapi.json</code> ...</p><div id="paths"></div><div id="schemas"></div>
<script>
const text=(tag,value,parent)=>{const e=document.createElement(tag);e.textContent=value;parent.append(e);return e};
const table=(head,rows,parent)=>{const t=document.createElement('table');const h=text('tr','',t);head.forEach(x=>text('th',x,h));
rows.forEach(r=>{const tr=text('tr','',t);r.forEach((x,i)=>{const td=text('td','',tr);text(i==0?'code':'span',x,td)})});parent.append(t)};
fetch('/openapi.json').then(r=>r.json()).then(s=>{
 document.getElementById('about').textContent='Version '+s.info.version+'. The same description as JSON: /openapi.json';
 const paths=document.getElementById('paths');
 for(const [path,verbs] of Object.entries(s.paths))for(const [verb,op] of Object.entries(verbs)){
  const h=text('h2','',paths);const v=text('span',verb.toUpperCase(),h);v.className='verb '+verb;text('code',' '+path,h);
  text('p',op.summary+'.',paths);
  if(op.requestBody)text('p','Body: '+Object.keys(op.requestBody.content).join(', '),paths);
  if(op.parameters)table(['query parameter','meaning'],op.parameters.map(p=>[p.name,p.description||JSON.stringify(p.schema)]),paths);
  table(['status','meaning'],Object.entries(op.responses).map(([c,r])=>[c,r.description]),paths);
 }
 const schemas=document.getElementById('schemas');text('h2','Options of config',schemas);
 const c=s.components.schemas.Config.properties;
 table(['option','default','meaning'],Object.entries(c).map(([n,o])=>[n,JSON.stringify(o.default),o.description+(o.enum?' One of '+o.enum.join(', ')+'.':'')]),schemas);
 text('h2','Schemas',schemas);text('pre',JSON.stringify(s.components.schemas,null,1),schemas);
}).catch(e=>{document.getElementById('about').textContent='Could not read /openapi.json: '+e});
</script></body></html>
)html";
}

}  // namespace fractile::server

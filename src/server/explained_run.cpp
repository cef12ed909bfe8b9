// Copyright The fractile authors. Licensed under the Apache License, Version 2.0.
#include "server/explained_run.hpp"

#include <nlohmann/json.hpp>

#include "fractile/error.hpp"
#include "server/openapi.hpp"

namespace fractile::server {

std::string read_series(const RunRequest& run) {
  const auto text = run.more.find("series");
  if (text == run.more.end()) return "ret";
  const nlohmann::json json = parse_parameter(text->second, "series");
  if (!json.is_string())
    throw Error(ErrorCode::INVALID_VALUE, "expected series as text, found another value. Write \"ret\", with its quotes.");
  return json.get<std::string>();
}

std::int64_t read_newey_west_lags(const RunRequest& run) {
  constexpr std::int64_t kMost = 1000000;
  const auto text = run.more.find("lags");
  const nlohmann::json json = text == run.more.end() ? nlohmann::json() : parse_parameter(text->second, "lags");
  if (json.is_null()) return -1;
  if (!json.is_number_integer() || json < 0 || json > kMost)
    throw Error(ErrorCode::INVALID_VALUE,
                "expected lags as a whole number from 0 to 1000000, or null, found another value. Correct it.");
  return json.get<std::int64_t>();
}

Result run_one(const RunRequest& run, const LoadedSnapshot& loaded, const ServerState& state, const Interrupt& interrupt) {
  const RunConfig config = parse_config(run.options);
  return std::move(run_cells(run, {&config, 1}, loaded, state, interrupt)[0]);
}

RunRequest request_of(const RunRequest& run, Signal signal) {
  return {std::move(signal), run.sigvar, run.columns, run.reading, run.options, run.more};
}

nlohmann::ordered_json series_schema() {
  return {{"type", "string"},
          {"enum", {"ret", "ret_net", "resret", "resret_net", "ret_l", "ret_s"}},
          {"default", "ret"},
          {"description", "The returns of the overall book to explain."}};
}

nlohmann::ordered_json object_schema(const nlohmann::ordered_json& properties) {
  Json out{{"type", "object"}, {"properties", properties}, {"required", Json::array()}};
  for (const auto& [name, value] : properties.items()) out["required"].push_back(name);
  return out;
}

nlohmann::ordered_json rows_schema(const nlohmann::ordered_json& columns) {
  const Json row{{"type", "object"}, {"properties", columns}};
  const Json split{{"type", "object"}, {"required", {"columns", "data"}}};
  return {{"anyOf", {{{"type", "array"}, {"items", row}}, split}}};
}

}  // namespace fractile::server

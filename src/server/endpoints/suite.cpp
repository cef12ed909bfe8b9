// Copyright The fractile authors. Licensed under the Apache License, Version 2.0.
#include <nlohmann/json.hpp>

#include "config/options.hpp"
#include "server/endpoint.hpp"
#include "server/openapi.hpp"
#include "server/run_extras.hpp"
#include "server/run_request.hpp"
#include "server/study_answer.hpp"
#include "service/run_options.hpp"

namespace fractile::server {
namespace {

constexpr std::size_t kMaxCells = 1024;
constexpr std::string_view kSuiteKeys[] = {"lags", "resid_modes", kStudy, kInference};

std::vector<int> read_lags(const nlohmann::json& json) {
  std::vector<int> out;
  if (json.is_array())
    for (const auto& lag : json)
      if (lag.is_number_integer() && lag >= 0 && lag <= 100000) out.push_back(lag.get<int>());
  if (out.empty() || out.size() != json.size())
    throw Error(ErrorCode::INVALID_VALUE,
                "expected lags as a list of trading days, 0 to 100000, found something else. Write [0, 1].");
  return out;
}

std::vector<std::string> read_modes(const nlohmann::json& json) {
  std::vector<std::string> out;
  if (json.is_array())
    for (const auto& mode : json)
      if (mode.is_string()) out.push_back(mode.get<std::string>());
  if (out.empty() || out.size() != json.size())
    throw Error(ErrorCode::INVALID_VALUE,
                "expected resid_modes as a list of texts, found something else. Write [\"off\", \"industry\"].");
  return out;
}

/// Makes the cells of a request. Throws INVALID_VALUE, and the errors of parse_config().
std::vector<SuiteCell> read_cells(const RunRequest& run) {
  const auto find = [&](const char* name) -> const std::string* {
    const auto found = run.more.find(name);
    return found == run.more.end() ? nullptr : &found->second;
  };
  const std::string *const lags_text = find("lags"), *const modes_text = find("resid_modes");
  const std::string lags = lags_text ? *lags_text : "[0]", modes = modes_text ? *modes_text : "[\"off\"]";
  const std::size_t n_cells =
      read_lags(parse_parameter(lags, "lags")).size() * read_modes(parse_parameter(modes, "resid_modes")).size();
  if (n_cells > kMaxCells)
    throw Error(ErrorCode::INVALID_VALUE, "expected at most " + std::to_string(kMaxCells) +
                                              " pairs of lag and resid mode, found " + std::to_string(n_cells) +
                                              ". Ask for fewer.");
  return make_suite_cells(run.options, lags, modes);
}

Answer answer_suite(Request& request, const ServerState& state, const Interrupt& interrupt) {
  const auto loaded = state.snapshots.get();
  // All cells are checked before the rows are read.
  const RunRequest run = read_run_request(request, kSuiteKeys, state, *loaded, [](const RunRequest& read) {
    read_cells(read);
    read_extras(read.more);
  });
  const std::vector<SuiteCell> cells = read_cells(run);
  std::vector<RunConfig> configs;
  for (const SuiteCell& cell : cells) configs.push_back(cell.config);
  const std::vector<Result> results = run_cells(run, configs, *loaded, state, interrupt);
  const bool as_arrow = wants_arrow(request);
  const Orient orient = read_orient(request);
  Answer answer;
  if (as_arrow) answer.content_type = kArrowStream;
  for (std::size_t i = 0; i < results.size(); ++i) {
    if (as_arrow)
      append_arrow(cells[i].name, results[i], answer.body);
    else
      answer.body += (i == 0 ? "{" : ",") + quote(cells[i].name) + ":" + answer_json(run, results[i], orient, state);
  }
  if (!as_arrow) answer.body += "}";
  return answer;
}

Json describe_suite(bool asks_token) {
  Json modes = Json::array();
  for (const std::string_view mode : find_option("resid")->choices) modes.push_back(mode);
  Json more{{"lags", {{"type", "array"}, {"items", {{"type", "integer"}, {"minimum", 0}}}, {"minItems", 1}, {"default", {0}}}},
            {"resid_modes",
             {{"type", "array"}, {"items", {{"type", "string"}, {"enum", modes}}}, {"minItems", 1}, {"default", {"off"}}}}};
  more.update(extras_schema());
  const Json schema{{"type", "object"}, {"additionalProperties", reference("Result")}};
  return describe_signal_post("suite", "Backtest one signal over lags and residual modes", schema, more, asks_token);
}

}  // namespace

Endpoint suite_endpoint() {
  return {.path = "/suite",
          .method = "POST",
          .is_computed = true,
          .check = [](const Request& request) { check_run_head(request, kSuiteKeys); },
          .answer = answer_suite,
          .describe = describe_suite};
}

}  // namespace fractile::server

// Copyright The fractile authors. Licensed under the Apache License, Version 2.0.
#include "fractile/fama_macbeth.hpp"

#include <cmath>
#include <nlohmann/json.hpp>

#include "fractile/error.hpp"
#include "output/fama_macbeth.hpp"
#include "server/endpoint.hpp"
#include "server/openapi.hpp"
#include "server/run_request.hpp"

namespace fractile::server {
namespace {

/// Keys beside signal and config; in the query, as JSON, if the body is not JSON.
constexpr std::string_view kRegressionKeys[] = {"signals", "controls", "standardize", "winsorize", "lags", "min_names"};

[[noreturn]] void refuse_key(std::string_view name, const char* expected, const nlohmann::json& found) {
  throw Error(ErrorCode::INVALID_VALUE, "expected " + std::string(name) + " as " + expected + ", found " +
                                            found.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace).substr(0, 40) +
                                            ". Correct it.");
}

std::vector<std::string> read_names(const nlohmann::json& json, std::string_view name) {
  const bool is_fine = json.is_array() && std::all_of(json.begin(), json.end(), [](const auto& x) { return x.is_string(); });
  if (!is_fine) refuse_key(name, "a list of column names", json);
  return json.get<std::vector<std::string>>();
}

std::int64_t read_count(const nlohmann::json& json, std::string_view name) {
  constexpr std::int64_t kMost = 1000000;
  if (!json.is_number_integer() || json < 0 || json > kMost) refuse_key(name, "a whole number from 0 to 1000000, or null", json);
  return json.get<std::int64_t>();
}

FamaMacBethOptions read_regression_options(const RunRequest& run) {
  FamaMacBethOptions out;
  for (const auto& [name, text] : run.more) {
    const nlohmann::json json = parse_parameter(text, name);
    if (json.is_null() || name == "signals") continue;
    if (name == "controls") {
      out.controls = read_names(json, name);
    } else if (name == "standardize") {
      if (!json.is_boolean()) refuse_key(name, "true or false", json);
      out.standardize = json.get<bool>();
    } else if (name == "winsorize") {
      if (!json.is_number()) refuse_key(name, "a percent from 0 to below 50, or null", json);
      out.winsorize = json.get<double>();
    } else {
      (name == "lags" ? out.lags : out.min_names) = read_count(json, name);
    }
  }
  return out;
}

/// The value columns that the request names.
std::vector<std::string> signals_of(const RunRequest& run) {
  const auto found = run.more.find("signals");
  if (found == run.more.end()) return {};
  const nlohmann::json json = parse_parameter(found->second, "signals");
  return json.is_null() ? std::vector<std::string>{} : read_names(json, "signals");
}

Answer answer_fama_macbeth(Request& request, const ServerState& state, const Interrupt& interrupt) {
  const auto loaded = state.snapshots.get();
  const RunRequest run = read_run_request(
      request, kRegressionKeys, state, *loaded, [](const RunRequest& read) { read_regression_options(read); }, signals_of);
  const RunConfig config = parse_config(run.options);
  std::vector<NamedValues> signals;
  for (std::size_t k = 0; k < run.columns.size(); ++k) signals.push_back({run.columns[k], run.signal.values[k]});
  const double before = thread_cpu_seconds();
  const FamaMacBeth found =
      fama_macbeth(loaded->backtester, run.signal.keys, signals, config, read_regression_options(run), interrupt);
  state.metrics.count_engine_cpu(thread_cpu_seconds() - before);
  Answer answer;
  answer.body = fama_macbeth_to_json(found, read_orient(request));
  return answer;
}

Json describe_fama_macbeth(bool asks_token) {
  const Json text{{"type", "string"}}, number = nullable("number"), whole{{"type", "integer"}};
  const Json row{{"type", "object"},
                 {"properties",
                  {{"name", text},
                   {"mean", number},
                   {"se", number},
                   {"t", number},
                   {"se_nw", number},
                   {"t_nw", number},
                   {"periods", whole}}}};
  const Json split{{"type", "object"}, {"required", {"columns", "data"}}};
  const Json table{{"anyOf", {{{"type", "array"}, {"items", row}}, split}}};
  const Json daily{{"anyOf", {{{"type", "array"}, {"items", {{"type", "object"}}}}, split}}};
  const Json schema{{"type", "object"},
                    {"required", {"table", "daily", "mean_names", "mean_r2", "left_out", "snapshot", "config"}},
                    {"properties",
                     {{"table", table},
                      {"daily", daily},
                      {"mean_names", {{"type", "number"}}},
                      {"mean_r2", number},
                      {"left_out", whole},
                      {"few_names", whole},
                      {"singular", whole},
                      {"snapshot", text},
                      {"config", {{"type", "object"}}},
                      {"elapsed_seconds", {{"type", "number"}}}}}};
  const Json names{{"type", "array"}, {"items", text}};
  const auto with_doc = [](Json of, const char* doc) {
    of["description"] = doc;
    return of;
  };
  const Json more{
      {"signals", with_doc(names, "Value columns of a body that is not JSON; default: sigvar alone.")},
      {"controls", with_doc(names, "Panel columns beside the signal; texts, cap, sector_id and industry_id become dummies.")},
      {"standardize", with_doc({{"type", "boolean"}}, "Subtract the mean of each day and divide by its standard deviation.")},
      {"winsorize", with_doc(number, "Percent: clip each day to the quantiles p and 100 - p.")},
      {"lags", with_doc(nullable("integer"), "Lags of Newey and West; null: floor(4 (T / 100)^(2/9)).")},
      {"min_names", with_doc(nullable("integer"), "Names that a day needs; null: max(10, regressors + 2).")}};
  Json out = describe_signal_post("fama_macbeth", "Regress returns on a signal, day by day", schema, more, asks_token);
  out["responses"]["200"] = json_answer(schema, "Mean coefficients, and those of each day.");
  return out;
}

}  // namespace

Endpoint fama_macbeth_endpoint() {
  return {.path = "/fama_macbeth",
          .method = "POST",
          .is_computed = true,
          .check = [](const Request& request) { check_run_head(request, kRegressionKeys); },
          .answer = answer_fama_macbeth,
          .describe = describe_fama_macbeth};
}

}  // namespace fractile::server

// Copyright The fractile authors. Licensed under the Apache License, Version 2.0.
#include "server/run_request.hpp"

#include <algorithm>
#include <nlohmann/json.hpp>
#include <set>

#include "config/options.hpp"
#include "formats/formats.hpp"
#include "ingest/read_options.hpp"
#include "ingest/signal_reader.hpp"
#include "server/json_body.hpp"
#include "server/run_extras.hpp"
#include "server/signal_path.hpp"
#include "service/run_options.hpp"
#include "types/nearest.hpp"

namespace fractile::server {
namespace {

const std::string* find_query(const Request& request, std::string_view name) {
  const auto found = request.query.find(std::string(name));
  return found == request.query.end() ? nullptr : &found->second;
}

/// Completes the options of a request; those of reading go to `reading`. Returns the name of the value column.
std::string read_options(const std::string& config, const ServerState& state, const LoadedSnapshot& loaded, RunRequest& run,
                         ReadOptions& reading) {
  std::string given = parse_parameter(config, "config").dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
  reading = take_read_options(given);
  run.options = complete_options(given, state.options.defaults, *loaded.backtester.view().snapshot);
  std::string sigvar = "signal";
  parse_config(run.options, &sigvar);
  return sigvar;
}

}  // namespace

namespace {

const char* example_of(std::string_view name) noexcept {
  if (name == "config") return "{\"lag\": 1}";
  if (name == "study") return "\"momentum-2026\", with its quotes";
  if (name == "inference") return "true";
  return "a list, such as [0, 1]";
}

}  // namespace

nlohmann::json parse_parameter(const std::string& text, std::string_view name) {
  check_depth(text);
  std::vector<std::set<std::string>> keys;  // of the objects that are open
  std::string twice;
  const auto watch = [&](int, nlohmann::json::parse_event_t event, nlohmann::json& value) {
    if (event == nlohmann::json::parse_event_t::object_start) keys.emplace_back();
    if (event == nlohmann::json::parse_event_t::object_end) keys.pop_back();
    if (event == nlohmann::json::parse_event_t::key && !keys.back().insert(value.get<std::string>()).second)
      twice = value.get<std::string>();
    return true;
  };
  nlohmann::json json = nlohmann::json::parse(text, watch, false);
  if (!twice.empty())
    throw Error(ErrorCode::BAD_REQUEST, "expected each key of " + std::string(name) + " once, found \"" + twice.substr(0, 40) +
                                            "\" twice. Give it once.");
  if (json.is_discarded())
    throw Error(ErrorCode::BAD_REQUEST,
                "expected JSON in " + std::string(name) + ", found other text. Write " + example_of(name) + ".");
  return json;
}

Orient read_orient(const Request& request) {
  const std::string* text = find_query(request, "orient");
  if (!text || *text == "records") return Orient::records;
  if (*text == "split") return Orient::split;
  throw Error(ErrorCode::INVALID_VALUE,
              "expected orient records or split, found \"" + text->substr(0, 40) + "\". Use one of these.");
}

bool wants_arrow(const Request& request) noexcept { return request.accept.find(kArrowStream) != std::string::npos; }

const char* body_format(const Request& request) noexcept {
  return request.content_type == "text/csv" ? "csv" : request.content_type == kParquet ? "parquet" : "arrow";
}

void check_run_head(const Request& request, std::span<const std::string_view> more) {
  std::vector<std::string_view> known{"orient", "config"};
  known.insert(known.end(), more.begin(), more.end());
  for (const auto& [name, value] : request.query)
    if (std::find(known.begin(), known.end(), name) == known.end())
      throw Error(ErrorCode::UNKNOWN_OPTION, "expected one of the query's parameters, found \"" + name.substr(0, 40) +
                                                 "\". Did you mean \"" + std::string(nearest_name(name.substr(0, 40), known)) +
                                                 "\"?");
  read_orient(request);
  const std::string& type = request.content_type;
  const bool is_json = type == "application/json";
  if (!is_json && type != kArrowStream && type != kArrowFile && type != kParquet && type != "text/csv")
    throw Error(ErrorCode::UNSUPPORTED_MEDIA_TYPE,
                "expected Content-Type application/json, application/vnd.apache.arrow.stream, application/vnd.apache.arrow.file, "
                "application/vnd.apache.parquet or text/csv, found \"" +
                    type.substr(0, 60) + "\". Set it to what the body is.");
  for (const std::string_view name : known)
    if (is_json && name != "orient" && find_query(request, name))
      throw Error(ErrorCode::BAD_REQUEST,
                  "expected " + std::string(name) +
                      " in the JSON body, found it in the query. Move it, or send the rows as Arrow, Parquet or CSV.");
}

RunRequest read_run_request(Request& request, std::span<const std::string_view> more, const ServerState& state,
                            const LoadedSnapshot& loaded, void (*check)(const RunRequest& run),
                            std::vector<std::string> (*find_columns)(const RunRequest& run)) {
  RunRequest run;
  const auto choose_columns = [&] {
    if (find_columns) run.columns = find_columns(run);
    const bool is_json = request.content_type == "application/json";
    if (is_json && !run.columns.empty() && run.columns != std::vector{run.sigvar})
      throw Error(ErrorCode::INVALID_VALUE,
                  "expected one signal in a JSON body, found the names of others in signals. Send the "
                  "rows as Arrow, Parquet or CSV, or name the column by sigvar.");
    if (run.columns.empty()) run.columns = {run.sigvar};
  };
  if (request.content_type == "application/json") {
    JsonBody body(std::move(request.body), more);
    run.sigvar = read_options(body.config(), state, loaded, run, run.reading);
    run.more = body.more();
    check(run);
    choose_columns();
    run.signal = body.signal_path() ? read_signal_path(*body.signal_path(), run.sigvar, run.reading, state.options)
                                    : body.read_signal(run.sigvar, run.reading);
    return run;
  }
  const std::string* const config = find_query(request, "config");
  run.sigvar = read_options(config ? *config : "{}", state, loaded, run, run.reading);
  for (const std::string_view name : more)
    if (const std::string* const text = find_query(request, name)) run.more[std::string(name)] = *text;
  check(run);
  choose_columns();
  const auto body = std::make_shared<ByteBuffer>(std::move(request.body));
  run.signal = read_own_bytes(body, body_format(request), run.columns, state.options.max_body_bytes, run.reading);
  return run;
}

std::vector<Result> run_cells(const RunRequest& run, std::span<const RunConfig> configs, const LoadedSnapshot& loaded,
                              const ServerState& state, const Interrupt& interrupt) {
  const RunExtras extras = read_extras(run.more);
  if (!extras.study.empty()) open_study(state);
  std::vector<RunCell> cells;
  for (const RunConfig& config : configs) cells.push_back({run.signal.values[0], config});
  const double before = thread_cpu_seconds();
  std::vector<RunOutcome> outcomes = loaded.backtester.run_many(run.signal.keys, cells, true, interrupt);
  state.metrics.count_engine_cpu(thread_cpu_seconds() - before);
  for (const RunOutcome& outcome : outcomes)
    if (outcome.error) std::rethrow_exception(outcome.error);
  std::vector<Result> results;
  for (RunOutcome& outcome : outcomes) {
    results.push_back(*std::move(outcome.result));
    state.metrics.count_run(results.back());
  }
  for (Result& result : results) add_extras(extras, state, interrupt, result);
  return results;
}

std::string answer_json(const RunRequest& run, const Result& result, Orient orient, const ServerState& state) {
  std::string out = result_to_json(result, orient);
  out.pop_back();
  return out + describe_study(read_extras(run.more), state, result) + "}";
}

void append_arrow(const std::string& cell, const Result& result, std::string& out) {
  bool is_first = true;
  for (const TableSet::Entry& entry : result.tables) {
    std::vector<std::pair<std::string, std::string>> metadata{{"fractile:table", entry.name}, {"fractile:run_id", result.run_id}};
    if (!cell.empty()) metadata.emplace_back("fractile:cell", cell);
    if (is_first) metadata.emplace_back("fractile:result", facts_to_json(result));
    is_first = false;
    ArrowArrayStream stream{};
    table_to_arrow(entry.table, &stream, metadata);
    formats::write_ipc_stream(&stream, [&out](std::size_t size) {
      const std::size_t begin = out.size();
      out.resize(begin + size);
      return out.data() + begin;
    });
  }
}

}  // namespace fractile::server

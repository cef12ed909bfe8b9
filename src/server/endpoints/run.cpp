// Copyright The fractile authors. Licensed under the Apache License, Version 2.0.
#include <nlohmann/json.hpp>

#include "fractile/audit.hpp"
#include "fractile/error.hpp"
#include "fractile/types.hpp"
#include "ingest/read_options.hpp"
#include "output/audit.hpp"
#include "server/endpoint.hpp"
#include "server/openapi.hpp"
#include "server/run_extras.hpp"
#include "server/run_request.hpp"
#include "server/server.hpp"
#include "server/sheet_answer.hpp"
#include "server/study_answer.hpp"
#include "service/sheet_run.hpp"

namespace fractile::server {
namespace {

constexpr std::string_view kAudit = "audit";
constexpr std::string_view kRunKeys[] = {kStudy, kInference, kAudit};

/// True if a sheet shall have the audit of the signal. Throws INVALID_VALUE.
bool wants_audit(const RunRequest& run) {
  const auto found = run.more.find(std::string(kAudit));
  if (found == run.more.end()) return false;
  const Json json = parse_parameter(found->second, kAudit);
  if (!json.is_boolean() && !json.is_null())
    throw Error(ErrorCode::INVALID_VALUE,
                "expected audit as true or false, found " + found->second.substr(0, 60) + ". Write true.");
  return json == true;
}

/// Returns the place for code that repeats the run: the columns of its signal, and the days and the storage that this server was
/// started with.
RunPlace place_of(const RunRequest& run, const ServerOptions& options) {
  RunPlace place;
  place.sigvar = run.sigvar;
  place.reading = read_options_to_json(run.reading);
  if (options.start) place.start_date = format_day(*options.start);
  if (options.end) place.end_date = format_day(*options.end);
  place.compact = options.compact;
  return place;
}

Answer answer_run(Request& request, const ServerState& state, const Interrupt& interrupt) {
  const auto loaded = state.snapshots.get();
  const RunRequest run = read_run_request(request, kRunKeys, state, *loaded, [](const RunRequest& read) {
    read_extras(read.more);
    wants_audit(read);
  });
  if (wants_audit(run) && !wants_sheet(request))
    throw Error(ErrorCode::REFUSED_COMBINATION, "expected Accept: " + std::string(kHtml) + " or " + std::string(kSheetJson) +
                                                    " with audit, found neither. For the audit alone, POST /audit.");
  const RunConfig config = parse_config(run.options);
  Result result = std::move(run_cells(run, {&config, 1}, *loaded, state, interrupt)[0]);
  Answer answer;
  answer.run_id = result.run_id;
  if (wants_sheet(request)) {
    const auto stored = std::make_shared<StoredResult>();
    stored->place = place_of(run, state.options);
    stored->result =
        with_sheet_tables(loaded->backtester, run.signal.keys, run.signal.values[0], config, std::move(result), interrupt);
    stored->study = read_extras(run.more).study;
    if (wants_audit(run))
      stored->audit =
          audit_to_json(audit_signal(loaded->backtester, run.signal.keys, run.signal.values[0], config, nullptr, interrupt));
    write_sheet(request, *stored, state, answer);
    // A page shows the result further; a file is whole.
    const std::string id = accepts(request, kSheetJson) ? state.results.add(stored) : "";
    if (!id.empty()) answer.headers.emplace_back("Location", "results/" + id);
  } else if (wants_arrow(request)) {
    answer.content_type = kArrowStream;
    append_arrow("", result, answer.body);
  } else {
    answer.body = answer_json(run, result, read_orient(request), state);
  }
  return answer;
}

Json describe_run(bool asks_token) {
  Json more = extras_schema();
  more[std::string(kAudit)] = {{"type", {"boolean", "null"}},
                               {"description", "Draw the look-ahead audit of the signal. Requires an answer as a sheet."}};
  Json operation = describe_signal_post("run", "Backtest one signal", reference("Result"), more, asks_token);
  for (const std::string_view type : {kHtml, kSheetJson})
    operation["responses"]["200"]["content"][std::string(type)] = {{"schema", {{"type", "string"}}}};
  operation["responses"]["200"]["headers"]["Location"] = {
      {"schema", {{"type", "string"}}},
      {"description", "Address of the stored result, with Accept: " + std::string(kSheetJson) + "."}};
  return operation;
}

}  // namespace

Endpoint run_endpoint() {
  return {.path = "/run",
          .method = "POST",
          .is_computed = true,
          .check = [](const Request& request) { check_run_head(request, kRunKeys); },
          .answer = answer_run,
          .describe = describe_run};
}

}  // namespace fractile::server

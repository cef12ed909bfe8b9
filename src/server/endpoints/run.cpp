// Copyright The fractile authors. Licensed under the Apache License, Version 2.0.
#include <nlohmann/json.hpp>

#include "server/endpoint.hpp"
#include "server/openapi.hpp"
#include "server/run_extras.hpp"
#include "server/run_request.hpp"
#include "server/study_answer.hpp"
#include "service/sheet_run.hpp"
#include "tearsheet/tear_sheet.hpp"

namespace fractile::server {
namespace {

constexpr std::string_view kRunKeys[] = {kStudy, kInference};
constexpr std::string_view kHtml = "text/html";

bool wants_html(const Request& request) noexcept { return request.accept.find(kHtml) != std::string::npos; }

/// The tear sheet, with the tables that it draws beyond those asked for.
std::string draw_sheet(const RunRequest& run, const RunConfig& config, const LoadedSnapshot& loaded, Result result,
                       const Interrupt& interrupt) {
  result = with_sheet_tables(loaded.backtester, run.signal.keys, run.signal.values[0], config, std::move(result), interrupt);
  const std::string title = "Run " + result.run_id.substr(0, 12);
  const SheetEntry entry{title, &result, repeat_arguments(result, {}), ""};
  return tear_sheet({&entry, 1}, title);
}

Answer answer_run(Request& request, const ServerState& state, const Interrupt& interrupt) {
  const auto loaded = state.snapshots.get();
  const RunRequest run =
      read_run_request(request, kRunKeys, state, *loaded, [](const RunRequest& read) { read_extras(read.more); });
  const RunConfig config = parse_config(run.options);
  Result result = std::move(run_cells(run, {&config, 1}, *loaded, state, interrupt)[0]);
  Answer answer;
  answer.run_id = result.run_id;
  if (wants_html(request)) {
    answer.content_type = "text/html; charset=utf-8";
    answer.body = draw_sheet(run, config, *loaded, std::move(result), interrupt);
  } else if (wants_arrow(request)) {
    answer.content_type = kArrowStream;
    append_arrow("", result, answer.body);
  } else {
    answer.body = answer_json(run, result, read_orient(request), state);
  }
  return answer;
}

Json describe_run(bool asks_token) {
  Json operation = describe_signal_post("run", "Backtest one signal", reference("Result"), extras_schema(), asks_token);
  operation["responses"]["200"]["content"][std::string(kHtml)] = {{"schema", {{"type", "string"}}}};
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

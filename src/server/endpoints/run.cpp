// Copyright The fractile authors. Licensed under the Apache License, Version 2.0.
#include <nlohmann/json.hpp>

#include "server/endpoint.hpp"
#include "server/openapi.hpp"
#include "server/run_extras.hpp"
#include "server/run_request.hpp"
#include "server/study_answer.hpp"

namespace fractile::server {
namespace {

constexpr std::string_view kRunKeys[] = {kStudy, kInference};

Answer answer_run(Request& request, const ServerState& state, const Interrupt& interrupt) {
  const auto loaded = state.snapshots.get();
  const RunRequest run =
      read_run_request(request, kRunKeys, state, *loaded, [](const RunRequest& read) { read_extras(read.more); });
  const RunConfig config = parse_config(run.options);
  const Result result = std::move(run_cells(run, {&config, 1}, *loaded, state, interrupt)[0]);
  Answer answer;
  answer.run_id = result.run_id;
  if (wants_arrow(request)) {
    answer.content_type = kArrowStream;
    append_arrow("", result, answer.body);
  } else {
    answer.body = answer_json(run, result, read_orient(request), state);
  }
  return answer;
}

Json describe_run(bool asks_token) {
  return describe_signal_post("run", "Backtest one signal", reference("Result"), extras_schema(), asks_token);
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

// Copyright The fractile authors. Licensed under the Apache License, Version 2.0.
#include <nlohmann/json.hpp>

#include "fractile/error.hpp"
#include "server/body_parts.hpp"
#include "server/endpoint.hpp"
#include "server/explained_run.hpp"
#include "server/openapi.hpp"
#include "server/run_extras.hpp"
#include "server/study_answer.hpp"

namespace fractile::server {
namespace {

constexpr std::string_view kSpanningKeys[] = {"others", "factor_returns", "series", kStudy};

Answer answer_spanning(Request& request, const ServerState& state, const Interrupt& interrupt) {
  const auto loaded = state.snapshots.get();
  const BodyParts parts(request, "others", "factor_returns");
  const RunRequest run = read_run_request(request, kSpanningKeys, state, *loaded, [](const RunRequest& read) {
    read_series(read);
    read_extras(read.more);
  });
  std::vector<ReturnSeries> others = parts.read_factor_returns(run, state);
  std::vector<NamedSignal> signals = parts.read_signals(run, state);
  if (others.empty() && signals.empty())
    throw Error(ErrorCode::INVALID_VALUE,
                "expected others or factor_returns, found neither. Write {\"others\": {\"name\": rows}}.");
  const std::string series = read_series(run);
  const Result result = run_one(run, *loaded, state, interrupt);
  for (NamedSignal& other : signals)
    others.push_back(
        book_returns(run_one(request_of(run, std::move(other.signal)), *loaded, state, interrupt), other.name, series));
  Answer answer;
  answer.body =
      spanning_to_json(test_spanning(book_returns(result, "the book", series), others), {series, result.snapshot, result.run_id});
  return answer;
}

Json describe_spanning(bool asks_token) {
  const Json text{{"type", "string"}}, number = nullable("number");
  const Json schema = object_schema({{"alpha", number},
                                     {"t", number},
                                     {"sharpe2_increase", number},
                                     {"f", number},
                                     {"p", number},
                                     {"periods", {{"type", "integer"}}},
                                     {"series", text},
                                     {"snapshot", text},
                                     {"run_id", text}});
  const Json more{{"others", named_signals_schema("Other signals, which are run alike.")},
                  {"factor_returns", factor_returns_schema("Returns of other books or factors.")},
                  {"series", series_schema()},
                  {"study", extras_schema()["study"]}};
  Json out = describe_signal_post("spanning", "Test if other books earn what a signal's book earns", schema, more, asks_token);
  out["responses"]["200"] = json_answer(schema, "Alpha beyond the others, and the test of Gibbons, Ross and Shanken.");
  return out;
}

}  // namespace

Endpoint spanning_endpoint() {
  return {.path = "/spanning",
          .method = "POST",
          .is_computed = true,
          .check = [](const Request& request) { check_run_head(request, kSpanningKeys); },
          .answer = answer_spanning,
          .describe = describe_spanning};
}

}  // namespace fractile::server

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

constexpr std::string_view kAttributionKeys[] = {"factor_returns", "series", "lags", kStudy};

Answer answer_attribution(Request& request, const ServerState& state, const Interrupt& interrupt) {
  const auto loaded = state.snapshots.get();
  const BodyParts parts(request, "", "factor_returns");
  const RunRequest run = read_run_request(request, kAttributionKeys, state, *loaded, [](const RunRequest& read) {
    read_series(read);
    read_newey_west_lags(read);
    read_extras(read.more);
  });
  const std::vector<ReturnSeries> factors = parts.read_factor_returns(run, state);
  if (factors.empty())
    throw Error(ErrorCode::INVALID_VALUE,
                "expected factor_returns, found none. Write {\"date\": [\"2020-01-02\"], \"mkt\": [0.01]}.");
  const std::string series = read_series(run);
  const Result result = run_one(run, *loaded, state, interrupt);
  const Attribution found =
      attribute(book_returns(result, "the book", series), factors, read_newey_west_lags(run), result.periods_per_year);
  Answer answer;
  answer.body = attribution_to_json(found, {series, result.snapshot, result.run_id}, read_orient(request));
  return answer;
}

Json describe_attribution(bool asks_token) {
  const Json text{{"type", "string"}}, number = nullable("number"), whole{{"type", "integer"}};
  const Json row{{"name", text}, {"coefficient", number}, {"se", number}, {"t", number}, {"p", number}};
  const Json schema = object_schema({{"table", rows_schema(row)},
                                     {"alpha", number},
                                     {"alpha_annualised", number},
                                     {"r2", number},
                                     {"appraisal", number},
                                     {"periods", whole},
                                     {"left_out", whole},
                                     {"series", text},
                                     {"snapshot", text},
                                     {"run_id", text}});
  Json lags = nullable("integer");
  lags["description"] = "Lags of Newey and West; null: floor(4 (n / 100)^(2/9)).";
  const Json more{{"factor_returns", factor_returns_schema("Returns of factors per period.")},
                  {"series", series_schema()},
                  {"lags", lags},
                  {"study", extras_schema()["study"]}};
  Json out = describe_signal_post("attribution", "Explain the returns of a signal's book by factors", schema, more, asks_token);
  out["responses"]["200"] = json_answer(schema, "Alpha and the exposures, with errors under autocorrelation.");
  return out;
}

}  // namespace

Endpoint attribution_endpoint() {
  return {.path = "/attribution",
          .method = "POST",
          .is_computed = true,
          .check = [](const Request& request) { check_run_head(request, kAttributionKeys); },
          .answer = answer_attribution,
          .describe = describe_attribution};
}

}  // namespace fractile::server

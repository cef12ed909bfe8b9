// Copyright The fractile authors. Licensed under the Apache License, Version 2.0.
#include <nlohmann/json.hpp>

#include "fractile/error.hpp"
#include "fractile/similarity.hpp"
#include "server/body_parts.hpp"
#include "server/endpoint.hpp"
#include "server/explained_run.hpp"
#include "server/openapi.hpp"
#include "server/run_extras.hpp"
#include "server/study_answer.hpp"

namespace fractile::server {
namespace {

constexpr std::string_view kSimilarKeys[] = {"library", kStudy};

Answer answer_similar(Request& request, const ServerState& state, const Interrupt& interrupt) {
  const auto loaded = state.snapshots.get();
  const BodyParts parts(request, "library", "");
  const RunRequest run =
      read_run_request(request, kSimilarKeys, state, *loaded, [](const RunRequest& read) { read_extras(read.more); });
  std::vector<NamedSignal> library = parts.read_signals(run, state);
  if (library.empty())
    throw Error(ErrorCode::INVALID_VALUE, "expected library, found none. Write {\"library\": {\"name\": rows}}.");
  const RunConfig config = parse_config(run.options);
  const Result result = run_one(run, *loaded, state, interrupt);
  const ReturnSeries book = book_returns(result, "the book", "ret");
  std::vector<LibraryMember> members;
  for (NamedSignal& member : library) {
    const RunRequest other = request_of(run, std::move(member.signal));
    const Similarity near = compare_signals(loaded->backtester, {run.signal.keys, run.signal.values[0]},
                                            {other.signal.keys, other.signal.values[0]}, config, interrupt);
    members.push_back(compare_books(book, book_returns(run_one(other, *loaded, state, interrupt), member.name, "ret"),
                                    near.rank_correlation, near.common));
  }
  Answer answer;
  answer.body = library_to_json(library_table(std::move(members)), {"ret", result.snapshot, result.run_id}, read_orient(request));
  return answer;
}

Json describe_similar(bool asks_token) {
  const Json text{{"type", "string"}}, number = nullable("number");
  const Json row{
      {"name", text}, {"rank_correlation", number}, {"return_correlation", number}, {"alpha_t", number}, {"common", number}};
  const Json schema = object_schema({{"table", rows_schema(row)}, {"series", text}, {"snapshot", text}, {"run_id", text}});
  const Json more{{"library", named_signals_schema("Signals to compare with, which are run alike.")},
                  {"study", extras_schema()["study"]}};
  Json out = describe_signal_post("similar", "Compare a signal with a library of signals: is it new?", schema, more, asks_token);
  out["responses"]["200"] = json_answer(schema, "One row per member, the nearest first.");
  return out;
}

}  // namespace

Endpoint similar_endpoint() {
  return {.path = "/similar",
          .method = "POST",
          .is_computed = true,
          .check = [](const Request& request) { check_run_head(request, kSimilarKeys); },
          .answer = answer_similar,
          .describe = describe_similar};
}

}  // namespace fractile::server

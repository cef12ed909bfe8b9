// Copyright The fractile authors. Licensed under the Apache License, Version 2.0.
#include "fractile/audit.hpp"

#include <charconv>
#include <nlohmann/json.hpp>
#include <optional>

#include "config/options.hpp"
#include "fractile/error.hpp"
#include "ingest/read_options.hpp"
#include "ingest/signal_reader.hpp"
#include "output/audit.hpp"
#include "server/endpoint.hpp"
#include "server/json_body.hpp"
#include "server/openapi.hpp"
#include "server/run_request.hpp"

namespace fractile::server {
namespace {

/// In a JSON body: the older vintage, as `signal`. Else in the query: the byte of the body at which its stream begins.
/// previous_config: in the query, sigvar and the options of reading of the older vintage; default: those of the signal.
constexpr std::string_view kMore[] = {"previous", "previous_config"};

const std::string* find_previous(const Request& request) {
  const auto found = request.query.find("previous");
  return found == request.query.end() ? nullptr : &found->second;
}

/// Moves the bytes of the body from a place on to a buffer of their own.
std::shared_ptr<ByteBuffer> split_body(ByteBuffer& body, const std::string& place) {
  std::size_t at = 0;
  const auto read = std::from_chars(place.data(), place.data() + place.size(), at);
  if (read.ec != std::errc() || read.ptr != place.data() + place.size() || at == 0 || at >= body.size())
    throw Error(ErrorCode::INVALID_VALUE,
                "expected previous as a place inside the body, found \"" + place.substr(0, 40) +
                    "\". Send both vintages one after the other, and the number of bytes of the first.");
  auto tail = std::make_shared<ByteBuffer>();
  tail->append(body.data() + at, body.size() - at);
  ByteBuffer head;
  head.append(body.data(), at);
  body = std::move(head);
  return tail;
}

Signal read_previous(const std::string& text, const RunRequest& run) {
  const std::string body = "{\"signal\":" + text + "}";
  ByteBuffer bytes;
  bytes.append(body.data(), body.size());
  return JsonBody(std::move(bytes), {}).read_signal(run.sigvar, run.reading);
}

/// The older vintage behind the signal in the body, whose columns may have names of their own.
Signal read_tail(const std::shared_ptr<ByteBuffer>& tail, const Request& request, const RunRequest& run,
                 const ServerState& state) {
  std::string sigvar = run.sigvar;
  ReadOptions reading = run.reading;
  if (const auto own = run.more.find("previous_config"); own != run.more.end()) {
    std::string config = parse_parameter(own->second, "previous_config").dump();
    reading = take_read_options(config);
    sigvar = "signal";
    parse_config(config, &sigvar);
  }
  return read_own_bytes(tail, body_format(request), {sigvar}, state.options.max_body_bytes, reading);
}

Answer answer_audit(Request& request, const ServerState& state, const Interrupt& interrupt) {
  const auto loaded = state.snapshots.get();
  const std::string* const place = find_previous(request);
  const std::shared_ptr<ByteBuffer> tail = place ? split_body(request.body, *place) : nullptr;
  const RunRequest run = read_run_request(request, kMore, state, *loaded, [](const RunRequest&) {});
  const RunConfig config = parse_config(run.options);
  std::optional<Signal> previous;
  if (tail)
    previous = read_tail(tail, request, run, state);
  else if (const auto text = run.more.find("previous"); text != run.more.end() && text->second != "null")
    previous = read_previous(text->second, run);
  std::optional<SignalVintage> vintage;
  if (previous) vintage.emplace(SignalVintage{previous->keys, previous->values[0]});
  const double before = thread_cpu_seconds();
  const Audit audit =
      audit_signal(loaded->backtester, run.signal.keys, run.signal.values[0], config, vintage ? &*vintage : nullptr, interrupt);
  state.metrics.count_engine_cpu(thread_cpu_seconds() - before);
  Answer answer;
  answer.body = audit_to_json(audit, read_orient(request));
  return answer;
}

Json describe_audit(bool asks_token) {
  const Json text{{"type", "string"}}, number = nullable("number"), whole{{"type", "integer"}};
  const auto table = [](const Json& columns) {
    const Json row{{"type", "object"}, {"properties", columns}};
    const Json split{{"type", "object"}, {"required", {"columns", "data"}}};
    return Json{{"anyOf", {{{"type", "array"}, {"items", row}}, split}}};
  };
  const Json statuses{"pass", "not applicable", "note", "suspicious", "look-ahead"};
  const Json status{{"type", "string"}, {"enum", statuses}};
  const Json schema{
      {"type", "object"},
      {"required", {"verdict", "first_k", "checks", "profile", "snapshot", "periods_per_year", "config", "elapsed_seconds"}},
      {"properties",
       {{"verdict", {{"type", "string"}, {"enum", {"pass", "suspicious", "look-ahead"}}}},
        {"first_k", whole},
        {"checks",
         table(
             {{"check", text}, {"status", status}, {"value", number}, {"threshold", number}, {"meaning", text}, {"rows", text}})},
        {"profile",
         table({{"k", whole}, {"ic", number}, {"t_nw", number}, {"days", whole}, {"names", number}, {"share", number}})},
        {"snapshot", text},
        {"periods_per_year", whole},
        {"config", {{"type", "object"}}},
        {"elapsed_seconds", {{"type", "number"}}}}}};
  const Json previous{{"anyOf", {reference("Signal"), whole, {{"type", "null"}}}},
                      {"description",
                       "An older vintage: rows as in signal. With a body that is not JSON: the byte at which the older vintage "
                       "begins behind the signal."}};
  Json own = reference("Config");
  own["description"] =
      "With previous in the query: sigvar and the options of reading of the older vintage; default: those of config.";
  Json out = describe_signal_post("audit", "Examine a signal for look-ahead", schema,
                                  {{"previous", previous}, {"previous_config", own}}, asks_token);
  out["responses"]["200"] = json_answer(schema, "The verdict, the checks and the profile.");
  return out;
}

}  // namespace

Endpoint audit_endpoint() {
  return {.path = "/audit",
          .method = "POST",
          .is_computed = true,
          .check = [](const Request& request) { check_run_head(request, kMore); },
          .answer = answer_audit,
          .describe = describe_audit};
}

}  // namespace fractile::server

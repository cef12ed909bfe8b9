// Copyright The fractile authors. Licensed under the Apache License, Version 2.0.
#include "requests.hpp"

#include <string>

#include "bytes.hpp"
#include "laws.hpp"
#include "markets.hpp"
#include "server/endpoint.hpp"
#include "server/loaded_snapshot.hpp"
#include "server/metrics.hpp"
#include "server/result_store.hpp"

namespace fractile::fuzz {

void run_json_request(Input input);
void run_query(Input input);

namespace {

using nlohmann::json;

struct Server {
  Server() {
    options.max_body_bytes = std::size_t{1} << 22;
    const auto loaded = std::make_shared<server::LoadedSnapshot>(market(0).view, 2);
    loaded->id = "market0";
    snapshots.set(loaded);
  }
  server::ServerOptions options;
  server::Metrics metrics;
  server::SnapshotHolder snapshots{options};
  std::atomic<bool> is_draining{false};
  server::ResultStore results{std::size_t{1} << 20};
  server::ServerState state{options, metrics, snapshots, is_draining, results};
};

json parse_answer(const std::string& body) {
  const json answer = json::parse(body, nullptr, false);
  ensure(!answer.is_discarded(), "every answer is JSON", body.substr(0, 2000));
  return answer;
}

server::Request make_request(const std::string& content_type, std::string_view body) {
  server::Request request;
  request.method = "POST";
  request.path = "/run";
  request.content_type = content_type;
  request.body.append(body.data(), body.size());
  return request;
}

/// The number of rows of a body, by another parser; nullopt if that parser cannot tell.
std::optional<std::size_t> count_rows(const json& body) {
  if (!body.is_object() || !body.contains("signal")) return std::nullopt;
  const json& signal = body["signal"];
  if (signal.is_array()) return signal.size();
  if (signal.is_object() && signal.contains("security_id")) return signal["security_id"].size();
  return std::nullopt;
}

}  // namespace

std::optional<json> answer_request(server::Request request) {
  static Server one;
  std::optional<json> answer;
  const auto refusal = refusal_of([&] {
    const server::Endpoint& endpoint = *server::find_endpoint(request.path);
    endpoint.check(request);
    answer = parse_answer(endpoint.answer(request, one.state, [] { return false; }).body);
  });
  if (!refusal) return answer;
  const int status = error_info(refusal->code()).http_status;
  ensure(status >= 400 && status < 500, "a fault of a request is not a fault of the server", refusal->what());
  parse_answer(server::make_error(*refusal, "id").body);
  return std::nullopt;
}

void run_json_request(Input input) {
  const std::string_view text = as_text(input);
  server::Request request = make_request("application/json", text);
  if (text.find("\"lags\"") != std::string_view::npos || text.find("\"resid_modes\"") != std::string_view::npos)
    request.path = "/suite";
  const bool is_suite = request.path == "/suite";
  const auto answer = answer_request(std::move(request));
  if (!answer || is_suite) return;
  const json body = json::parse(text, nullptr, false);
  const auto rows = count_rows(body);
  if (!rows) return;
  ensure((*answer)["diagnostics"]["rows_given"] == *rows, "every row of a body is read", std::to_string(*rows));
}

void run_query(Input input) {
  constexpr std::string_view kRows =
      "security_id,date_sig,signal\n1,2020-01-07,0.5\n2,2020-01-07,1.5\n3,2020-01-07,2.5\n4,2020-01-07,-1\n5,2020-01-08,0.25\n";
  server::Request request = make_request("text/csv", kRows);
  const auto refusal = refusal_of([&] { server::parse_target(as_text(input), request); });
  if (refusal) {
    ensure(refusal->code() == ErrorCode::BAD_REQUEST, "a wrong address is a bad request", refusal->what());
    return;
  }
  // Percent encoding of every byte does not change the text.
  std::string encoded;
  const auto encode = [&](const std::string& part) {
    for (const char c : part) {
      constexpr const char* kDigits = "0123456789ABCDEF";
      const auto byte = static_cast<unsigned char>(c);
      encoded += {'%', kDigits[byte >> 4], kDigits[byte & 15]};
    }
  };
  encode(request.path);
  for (const auto& [name, value] : request.query) {
    encoded += encoded.find('?') == std::string::npos ? '?' : '&';
    encode(name);
    encoded += '=';
    encode(value);
  }
  server::Request again;
  server::parse_target(encoded, again);
  const bool has_nameless = request.query.contains("");
  ensure(has_nameless || (again.path == request.path && again.query == request.query), "encoded text is the same text", encoded);
  if (request.path != "/suite") request.path = "/run";
  answer_request(std::move(request));
}

}  // namespace fractile::fuzz

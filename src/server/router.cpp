// Copyright The fractile authors. Licensed under the Apache License, Version 2.0.
#include "server/router.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <nlohmann/json.hpp>

#include "fractile/version.hpp"
#include "server/log.hpp"
#include "server/openapi.hpp"
#include "types/hash.hpp"

namespace fractile::server {
namespace {

struct Route {
  std::string_view path;
  std::string_view method;
  bool is_open;  ///< answered without a token
};
constexpr Route kRoutes[] = {{"/health", "GET", true},       {"/stats", "GET", false}, {"/metrics", "GET", false},
                             {"/openapi.json", "GET", true}, {"/docs", "GET", true},   {"/run", "POST", false},
                             {"/suite", "POST", false}};

/// Takes the same time wherever the texts differ. b is not empty.
bool is_same_secret(std::string_view a, std::string_view b) noexcept {
  unsigned difference = a.size() == b.size() ? 0U : 1U;
  for (std::size_t i = 0; i < a.size(); ++i)
    difference |= static_cast<unsigned>(static_cast<unsigned char>(a[i]) ^ static_cast<unsigned char>(b[i % b.size()]));
  return difference == 0;
}

nlohmann::json number_or_null(double x) { return std::isfinite(x) ? nlohmann::json(x) : nlohmann::json(); }

}  // namespace

Router::Router(const ServerOptions& options)
    : options_(options),
      snapshots_(options),
      runs_(options, metrics_),
      openapi_(make_openapi(!options.token.empty())),
      queue_(options.workers, options.max_queue, options.request_timeout_s, metrics_) {}

std::optional<Answer> Router::refuse(const Request& request) const {
  try {
    const auto* const route =
        std::find_if(std::begin(kRoutes), std::end(kRoutes), [&](const Route& r) { return r.path == request.path; });
    if (route == std::end(kRoutes))
      throw Error(ErrorCode::NOT_FOUND, "expected /run, /suite, /health, /stats, /metrics, /docs or /openapi.json, found \"" +
                                            request.path.substr(0, 80) + "\". Correct the address.");
    const std::string allow = route->method == "GET" ? "GET, HEAD, OPTIONS" : "POST, OPTIONS";
    if (request.method == "OPTIONS") {
      Answer answer;
      answer.status = 204;
      answer.headers.emplace_back("Allow", allow);
      return answer;
    }
    if (request.method != route->method && !(request.method == "HEAD" && route->method == "GET")) {
      Answer answer =
          make_error(Error(ErrorCode::METHOD_NOT_ALLOWED, "expected " + allow + " for " + std::string(route->path) + ", found " +
                                                              request.method.substr(0, 20) + ". Use one of these."),
                     request.id);
      answer.headers.emplace_back("Allow", allow);
      return answer;
    }
    if (!options_.token.empty() && !route->is_open) {
      constexpr std::string_view kBearer = "Bearer ";
      const std::string_view given = request.authorization;
      if (!given.starts_with(kBearer) || !is_same_secret(given.substr(kBearer.size()), options_.token))
        throw Error(ErrorCode::UNAUTHORIZED,
                    "expected the server's token as Authorization: Bearer ..., found none or another. Pass token=...");
    }
    if (is_run(request)) {
      Runs::check_head(request);
      if (!snapshots_.get())
        throw Error(ErrorCode::SERVER_NOT_READY, "expected a loaded snapshot, found that it is still being loaded. Try again.");
    }
    return std::nullopt;
  } catch (const Error& error) {
    return make_error(error, request.id);
  }
}

void Router::add_cors(const Request& request, Answer& answer) const {
  if (request.origin.empty() || options_.cors_origins.empty()) return;
  const auto& allowed = options_.cors_origins;
  if (std::find(allowed.begin(), allowed.end(), request.origin) == allowed.end()) return;
  answer.headers.emplace_back("Access-Control-Allow-Origin", request.origin);
  answer.headers.emplace_back("Vary", "Origin");
  if (request.method != "OPTIONS") return;
  answer.headers.emplace_back("Access-Control-Allow-Methods", "GET, POST, OPTIONS");
  answer.headers.emplace_back("Access-Control-Allow-Headers", "Authorization, Content-Type, Content-Encoding, X-Request-Id");
  answer.headers.emplace_back("Access-Control-Max-Age", "600");
}

Answer Router::answer_now(const Request& request) const {
  if (request.path == "/health") return health();
  if (request.path == "/stats") return stats();
  Answer answer;
  if (request.path == "/metrics") {
    answer.content_type = "text/plain; version=0.0.4; charset=utf-8";
    answer.body = metrics_.to_prometheus();
  } else if (request.path == "/openapi.json") {
    answer.body = openapi_;
  } else {
    answer.content_type = "text/html; charset=utf-8";
    answer.body = docs_page();
  }
  return answer;
}

Answer Router::health() const {
  Answer answer;
  const auto loaded = snapshots_.get();
  const bool is_ready = loaded && !is_draining_;
  answer.status = is_ready ? 200 : 503;
  if (!is_ready) answer.headers.emplace_back("Retry-After", "1");
  answer.body = fmt::format("{{\"status\":\"{}\",\"snapshot\":{},\"is_ready\":{},\"version\":\"{}\"}}",
                            is_ready       ? "ok"
                            : is_draining_ ? "stopping"
                                           : "loading",
                            loaded ? quote(loaded->id) : "null", is_ready, kVersion);
  return answer;
}

Answer Router::stats() const {
  const auto loaded = snapshots_.get();
  const auto latency = metrics_.latency_quantiles();
  const nlohmann::json json{
      {"snapshot", loaded ? nlohmann::json(loaded->id) : nlohmann::json()},
      {"is_ready", loaded != nullptr},
      {"load_time_seconds", loaded ? loaded->load_seconds : 0.0},
      {"run_count", metrics_.run_count()},
      {"master_rows", loaded ? loaded->n_rows : 0},
      {"dates_count", loaded ? loaded->n_dates : 0},
      {"uptime_seconds", metrics_.uptime_seconds()},
      {"memory",
       {{"resident_bytes", resident_bytes()},
        {"body_bytes_in_flight", metrics_.body_bytes.load()},
        {"storage", loaded && loaded->backtester.view().storage == Storage::float64 ? "float64" : "float32"}}},
      {"queue",
       {{"running", metrics_.running.load()},
        {"waiting", metrics_.waiting.load()},
        {"shared", metrics_.shared.load()},
        {"workers", options_.workers},
        {"max_queue", options_.max_queue}}},
      {"latency_seconds",
       {{"p50", number_or_null(latency[0])}, {"p90", number_or_null(latency[1])}, {"p99", number_or_null(latency[2])}}}};
  Answer answer;
  answer.body = json.dump();
  return answer;
}

RunQueue::Ticket Router::submit(Request request, const RunQueue::Key& body_hash, RunQueue::Done done) {
  std::string head = request.path + "\n" + request.content_type + "\n" + request.accept + "\n";
  for (const auto& [name, value] : request.query) head += name + "=" + value + "\n";
  const Hash128 parts[2] = {hash_bytes(head.data(), head.size()), body_hash};
  const auto shared = std::make_shared<Request>(std::move(request));
  const auto work = [this, shared](const Interrupt& interrupt) { return compute(*shared, interrupt); };
  return queue_.submit(hash_bytes(parts, sizeof parts), work, std::move(done));
}

std::shared_ptr<const Answer> Router::compute(Request& request, const Interrupt& interrupt) {
  try {
    if (interrupt()) throw Error(ErrorCode::CANCELLED, "");
    return std::make_shared<const Answer>(runs_.answer(request, *snapshots_.get(), interrupt));
  } catch (const Error& error) {
    if (error.code() == ErrorCode::CANCELLED)
      return std::make_shared<const Answer>(
          make_error(Error(ErrorCode::RUN_TIMEOUT, fmt::format("expected an answer within server.request_timeout_s={:g}, found "
                                                               "that the run had not ended. Try again, or raise it.",
                                                               options_.request_timeout_s)),
                     request.id));
    if (error_info(error.code()).http_status >= 500)
      log_event("error", "run failed", {{"request_id", request.id}, {"message", error.what()}});
    return std::make_shared<const Answer>(make_error(error, request.id));
  } catch (const std::bad_alloc&) {
    log_event("error", "out of memory", {{"request_id", request.id}});
    return std::make_shared<const Answer>(make_error(
        Error(ErrorCode::SERVER_BUSY, "expected memory for the run, found none left. Try again later, or send fewer rows."),
        request.id));
  } catch (const std::exception& error) {
    log_event("error", "run failed", {{"request_id", request.id}, {"message", error.what()}});
    return std::make_shared<const Answer>(make_internal_error(request.id));
  }
}

}  // namespace fractile::server

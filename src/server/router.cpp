// Copyright The fractile authors. Licensed under the Apache License, Version 2.0.
#include "server/router.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "server/log.hpp"
#include "types/hash.hpp"

namespace fractile::server {
namespace {

/// Compares in a time that does not depend on the place of a difference. b must not be empty.
bool is_same_secret(std::string_view a, std::string_view b) noexcept {
  unsigned difference = a.size() == b.size() ? 0U : 1U;
  for (std::size_t i = 0; i < a.size(); ++i)
    difference |= static_cast<unsigned>(static_cast<unsigned char>(a[i]) ^ static_cast<unsigned char>(b[i % b.size()]));
  return difference == 0;
}

std::string list_paths() {
  std::string out;
  for (const Endpoint& endpoint : endpoints()) out += (out.empty() ? "" : ", ") + std::string(endpoint.path);
  return out;
}

}  // namespace

Router::Router(const ServerOptions& options)
    : options_(options),
      snapshots_(options),
      results_(options.result_store_bytes),
      state_{options, metrics_, snapshots_, is_draining_, results_},
      queue_(options.workers, options.max_queue, options.request_timeout_s, metrics_) {}

std::optional<Answer> Router::refuse(const Request& request) const {
  try {
    const Endpoint* const endpoint = find_endpoint(request.path);
    if (!endpoint)
      throw Error(ErrorCode::NOT_FOUND,
                  "expected one of " + list_paths() + ", found \"" + request.path.substr(0, 80) + "\". Correct the address.");
    const std::string allow = endpoint->method == "GET" ? "GET, HEAD, OPTIONS" : "POST, OPTIONS";
    if (request.method == "OPTIONS") {
      Answer answer;
      answer.status = 204;
      answer.headers.emplace_back("Allow", allow);
      return answer;
    }
    if (request.method != endpoint->method && !(request.method == "HEAD" && endpoint->method == "GET")) {
      Answer answer =
          make_error(Error(ErrorCode::METHOD_NOT_ALLOWED, "expected " + allow + " for " + std::string(endpoint->path) +
                                                              ", found " + request.method.substr(0, 20) + ". Use one of these."),
                     request.id);
      answer.headers.emplace_back("Allow", allow);
      return answer;
    }
    if (!options_.token.empty() && !endpoint->is_open) {
      constexpr std::string_view kBearer = "Bearer ";
      const std::string_view given = request.authorization;
      if (!given.starts_with(kBearer) || !is_same_secret(given.substr(kBearer.size()), options_.token))
        throw Error(ErrorCode::UNAUTHORIZED,
                    "expected the server's token as Authorization: Bearer ..., found none or another. Pass token=...");
    }
    if (endpoint->check) endpoint->check(request);
    if (endpoint->is_computed && !snapshots_.get())
      throw Error(ErrorCode::SERVER_NOT_READY, "expected a loaded snapshot, found that it is still being loaded. Try again.");
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

bool Router::is_computed(const Request& request) const noexcept {
  const Endpoint* const endpoint = find_endpoint(request.path);
  return endpoint && endpoint->is_computed;
}

Answer Router::answer_now(Request& request) const { return answer(request, {}); }

RunQueue::Ticket Router::submit(Request request, const RunQueue::Key& body_hash, RunQueue::Done done) {
  // The key covers all parts of a request that decide its answer, so that equal requests share one run.
  std::string head = request.path + "\n" + request.content_type + "\n" + request.accept + "\n";
  for (const auto& [name, value] : request.query) head += name + "=" + value + "\n";
  // A run is the same whenever it is asked for; what a ledger holds is not.
  if (request.method != "POST") head += std::to_string(++n_fresh_) + "\n";
  const Hash128 parts[2] = {hash_bytes(head.data(), head.size()), body_hash};
  const auto shared = std::make_shared<Request>(std::move(request));
  const auto work = [this, shared](const Interrupt& interrupt) { return compute(*shared, interrupt); };
  return queue_.submit(hash_bytes(parts, sizeof parts), work, std::move(done));
}

std::shared_ptr<const Answer> Router::compute(Request& request, const Interrupt& interrupt) const {
  return std::make_shared<const Answer>(answer(request, interrupt));
}

/// Every exception becomes an answer.
Answer Router::answer(Request& request, const Interrupt& interrupt) const {
  try {
    if (interrupt && interrupt()) throw Error(ErrorCode::CANCELLED, "");  // the deadline passed in the queue
    return find_endpoint(request.path)->answer(request, state_, interrupt);
  } catch (const Error& error) {
    // A cancelled run is a timeout here: a client that disconnected never sees the answer.
    if (error.code() == ErrorCode::CANCELLED)
      return make_error(
          Error(ErrorCode::RUN_TIMEOUT, fmt::format("expected an answer within server.request_timeout_s={:g}, found "
                                                    "that the run had not ended. Try again, or raise it.",
                                                    options_.request_timeout_s)),
          request.id);
    if (error_info(error.code()).http_status >= 500)
      log_event("error", "run failed", {{"request_id", request.id}, {"message", error.what()}});
    return make_error(error, request.id);
  } catch (const std::bad_alloc&) {
    log_event("error", "out of memory", {{"request_id", request.id}});
    return make_error(
        Error(ErrorCode::SERVER_BUSY, "expected memory for the run, found none left. Try again later, or send fewer rows."),
        request.id);
  } catch (const std::exception& error) {
    log_event("error", "run failed", {{"request_id", request.id}, {"message", error.what()}});
    return make_internal_error(request.id);
  }
}

}  // namespace fractile::server

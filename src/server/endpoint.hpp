// Copyright The fractile authors. Licensed under the Apache License, Version 2.0.
#pragma once

#include <atomic>
#include <nlohmann/json_fwd.hpp>
#include <string>
#include <string_view>
#include <vector>

#include "server/http_message.hpp"
#include "server/loaded_snapshot.hpp"
#include "server/metrics.hpp"
#include "server/result_store.hpp"
#include "server/server.hpp"

namespace fractile::server {

/// The shared state that endpoints read and count in. Thread-safe.
struct ServerState {
  const ServerOptions& options;
  Metrics& metrics;
  const SnapshotHolder& snapshots;
  const std::atomic<bool>& is_draining;
  ResultStore& results;
};

/// One address of the server. src/server/endpoints/ has a file per endpoint, which endpoints.def lists.
struct Endpoint {
  std::string_view path;  ///< a part {name} stands for any text
  std::string_view method = "GET";
  /// True if the endpoint answers without a token.
  bool is_open = false;
  /// True if the endpoint needs a loaded snapshot and a worker of the queue computes the answer. A POST takes a body.
  bool is_computed = false;
  /// Refuses a request from its head alone, before the body is read. Null: nothing to check.
  void (*check)(const Request& request) = nullptr;
  /// Throws Error.
  Answer (*answer)(Request& request, const ServerState& state, const Interrupt& interrupt);
  /// The OpenAPI operation.
  nlohmann::ordered_json (*describe)(bool asks_token);
};

/// All endpoints, in the order of the OpenAPI description.
const std::vector<Endpoint>& endpoints();
/// Null if no endpoint has the path.
const Endpoint* find_endpoint(std::string_view path) noexcept;
/// The text that the path has for the {name} of its endpoint.
std::string path_variable(std::string_view path);

}  // namespace fractile::server

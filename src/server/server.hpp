// Copyright The fractile authors. Licensed under the Apache License, Version 2.0.
#pragma once

#include <cstddef>
#include <filesystem>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "fractile/backtest.hpp"
#include "fractile/types.hpp"

/// The HTTP server: docs/server.md describes its answers, ARCHITECTURE.md its construction.
namespace fractile::server {

struct ServerOptions {
  std::string host = "127.0.0.1";
  int port = 8000;  ///< 0: any free port; the log has its number
  std::filesystem::path root;
  std::optional<std::string> snapshot;  ///< if empty, the newest, also on reload
  std::optional<Day> start, end;
  bool compact = true;
  int cache_size = kDefaultCacheSize;
  Residence residence = Residence::mapped;
  int workers = 2;  ///< runs computed at once
  int max_queue = 64;
  std::size_t max_body_bytes = std::size_t{512} << 20;
  double request_timeout_s = 120.0;  ///< from the whole request to its answer
  std::string token;                 ///< "": no token is required
  std::string signal_dir;            ///< "": signal_path is refused
  std::vector<std::string> cors_origins;
  std::size_t result_store_bytes = std::size_t{256} << 20;  ///< of results that pages may ask for again
  std::map<std::string, std::string> defaults;              ///< run options as JSON, by name
};

/// Called once with the port, before the first line of the log. From then on connections wait until they are accepted.
using OnListening = std::function<void(int port)>;

/// Serves until SIGTERM or SIGINT, then answers the pending requests and returns. SIGHUP opens the snapshot again.
/// Throws CANNOT_LISTEN, and the errors of opening the snapshot.
void serve(const ServerOptions& options, const OnListening& on_listening = {});

}  // namespace fractile::server

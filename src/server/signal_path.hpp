// Copyright The fractile authors. Licensed under the Apache License, Version 2.0.
#pragma once

#include <string>

#include "fractile/read_signal.hpp"
#include "server/server.hpp"

namespace fractile::server {

/// Reads a signal file below server.signal_dir; no path leads out of that folder. Throws INVALID_SIGNAL_PATH, BODY_TOO_LARGE.
Signal read_signal_path(const std::string& path, const std::string& sigvar, const ReadOptions& reading,
                        const ServerOptions& options);

}  // namespace fractile::server

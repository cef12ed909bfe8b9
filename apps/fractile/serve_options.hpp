// Copyright The fractile authors. Licensed under the Apache License, Version 2.0.
#pragma once

#include <map>
#include <optional>
#include <string>

#include "config/config_file.hpp"
#include "server/server.hpp"

namespace fractile::cli {

/// The typed arguments; the configuration file supplies the others.
struct ServeArguments {
  std::optional<std::string> config, root, snapshot, start_date, end_date;
  std::optional<bool> compact;
  std::map<std::string, std::string> server;  ///< keys of the section "server" as JSON
};

/// Throws INVALID_VALUE if a key has a wrong value, and the errors of parse_config() about wrong defaults.
server::ServerOptions make_serve_options(const ServeArguments& given, const ConfigFile& file);

}  // namespace fractile::cli

// Copyright The fractile authors. Licensed under the Apache License, Version 2.0.
#pragma once

#include <map>
#include <optional>
#include <string>

#include "config/config_file.hpp"
#include "server/server.hpp"

namespace fractile::cli {

/// What was typed; the configuration file fills in the rest.
struct ServeArguments {
  std::optional<std::string> config, root, snapshot, start_date, end_date;
  std::optional<bool> compact;
  std::map<std::string, std::string> server;  ///< keys of the section "server" as JSON
};

/// Throws INVALID_VALUE where a key is not what it has to be, and what parse_config() throws of wrong defaults.
server::ServerOptions make_serve_options(const ServeArguments& given, const ConfigFile& file);

}  // namespace fractile::cli

// Copyright The fractile authors. Licensed under the Apache License, Version 2.0.
#pragma once

#include <string>

namespace fractile::server {

/// The answer of GET /health at "http://host:port", requested with a timeout of a few seconds: status and body, or
/// status 0 and the reason for the missing answer. Throws INVALID_VALUE on another form of address.
struct Health {
  int status = 0;
  std::string text;
};
Health ask_health(const std::string& url);

}  // namespace fractile::server

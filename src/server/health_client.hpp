// Copyright The fractile authors. Licensed under the Apache License, Version 2.0.
#pragma once

#include <string>

namespace fractile::server {

/// Asks GET /health of "http://host:port" within a few seconds. Returns its status and body, or status 0 and why
/// there was no answer. Throws INVALID_VALUE on another form of address.
struct Health {
  int status = 0;
  std::string text;
};
Health ask_health(const std::string& url);

}  // namespace fractile::server

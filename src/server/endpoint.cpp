// Copyright The fractile authors. Licensed under the Apache License, Version 2.0.
#include "server/endpoint.hpp"

namespace fractile::server {

#define FRACTILE_ENDPOINT(name) Endpoint name##_endpoint();
#include "server/endpoints/endpoints.def"
#undef FRACTILE_ENDPOINT

const std::vector<Endpoint>& endpoints() {
  static const std::vector<Endpoint> all{
#define FRACTILE_ENDPOINT(name) name##_endpoint(),
#include "server/endpoints/endpoints.def"
#undef FRACTILE_ENDPOINT
  };
  return all;
}

const Endpoint* find_endpoint(std::string_view path) noexcept {
  for (const Endpoint& endpoint : endpoints())
    if (endpoint.path == path) return &endpoint;
  return nullptr;
}

}  // namespace fractile::server

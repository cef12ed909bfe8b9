// Copyright The fractile authors. Licensed under the Apache License, Version 2.0.
#include "server/endpoint.hpp"

#include <algorithm>
#include <string>

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

namespace {

/// The part of a path up to its next slash; `path` becomes what follows it.
std::string_view take_part(std::string_view& path) noexcept {
  const std::size_t slash = std::min(path.find('/'), path.size());
  const std::string_view part = path.substr(0, slash);
  path.remove_prefix(std::min(slash + 1, path.size()));
  return part;
}

bool is_variable(std::string_view part) noexcept { return part.starts_with('{'); }

/// True if the path is the endpoint's, where {name} stands for one part of any text.
bool matches(std::string_view declared, std::string_view path) noexcept {
  if (std::count(declared.begin(), declared.end(), '/') != std::count(path.begin(), path.end(), '/')) return false;
  while (!declared.empty()) {
    const std::string_view expected = take_part(declared), found = take_part(path);
    if (is_variable(expected) ? found.empty() : expected != found) return false;
  }
  return path.empty();
}

}  // namespace

const Endpoint* find_endpoint(std::string_view path) noexcept {
  for (const Endpoint& endpoint : endpoints())
    if (matches(endpoint.path, path)) return &endpoint;
  return nullptr;
}

std::string path_variable(std::string_view path) {
  const Endpoint* const endpoint = find_endpoint(path);
  std::string_view declared = endpoint ? endpoint->path : std::string_view();
  while (!declared.empty()) {
    const std::string_view expected = take_part(declared), found = take_part(path);
    if (is_variable(expected)) return std::string(found);
  }
  return "";
}

}  // namespace fractile::server

// Copyright The fractile authors. Licensed under the Apache License, Version 2.0.
#pragma once

#include <string>
#include <string_view>

namespace fractile::server {

/// The OpenAPI 3.1 description of the server, made of the tables of options and errors that requests are
/// checked with.
std::string make_openapi(bool asks_token);

/// A page that shows /openapi.json; needs nothing from elsewhere.
std::string_view docs_page() noexcept;

}  // namespace fractile::server

// Copyright The fractile authors. Licensed under the Apache License, Version 2.0.
#pragma once

#include <string_view>

#include "server/http_message.hpp"

namespace fractile::server {

/// A file that the program carries, compressed once: gzip if the client takes it, 304 if the client has it. The policy of the
/// page allows the server's own files alone.
class WebFile {
 public:
  WebFile(std::string_view content, std::string_view type);
  Answer answer(const Request& request) const;

 private:
  std::string_view content_;
  std::string type_, compressed_, tag_;
};

}  // namespace fractile::server

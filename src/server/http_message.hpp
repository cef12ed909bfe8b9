// Copyright The fractile authors. Licensed under the Apache License, Version 2.0.
#pragma once

#include <map>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "fractile/error.hpp"
#include "types/byte_buffer.hpp"

namespace fractile::server {

/// One HTTP request, reduced to the parts that routes read.
struct Request {
  std::string id;  ///< X-Request-Id of the client, or made by the server
  std::string method;
  std::string path;                          ///< decoded, without the query
  std::map<std::string, std::string> query;  ///< decoded
  std::string content_type;                  ///< lower case, without parameters
  std::string accept, accept_encoding, if_none_match;
  std::string authorization;
  std::string origin;
  ByteBuffer body;  ///< decoded
};

struct Answer {
  int status = 200;
  std::string content_type = "application/json";
  std::string body;
  std::vector<std::pair<std::string, std::string>> headers;
  std::string run_id;  ///< for the log
};

/// Splits "/run?config=%7B%7D" into path and query. Throws BAD_REQUEST on wrong percent encoding, a NUL, a
/// parameter that is given twice.
void parse_target(std::string_view target, Request& out);

/// Makes the error body that docs/server.md describes. For internal errors (500) it contains only the request's id.
Answer make_error(const Error& error, const std::string& request_id);
Answer make_internal_error(const std::string& request_id);
/// Returns the text as a JSON string with quotes; replaces bytes that are not UTF-8.
std::string quote(std::string_view text);

}  // namespace fractile::server

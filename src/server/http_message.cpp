// Copyright The fractile authors. Licensed under the Apache License, Version 2.0.
#include "server/http_message.hpp"

#include <nlohmann/json.hpp>

namespace fractile::server {
namespace {

int hex_digit(char c) noexcept {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

std::string decode_percent(std::string_view text, bool plus_is_space) {
  std::string out;
  out.reserve(text.size());
  for (std::size_t i = 0; i < text.size(); ++i) {
    char c = text[i];
    if (c == '%') {
      const int high = i + 2 < text.size() ? hex_digit(text[i + 1]) : -1, low = i + 2 < text.size() ? hex_digit(text[i + 2]) : -1;
      if (high < 0 || low < 0)
        throw Error(ErrorCode::BAD_REQUEST,
                    "expected two hexadecimal digits after % in the address, found none. Encode % as %25.");
      c = static_cast<char>(high * 16 + low);
      i += 2;
    } else if (c == '+' && plus_is_space) {
      c = ' ';
    }
    if (c == '\0') throw Error(ErrorCode::BAD_REQUEST, "expected text in the address, found a zero byte. Leave it out.");
    out += c;
  }
  return out;
}

}  // namespace

void parse_target(std::string_view target, Request& out) {
  const std::size_t question = target.find('?');
  out.path = decode_percent(target.substr(0, question), false);
  if (question == std::string_view::npos) return;
  std::string_view rest = target.substr(question + 1);
  while (!rest.empty()) {
    const std::size_t end = std::min(rest.find('&'), rest.size());
    const std::string_view pair = rest.substr(0, end);
    rest.remove_prefix(std::min(end + 1, rest.size()));
    if (pair.empty()) continue;
    const std::size_t equals = std::min(pair.find('='), pair.size());
    const std::string name = decode_percent(pair.substr(0, equals), true);
    const std::string value = equals < pair.size() ? decode_percent(pair.substr(equals + 1), true) : "";
    if (!out.query.emplace(name, value).second)
      throw Error(ErrorCode::BAD_REQUEST,
                  "expected each parameter once, found \"" + name.substr(0, 40) + "\" twice. Give it once.");
  }
}

std::string quote(std::string_view text) {
  return nlohmann::json(text).dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
}

Answer make_internal_error(const std::string& request_id) {
  Answer answer;
  answer.status = 500;
  const std::string message = quote("INTERNAL: the server failed; its log has more under request " + request_id + ".");
  answer.body = "{\"error\":{\"code\":\"INTERNAL\",\"message\":" + message + ",\"detail\":null},\"detail\":" + message + "}";
  return answer;
}

Answer make_error(const Error& error, const std::string& request_id) {
  const ErrorInfo info = error_info(error.code());
  // The messages of these codes contain no path: files of the snapshot changed during a run, or its trial cannot be written.
  const bool is_told = info.category == ErrorCategory::server || error.code() == ErrorCode::CORRUPT_SNAPSHOT ||
                       error.code() == ErrorCode::LEDGER_NOT_WRITABLE || error.code() == ErrorCode::LEDGER_UNREADABLE;
  if (info.http_status >= 500 && !is_told) {
    Answer answer = make_internal_error(request_id);
    answer.status = info.http_status == 501 ? 500 : info.http_status;
    return answer;
  }
  Answer answer;
  answer.status = info.http_status;
  const std::string message = quote(error.what());
  answer.body = "{\"error\":{\"code\":" + quote(info.name) + ",\"message\":" + message +
                ",\"detail\":" + quote("docs/errors.md#" + std::string(info.name)) + "},\"detail\":" + message + "}";
  if (info.http_status == 503) answer.headers.emplace_back("Retry-After", "1");
  if (info.http_status == 401) answer.headers.emplace_back("WWW-Authenticate", "Bearer realm=\"fractile\"");
  return answer;
}

}  // namespace fractile::server

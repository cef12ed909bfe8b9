// Copyright The fractile authors. Licensed under the Apache License, Version 2.0.
#include "types/json_text.hpp"

#include <fmt/format.h>

#include <iterator>

namespace fractile {

void append_json_text(std::string& out, std::string_view text) {
  out += '"';
  for (const char c : text) {
    const auto code = static_cast<unsigned char>(c);
    if (c == '"' || c == '\\') {
      out += '\\';
      out += c;
    } else if (code < 0x20) {
      fmt::format_to(std::back_inserter(out), "\\u{:04x}", code);
    } else {
      out += c;
    }
  }
  out += '"';
}

}  // namespace fractile

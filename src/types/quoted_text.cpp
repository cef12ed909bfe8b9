// Copyright The fractile authors. Licensed under the Apache License, Version 2.0.
#include "types/quoted_text.hpp"

#include <algorithm>

namespace fractile {
namespace {

/// `text` with other bytes than printable UTF-8 as "?", cut to a number of bytes.
std::string printable(std::string_view text, std::size_t most) {
  std::string out;
  while (!text.empty()) {
    const std::size_t n = utf8_length(text);
    const auto first = static_cast<unsigned char>(text[0]);
    const bool is_shown = n > 1 || (n == 1 && first >= 32 && first != 127);
    if (out.size() + std::max<std::size_t>(n, 1) > most) return out + "...";
    out += is_shown ? text.substr(0, n) : std::string_view("?");
    text.remove_prefix(std::max<std::size_t>(n, 1));
  }
  return out;
}

}  // namespace

std::size_t utf8_length(std::string_view text) noexcept {
  if (text.empty()) return 0;
  const auto byte = [&](std::size_t i) { return static_cast<unsigned char>(text[i]); };
  const unsigned char first = byte(0);
  const std::size_t n = first < 0x80 ? 1 : first < 0xc2 ? 0 : first < 0xe0 ? 2 : first < 0xf0 ? 3 : first < 0xf5 ? 4 : 0;
  if (n == 0 || text.size() < n) return 0;
  for (std::size_t i = 1; i < n; ++i)
    if ((byte(i) & 0xc0) != 0x80) return 0;
  // Overlong forms, surrogates and what lies beyond Unicode.
  if ((first == 0xe0 && byte(1) < 0xa0) || (first == 0xed && byte(1) > 0x9f) || (first == 0xf0 && byte(1) < 0x90) ||
      (first == 0xf4 && byte(1) > 0x8f))
    return 0;
  return n;
}

std::string show_text(std::string_view text) {
  constexpr std::size_t kMost = 40;
  return '"' + printable(text, kMost) + '"';
}

std::string quote_for_shell(std::string_view text) {
  const auto is_plain = [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
           std::string_view("=_-./:,+%").find(c) != std::string_view::npos;
  };
  if (!text.empty() && std::all_of(text.begin(), text.end(), is_plain)) return std::string(text);
  std::string out = "'";
  constexpr std::size_t kMost = 200;
  for (const char c : printable(text, kMost)) out += c == '\'' ? std::string("'\\''") : std::string(1, c);
  return out + "'";
}

std::string escape_commas(std::string_view entry) {
  std::string out;
  for (const char c : entry) {
    if (c == ',') out += '\\';
    out += c;
  }
  return out;
}

}  // namespace fractile

// Copyright The fractile authors. Licensed under the Apache License, Version 2.0.
#include "types/id_text.hpp"

#include <charconv>
namespace fractile {

std::string_view trim_id(std::string_view text) noexcept {
  while (!text.empty() && text.front() == ' ') text.remove_prefix(1);
  while (!text.empty() && text.back() == ' ') text.remove_suffix(1);
  return text;
}

bool parse_whole_id(std::string_view text, std::int64_t& out) noexcept {
  if (const auto point = text.find('.'); point != std::string_view::npos) {
    const std::string_view fraction = text.substr(point + 1);
    if (fraction.empty() || fraction.find_first_not_of('0') != std::string_view::npos) return false;
    text = text.substr(0, point);
  }
  const std::string_view digits = text.starts_with('-') ? text.substr(1) : text;
  if (digits.empty() || (digits[0] == '0' && text != "0")) return false;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), out);
  return error == std::errc() && end == text.data() + text.size();
}

bool is_utf8(std::string_view text) noexcept {
  const auto at = [&](std::size_t i) { return static_cast<unsigned char>(text[i]); };
  for (std::size_t i = 0; i < text.size();) {
    const unsigned first = at(i);
    if (first < 0x80) {
      ++i;
      continue;
    }
    const std::size_t n = first >= 0xf0 ? 4 : first >= 0xe0 ? 3 : 2;
    if (first < 0xc2 || first > 0xf4 || i + n > text.size()) return false;
    const unsigned second = at(i + 1);
    const unsigned low = first == 0xe0 ? 0xa0 : first == 0xf0 ? 0x90 : 0x80;
    const unsigned high = first == 0xed ? 0x9f : first == 0xf4 ? 0x8f : 0xbf;
    if (second < low || second > high) return false;
    for (std::size_t k = 2; k < n; ++k)
      if ((at(i + k) & 0xc0) != 0x80) return false;
    i += n;
  }
  return true;
}

std::string quote_id(const SecurityId& id) {
  if (std::holds_alternative<std::int64_t>(id)) return format_id(id);
  std::string out = "\"";
  for (const char c : std::get<std::string>(id))
    if (static_cast<unsigned char>(c) >= 0x20 && c != 0x7f) out += c;
  return out + "\"";
}

std::string format_id(const SecurityId& id) {
  const auto* number = std::get_if<std::int64_t>(&id);
  return number ? std::to_string(*number) : std::get<std::string>(id);
}

}  // namespace fractile

// Copyright The fractile authors. Licensed under the Apache License, Version 2.0.
#include "tearsheet/tear_sheet.hpp"

#include <fmt/format.h>

#include "tearsheet/web_files.hpp"

namespace fractile {
namespace {

/// True for bytes that begin a character which changes the direction of writing or is not seen: U+061C, U+200B to U+200F,
/// U+2028 to U+202E, U+2060 to U+2069, U+FEFF.
bool is_hidden_mark(std::string_view at) noexcept {
  const auto byte = [&](std::size_t i) { return i < at.size() ? static_cast<unsigned char>(at[i]) : 0U; };
  if (byte(0) == 0xD8U) return byte(1) == 0x9CU;
  if (byte(0) == 0xEFU) return byte(1) == 0xBBU && byte(2) == 0xBFU;
  if (byte(0) != 0xE2U) return false;
  const unsigned last = byte(2);
  if (byte(1) == 0x80U) return (last >= 0x8BU && last <= 0x8FU) || (last >= 0xA8U && last <= 0xAEU);
  return byte(1) == 0x81U && last >= 0xA0U && last <= 0xA9U;
}

/// Text between two tags. Marks that a reader does not see become U+FFFD.
std::string to_markup(std::string_view text) {
  std::string out;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const char c = text[i];
    if (is_hidden_mark(text.substr(i))) {
      out += "\xEF\xBF\xBD";
      i += c == '\xD8' ? 1 : 2;
    } else if (c == '&') {
      out += "&amp;";
    } else if (c == '<') {
      out += "&lt;";
    } else if (c == '>') {
      out += "&gt;";
    } else {
      out += static_cast<unsigned char>(c) < 0x20 ? ' ' : c;
    }
  }
  return out;
}

}  // namespace

std::string tear_sheet(std::span<const SheetEntry> entries, const std::string& title) {
  constexpr std::string_view kTitle = "%TITLE%", kData = "%DATA%";
  const std::string_view page = report_page();
  // The title is in the head and the data before the script, so the first of each is the mark.
  const std::size_t at_title = page.find(kTitle), at_data = page.find(kData, at_title);
  const std::string data = sheet_data(entries, title);
  std::string out;
  out.reserve(page.size() + data.size() + title.size());
  out += page.substr(0, at_title);
  out += to_markup(title);
  out += page.substr(at_title + kTitle.size(), at_data - at_title - kTitle.size());
  out += data;
  out += page.substr(at_data + kData.size());
  return out;
}

}  // namespace fractile

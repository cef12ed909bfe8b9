// Copyright The fractile authors. Licensed under the Apache License, Version 2.0.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "fractile/types.hpp"

/// The rule that turns a text into a security id. All surfaces use it.
namespace fractile {

/// The text without ASCII spaces at both ends; empty is a missing id.
std::string_view trim_id(std::string_view text) noexcept;

/// Reads a trimmed text that is a whole number of 64 bits in its usual notation: "10001", "-5", "10001.0". Returns false
/// otherwise: a leading zero ("000001"), a plus sign, an exponent ("594918E1") or a larger number make it a text.
bool parse_whole_id(std::string_view text, std::int64_t& out) noexcept;

/// Formats an id for a message: digits, or the text in quotes without its control characters.
std::string quote_id(const SecurityId& id);

/// Maximum length of a text id in bytes; longer texts are descriptions, not ids.
inline constexpr std::size_t kMaxIdBytes = 255;

/// True if the bytes are UTF-8: no overlong form, no surrogate, nothing beyond U+10FFFF.
bool is_utf8(std::string_view text) noexcept;

}  // namespace fractile

// Copyright The fractile authors. Licensed under the Apache License, Version 2.0.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "fractile/types.hpp"

/// The one rule of how a text becomes a security id.
namespace fractile {

/// The text without ASCII spaces at both ends; empty is a missing id.
std::string_view trim_id(std::string_view text) noexcept;

/// Reads a trimmed text that is the usual writing of a whole number of 64 bits: "10001", "-5", "10001.0". False for anything
/// else: a zero in front ("000001"), a plus sign, an exponent ("594918E1") or a larger number make it a text.
bool parse_whole_id(std::string_view text, std::int64_t& out) noexcept;

/// An id in a message: digits, or the text in quotes, control characters left out.
std::string quote_id(const SecurityId& id);

/// Longest text that is an id, in bytes: longer ones are descriptions.
inline constexpr std::size_t kMaxIdBytes = 255;

/// True if the bytes are UTF-8: no overlong form, no surrogate, nothing beyond U+10FFFF.
bool is_utf8(std::string_view text) noexcept;

}  // namespace fractile

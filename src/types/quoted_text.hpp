// Copyright The fractile authors. Licensed under the Apache License, Version 2.0.
#pragma once

#include <string>
#include <string_view>

/// Texts of foreign data in messages.
namespace fractile {

/// In double quotes, cut to 40 characters; bytes that are not UTF-8 or move a terminal's cursor are shown as "?".
std::string show_text(std::string_view text);
/// As one word of a shell: 'ret=(0.01)'.
std::string quote_for_shell(std::string_view text);
/// One entry of a list that the command line takes: each comma follows a backslash.
std::string escape_commas(std::string_view entry);
/// The bytes of the UTF-8 character at the front; 0 where there is none.
std::size_t utf8_length(std::string_view text) noexcept;

}  // namespace fractile

// Copyright The fractile authors. Licensed under the Apache License, Version 2.0.
#pragma once

#include <string>
#include <string_view>

namespace fractile {

/// Appends text as a JSON string, quotes included. Bytes from 0x80 on are copied: the text is UTF-8.
void append_json_text(std::string& out, std::string_view text);

}  // namespace fractile

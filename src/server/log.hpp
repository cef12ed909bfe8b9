// Copyright The fractile authors. Licensed under the Apache License, Version 2.0.
#pragma once

#include <concepts>
#include <initializer_list>
#include <string>
#include <string_view>

namespace fractile::server {

/// A field of a log line: a name, and its value as JSON text.
struct LogField {
  LogField(std::string_view field, std::string_view text);
  LogField(std::string_view field, std::integral auto number) : name(field), json(std::to_string(number)) {}
  LogField(std::string_view field, double number);
  std::string_view name;
  std::string json;
};

/// Writes one JSON object as a line on stderr: time, level, event, then the fields. Lines of threads never mix.
void log_event(std::string_view level, std::string_view event, std::initializer_list<LogField> fields = {});

}  // namespace fractile::server

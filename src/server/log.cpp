// Copyright The fractile authors. Licensed under the Apache License, Version 2.0.
#include "server/log.hpp"

#include <fmt/chrono.h>
#include <fmt/format.h>
#include <unistd.h>

#include <chrono>

#include "server/http_message.hpp"

namespace fractile::server {

LogField::LogField(std::string_view field, std::string_view text) : name(field), json(quote(text)) {}
LogField::LogField(std::string_view field, double number) : name(field), json(fmt::format("{:.6f}", number)) {}

void log_event(std::string_view level, std::string_view event, std::initializer_list<LogField> fields) {
  const auto now = std::chrono::system_clock::now();
  const auto millis = std::chrono::duration_cast<std::chrono::milliseconds>(now.time_since_epoch()).count() % 1000;
  std::string line = fmt::format("{{\"time\":\"{:%Y-%m-%dT%H:%M:%S}.{:03}Z\",\"level\":\"{}\",\"event\":\"{}\"",
                                 fmt::gmtime(std::chrono::system_clock::to_time_t(now)), millis, level, event);
  for (const LogField& field : fields) line += fmt::format(",\"{}\":{}", field.name, field.json);
  line += "}\n";
  // One write() per line, because the kernel does not interleave short writes. A failed write must not end the server.
  [[maybe_unused]] const ssize_t written = ::write(STDERR_FILENO, line.data(), line.size());
}

}  // namespace fractile::server

// Copyright The fractile authors. Licensed under the Apache License, Version 2.0.
#include "server/log.hpp"

#include <fmt/chrono.h>
#include <fmt/format.h>
#include <unistd.h>

#include <chrono>

#include "server/http_message.hpp"

namespace fractile::server {

void log_event(std::string_view level, std::string_view event,
               std::initializer_list<std::pair<std::string_view, std::string>> fields) {
  const auto now = std::chrono::system_clock::now();
  const auto millis = std::chrono::duration_cast<std::chrono::milliseconds>(now.time_since_epoch()).count() % 1000;
  std::string line = fmt::format("{{\"time\":\"{:%Y-%m-%dT%H:%M:%S}.{:03}Z\",\"level\":\"{}\",\"event\":\"{}\"",
                                 fmt::gmtime(std::chrono::system_clock::to_time_t(now)), millis, level, event);
  for (const auto& [name, value] : fields) line += fmt::format(",\"{}\":{}", name, quote(value));
  line += "}\n";
  // One write a line: the kernel does not interleave short ones. A log that cannot be written must not end a server.
  [[maybe_unused]] const ssize_t written = ::write(STDERR_FILENO, line.data(), line.size());
}

}  // namespace fractile::server

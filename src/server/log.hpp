// Copyright The fractile authors. Licensed under the Apache License, Version 2.0.
#pragma once

#include <initializer_list>
#include <string>
#include <string_view>
#include <utility>

namespace fractile::server {

/// One JSON object a line on stderr: time, level, event, then the fields (as text). Lines of threads never mix.
void log_event(std::string_view level, std::string_view event,
               std::initializer_list<std::pair<std::string_view, std::string>> fields = {});

}  // namespace fractile::server

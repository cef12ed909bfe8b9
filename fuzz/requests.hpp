// Copyright The fractile authors. Licensed under the Apache License, Version 2.0.
#pragma once

#include <nlohmann/json.hpp>
#include <optional>

#include "server/http_message.hpp"

namespace fractile::fuzz {

/// Answers POST /run or /suite as a server's worker does, on market 0. Ends the process where the answer is no JSON, or where a
/// request is called the server's fault. Nothing where the request was refused.
std::optional<nlohmann::json> answer_request(server::Request request);

}  // namespace fractile::fuzz

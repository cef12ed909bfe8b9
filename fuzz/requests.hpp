// Copyright The fractile authors. Licensed under the Apache License, Version 2.0.
#pragma once

#include <nlohmann/json.hpp>
#include <optional>

#include "server/http_message.hpp"

namespace fractile::fuzz {

/// Answers POST /run or /suite as a server's worker does, on market 0. Returns nullopt if the request was refused. Ends the
/// process if the answer is not JSON, or if the refusal has the status of a server's fault.
std::optional<nlohmann::json> answer_request(server::Request request);

}  // namespace fractile::fuzz

// Copyright The fractile authors. Licensed under the Apache License, Version 2.0.
#pragma once

#include <nlohmann/json.hpp>
#include <set>
#include <string>

/// The OpenAPI 3.1 description: what endpoints say of themselves, over the declarations of options, tables and errors.
namespace fractile::server {

using Json = nlohmann::ordered_json;

/// The whole description. `asks_token`: the server was started with a token.
std::string make_openapi(bool asks_token);

// Parts of which endpoints make their descriptions.
Json nullable(const char* type);
/// Config, Signal, Result or Error.
Json reference(const char* name);
Json json_answer(const Json& schema, const char* description);
Json text_answer(const char* type, const char* description);
/// 401 if the server asks for a token.
std::set<int> token_statuses(bool asks_token);
/// A GET; `statuses`: those of errors beside the usual ones.
Json describe_get(const char* id, const char* summary, const Json& good, std::set<int> statuses);
/// A POST with a signal. `schema`: of the JSON answer. `more`: schemas by name of keys beside signal and config.
Json describe_signal_post(const char* id, const char* summary, const Json& schema, const Json& more, bool asks_token);

}  // namespace fractile::server

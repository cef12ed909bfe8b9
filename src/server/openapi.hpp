// Copyright The fractile authors. Licensed under the Apache License, Version 2.0.
#pragma once

#include <nlohmann/json.hpp>
#include <set>
#include <string>

/// The OpenAPI 3.1 description, made from the descriptions of endpoints and the declarations of options, tables and errors.
namespace fractile::server {

using Json = nlohmann::ordered_json;

/// The whole description. `asks_token`: the server was started with a token.
std::string make_openapi(bool asks_token);

// Parts for the descriptions of endpoints.
Json nullable(const char* type);
/// A number in an answer: NaN and infinite ones are null.
Json number_or_null(double x);
/// Config, Signal, Result or Error.
Json reference(const char* name);
Json json_answer(const Json& schema, const char* description);
Json text_answer(const char* type, const char* description);
/// {401} if the server requires a token, else empty.
std::set<int> token_statuses(bool asks_token);
/// Describes a GET; `statuses`: the statuses of errors beside the usual ones.
Json describe_get(const char* id, const char* summary, const Json& good, std::set<int> statuses);
/// Describes a POST with a JSON body of this schema.
Json describe_json_post(const char* id, const char* summary, const Json& body, const Json& good, const std::set<int>& statuses);
/// Describes a POST with a signal. `schema`: of the JSON answer. `more`: schemas of keys beside signal and config, by name.
Json describe_signal_post(const char* id, const char* summary, const Json& schema, const Json& more, bool asks_token);

}  // namespace fractile::server

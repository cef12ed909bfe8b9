// Copyright The fractile authors. Licensed under the Apache License, Version 2.0.
#pragma once

#include <string>
#include <string_view>

#include "output/attribution.hpp"
#include "server/run_request.hpp"

/// Parts of the endpoints that explain a book.
namespace fractile::server {

/// The key `series`: the returns to explain; "ret" without it. Throws INVALID_VALUE.
std::string read_series(const RunRequest& run);
/// The key `lags`; -1 if it is null or absent. Throws INVALID_VALUE.
std::int64_t read_newey_west_lags(const RunRequest& run);
/// Runs a signal of the request with its options; its study counts the run.
Result run_one(const RunRequest& run, const LoadedSnapshot& loaded, const ServerState& state, const Interrupt& interrupt);
/// The request of another signal with the same options.
RunRequest request_of(const RunRequest& run, Signal signal);

/// Schema of `series`.
nlohmann::ordered_json series_schema();
/// A schema of an object with these properties, of which all are present.
nlohmann::ordered_json object_schema(const nlohmann::ordered_json& properties);
/// A schema of a table with these columns, as records or by column.
nlohmann::ordered_json rows_schema(const nlohmann::ordered_json& columns);

}  // namespace fractile::server

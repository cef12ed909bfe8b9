// Copyright The fractile authors. Licensed under the Apache License, Version 2.0.
#pragma once

#include <string>
#include <string_view>

#include "server/endpoint.hpp"
#include "server/http_message.hpp"
#include "server/result_store.hpp"

/// The forms of a result that a page shows.
namespace fractile::server {

/// The data that web/src/data.ts reads: what the tear sheet embeds.
inline constexpr std::string_view kSheetJson = "application/vnd.fractile.sheet+json";
inline constexpr std::string_view kHtml = "text/html";

bool accepts(const Request& request, std::string_view type) noexcept;
/// True if the request asks for the tear sheet or for its data.
bool wants_sheet(const Request& request) noexcept;
/// The tear sheet, or its data if the request asks for that.
void write_sheet(const Request& request, const StoredResult& stored, const ServerState& state, Answer& answer);

}  // namespace fractile::server

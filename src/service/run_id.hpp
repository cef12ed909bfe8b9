// Copyright The fractile authors. Licensed under the Apache License, Version 2.0.
#pragma once

#include <string>

#include "engine/panel/panel_view.hpp"
#include "fractile/config.hpp"
#include "types/hash.hpp"

namespace fractile {

/// The identifier of a run: 32 hexadecimal digits, a hash of the snapshot's content, the loaded
/// dates, the periodicity, the storage, the canonical options, the rows and the engine's version.
std::string compute_run_id(const View& view, const RunConfig& config, const Hash128& rows_hash);

}  // namespace fractile

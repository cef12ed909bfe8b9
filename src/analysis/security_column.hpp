// Copyright The fractile authors. Licensed under the Apache License, Version 2.0.
#pragma once

#include <span>

#include "engine/panel/panel_view.hpp"
#include "fractile/result.hpp"

namespace fractile {

/// The column `security_id` of a result table: numbers or texts, as the snapshot's identifiers are.
Column make_security_column(const Snapshot& snapshot, std::span<const SecurityIndex> securities);

}  // namespace fractile

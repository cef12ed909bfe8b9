// Copyright The fractile authors. Licensed under the Apache License, Version 2.0.
#pragma once

#include <cstddef>
#include <string>

#include "fractile/result.hpp"

namespace fractile {

/// How a column of a long table is packed. `floats`: 4 bytes per value. `steps`: 2 bytes, 65,535 levels between the smallest and
/// the largest value, finer than any screen.
enum class Packing : std::uint8_t { floats, steps };

/// Appends {"name":...,"kind":...} with the values of rows 0, every, 2·every, ...: as JSON values in a short table, else
/// packed as base64.
void append_column(std::string& out, const Column& column, Packing packing, std::size_t every = 1);

}  // namespace fractile

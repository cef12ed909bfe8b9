// Copyright The fractile authors. Licensed under the Apache License, Version 2.0.
#pragma once

#include <cstddef>
#include <span>

#include "types/hash.hpp"

namespace fractile {

/// The hash of several arrays and of their sizes, by all threads: large arrays are read for this hash alone. Changes with the
/// order of the arrays, not with the number of threads.
Hash128 hash_arrays(std::span<const std::span<const std::byte>> arrays);

}  // namespace fractile

// Copyright The fractile authors. Licensed under the Apache License, Version 2.0.
#pragma once

#include <cstdint>

/// The blocks of rows in which a signal's columns are hashed, aligned and counted, one task each.
namespace fractile {

/// A block's ids, dates and values stay in the second-level cache while a task reads them several times.
inline constexpr std::int64_t kBlockRows = 16384;
inline int count_blocks(std::int64_t n_rows) noexcept { return static_cast<int>((n_rows + kBlockRows - 1) / kBlockRows); }

}  // namespace fractile

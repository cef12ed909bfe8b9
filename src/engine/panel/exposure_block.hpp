// Copyright The fractile authors. Licensed under the Apache License, Version 2.0.
#pragma once

#include <cstddef>

#include "fractile/snapshot.hpp"
#include "fractile/types.hpp"

namespace fractile {

/// A view of all factor exposures: those of a row are adjacent, rows are kExposureStride apart; NaN if one is missing. Empty if
/// the snapshot has none.
struct ExposureBlock {
  const void* data = nullptr;
  bool wide = false;  ///< doubles, else floats
  explicit operator bool() const noexcept { return data != nullptr; }
  double read(RowIndex row, int k) const noexcept {
    const std::size_t at = static_cast<std::size_t>(row) * kExposureStride + static_cast<std::size_t>(k);
    return wide ? static_cast<const double*>(data)[at] : static_cast<double>(static_cast<const float*>(data)[at]);
  }
};

/// Rows ahead that a loop over names prefetches: names are some cache lines apart, too irregularly for the hardware prefetcher.
inline constexpr std::size_t kRowsAhead = 48;

/// The exposures of n names.
struct FactorRows {
  ExposureBlock block;
  const RowIndex* rows = nullptr;
  std::size_t n = 0;
  double read(std::size_t i, int k) const noexcept { return block.read(rows[i], k); }
};

}  // namespace fractile

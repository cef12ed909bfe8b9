// Copyright The fractile authors. Licensed under the Apache License, Version 2.0.
#pragma once

#include <cstdint>

#include "fractile/config.hpp"

/// The weight schemes: the values of the option `weight`, methodology section 6.
namespace fractile {

/// The source of a name's size: the panel (a column, or 1 without one), or the Sorter, which knows ranks and signals.
enum class SizeSource : std::uint8_t { panel, rank, signal };

/// A weight scheme. Weights within a side are in proportion to the sizes of names; Weigher clips, caps and scales them.
struct WeightScheme {
  Weight weight = Weight::equal;
  const char* option = "";       ///< the option as messages show it
  const char* column = nullptr;  ///< the panel column that gives the size of a name; null if no column does
  SizeSource size = SizeSource::panel;
  bool is_clipped = false;  ///< true if sizes are clipped at upper_pct
};

/// The declaration of a scheme.
const WeightScheme& find_weight_scheme(Weight weight) noexcept;

}  // namespace fractile

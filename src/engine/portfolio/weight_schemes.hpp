// Copyright The fractile authors. Licensed under the Apache License, Version 2.0.
#pragma once

#include "fractile/config.hpp"

/// The weight schemes: the values of the option `weight`, methodology section 6.
namespace fractile {

/// A weight scheme. Weights within a side are in proportion to the sizes of names; Weigher clips, caps and scales them.
struct WeightScheme {
  Weight weight = Weight::equal;
  const char* option = "";       ///< the option as messages show it
  const char* column = nullptr;  ///< the panel column that gives the size of a name; null if no column does
  bool is_from_ranking = false;  ///< true if the Sorter gives the size of a name, from its rank or signal
  bool is_clipped = false;       ///< true if sizes are clipped at upper_pct
};

/// The declaration of a scheme.
const WeightScheme& find_weight_scheme(Weight weight) noexcept;

}  // namespace fractile

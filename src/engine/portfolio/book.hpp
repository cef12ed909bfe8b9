// Copyright The fractile authors. Licensed under the Apache License, Version 2.0.
#pragma once

#include <vector>

#include "fractile/types.hpp"

namespace fractile {

/// The weights that one portfolio holds on one day, securities ascending. Empty if it is flat. Weigher makes it.
struct Book {
  std::vector<SecurityIndex> security;
  std::vector<RowIndex> row;       ///< panel row of the return day
  std::vector<RowIndex> previous;  ///< the security's previous row, of any age; kNoRow if there is none
  std::vector<double> weight;      ///< > 0 long, < 0 short
  int n_long = 0;
  int n_short = 0;
  bool is_flat() const noexcept { return row.empty(); }
  void clear() noexcept {
    security.clear();
    row.clear();
    previous.clear();
    weight.clear();
    n_long = n_short = 0;
  }
};

}  // namespace fractile

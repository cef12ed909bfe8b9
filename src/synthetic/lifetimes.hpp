// Copyright The fractile authors. Licensed under the Apache License, Version 2.0.
#pragma once

#include <cstdint>
#include <vector>

#include "fractile/types.hpp"

namespace fractile::synthetic {

/// First and last trading day of one name, inclusive.
struct Lifetime {
  DateIndex first;
  DateIndex last;
};

/// Draws the lifetimes of names: entry k of the result is the name with id k+1; later entrants have larger ids.
/// The first three names live throughout. As many names leave as enter, on other days.
std::vector<Lifetime> draw_lifetimes(int n_days, int names_per_day, double entries_per_year, std::uint64_t seed);

}  // namespace fractile::synthetic

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

/// Who lives when: entry k of the result is the name with id k+1, and later entrants have larger ids.
/// The first three names live throughout; as many leave as enter, on days of their own.
std::vector<Lifetime> draw_lifetimes(int n_days, int names_per_day, double entries_per_year, std::uint64_t seed);

}  // namespace fractile::synthetic

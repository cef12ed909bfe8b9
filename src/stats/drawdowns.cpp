// Copyright The fractile authors. Licensed under the Apache License, Version 2.0.
#include "stats/drawdowns.hpp"

#include <algorithm>

namespace fractile {

std::vector<Drawdown> find_drawdowns(std::span<const double> x, std::size_t top) {
  std::vector<Drawdown> found;
  double level = 0.0, peak = 0.0;
  bool is_below = false;
  for (std::size_t t = 0; t < x.size(); ++t) {
    level += x[t];
    if (level >= peak) {
      if (is_below) found.back().end = t;
      is_below = false;
      peak = level;
      continue;
    }
    if (!is_below) found.push_back({t, t, x.size(), level - peak});
    is_below = true;
    if (level - peak < found.back().depth) {
      found.back().trough = t;
      found.back().depth = level - peak;
    }
  }
  std::stable_sort(found.begin(), found.end(), [](const Drawdown& a, const Drawdown& b) { return a.depth < b.depth; });
  if (found.size() > top) found.resize(top);
  return found;
}

}  // namespace fractile

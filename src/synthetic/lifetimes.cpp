// Copyright The fractile authors. Licensed under the Apache License, Version 2.0.
#include "synthetic/lifetimes.hpp"

#include "synthetic/portable_math.hpp"

namespace fractile::synthetic {
namespace {

constexpr double kTradingDaysPerYear = 252.0;
constexpr std::size_t kNEverPresent = 3;

}  // namespace

std::vector<Lifetime> draw_lifetimes(int n_days, int names_per_day, double entries_per_year, std::uint64_t seed) {
  Random random(seed);
  std::vector<Lifetime> lives(static_cast<std::size_t>(names_per_day), {0, n_days - 1});
  std::vector<std::size_t> mortal;  // unordered
  for (std::size_t name = kNEverPresent; name < lives.size(); ++name) mortal.push_back(name);
  const double entries_per_day = entries_per_year * names_per_day / kTradingDaysPerYear;
  double entries_due = 0.0, exits_due = 0.0;
  for (DateIndex n = 1; n < n_days; ++n) {
    exits_due += entries_per_day * 2.0 * random.next_uniform();
    for (; exits_due >= 1.0; exits_due -= 1.0) {
      if (mortal.empty()) continue;
      const auto at = static_cast<std::size_t>(random.next_uniform() * static_cast<double>(mortal.size()));
      lives[mortal[at]].last = n - 1;
      mortal[at] = mortal.back();
      mortal.pop_back();
    }
    // Entrants come after the day's exits, so that no name leaves before its first day.
    entries_due += entries_per_day * 2.0 * random.next_uniform();
    for (; entries_due >= 1.0; entries_due -= 1.0) {
      mortal.push_back(lives.size());
      lives.push_back({n, n_days - 1});
    }
  }
  return lives;
}

}  // namespace fractile::synthetic

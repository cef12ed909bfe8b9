// Copyright The fractile authors. Licensed under the Apache License, Version 2.0.
#pragma once

#include <array>
#include <cstdint>
#include <functional>
#include <string_view>
#include <vector>

#include "engine/align/alignment.hpp"
#include "engine/panel/panel_view.hpp"

namespace fractile::audit {

/// One k of the profile: the daily rank correlations of the signal with the returns of day k.
struct ProfilePoint {
  int k = 0;
  double ic;    ///< mean; NaN if no day has one
  double t_nw;  ///< Newey and West
  std::int64_t days = 0;
  double names;  ///< mean names with a signal and a return
  double share;  ///< mean share of the signal's names that have a return on the day
};

inline constexpr int kFirstOffset = -10, kLastOffset = 10;
inline constexpr int kOffsets = kLastOffset - kFirstOffset + 1;

struct Profile {
  std::array<ProfilePoint, kOffsets> points;
  /// Mean rank correlation of a day's signal with that of the signal's day before it; NaN if there is none.
  double autocorrelation;
  std::int64_t days = 0;                 ///< with a signal
  std::vector<DateIndex> constant_days;  ///< with two names or more and one value
  /// That of k; a NaN one outside the profile.
  const ProfilePoint& at(int k) const noexcept;
};

/// `alignment`: of the signal without lag. `first_k`: the number of the aligned day. `return_column`: ret or openret.
Profile measure_profile(const PanelView& panel, const Alignment& alignment, const double* values, int first_k,
                        std::string_view return_column, int threads, const std::function<void()>& poll);

}  // namespace fractile::audit

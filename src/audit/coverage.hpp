// Copyright The fractile authors. Licensed under the Apache License, Version 2.0.
#pragma once

#include <cstdint>
#include <functional>

#include "audit/signal_rows.hpp"
#include "engine/align/eligibility_mask.hpp"
#include "engine/panel/panel_view.hpp"

namespace fractile::audit {

/// Periods before the end of a leaver's life that are compared with those before them.
inline constexpr std::int64_t kLastPeriods = 63;
/// A leaver with fewer panel rows is too short for that comparison.
inline constexpr std::int64_t kMinLife = 126;
/// Fewer leavers say nothing.
inline constexpr std::int64_t kMinLeavers = 10;

/// How a signal covers names that leave the panel before its end. NaN if nothing can be compared.
struct Coverage {
  std::int64_t leavers = 0;   ///< with a panel row on a day of the signal
  double leavers_share;       ///< mean over days: share of the leavers' rows that have a signal
  double others_share;        ///< the same of all other names
  double last_share;          ///< share of leavers' rows with a signal in their last kLastPeriods periods
  double earlier_share;       ///< the same of their rows before
  std::int64_t values = 0;    ///< values that have one of the same name before them
  std::int64_t repeated = 0;  ///< of these: equal to it
};

/// Rows outside the universe do not count.
Coverage measure_coverage(const PanelView& panel, const SignalRows& rows, const EligibilityMask& closed, int threads,
                          const std::function<void()>& poll);

}  // namespace fractile::audit

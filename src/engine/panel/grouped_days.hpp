// Copyright The fractile authors. Licensed under the Apache License, Version 2.0.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <vector>

#include "engine/panel/panel_view.hpp"
#include "fractile/config.hpp"

namespace fractile {

/// A cache of the rows of each return day, sorted by their group on that day (methodology section 1). All signals share it. A day
/// is made on first use and cached, in 4 bytes per row. Thread-safe.
class GroupedDays {
 public:
  /// The rows of one group: from the end of the previous run to `end`, exclusive.
  struct Run {
    std::int32_t group;  ///< -1: the group is missing (the last run of a day)
    std::int32_t end;
  };
  struct Day {
    std::vector<std::int32_t> slot;  ///< rows, counted from the first row of the day; ascending within a run
    std::vector<Run> runs;           ///< groups ascending
  };

  GroupedDays(const PanelView& panel, const Category& category, CharacteristicsAsof asof);
  ~GroupedDays();
  GroupedDays(const GroupedDays&) = delete;
  GroupedDays& operator=(const GroupedDays&) = delete;
  const Day& find_or_make(DateIndex n) const;

 private:
  Day make(DateIndex n) const;

  const PanelView& panel_;
  const Category& category_;
  CharacteristicsAsof asof_;
  mutable std::vector<std::atomic<const Day*>> days_;  // from the first loaded; owned
};

}  // namespace fractile

// Copyright The fractile authors. Licensed under the Apache License, Version 2.0.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <vector>

#include "engine/panel/panel_view.hpp"
#include "fractile/config.hpp"

namespace fractile {

/// The rows of each day by the group that they are in on that day as a return day (methodology section 1): the same for every
/// signal. A day is made when it is first asked for and kept, 4 bytes a row. Thread-safe.
class GroupedDays {
 public:
  /// Rows of one group: those before `end`, from the end of the run before it.
  struct Run {
    std::int32_t group;  ///< -1: their group is missing; the last run of a day
    std::int32_t end;
  };
  struct Day {
    std::vector<std::int32_t> slot;  ///< rows, counted from the first of the day; ascending within a run
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

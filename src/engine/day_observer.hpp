// Copyright The fractile authors. Licensed under the Apache License, Version 2.0.
#pragma once

#include <cstddef>
#include <span>

#include "engine/portfolio/book.hpp"

namespace fractile {

/// One day of the overall portfolio. Valid during DayObserver::observe() only.
struct ObservedDay {
  DateIndex n = 0;                      ///< return day
  std::size_t at = 0;                   ///< number of the day among the loaded days
  std::size_t n_names = 0;              ///< used rows and copies, after residualization
  RowIndex first_row = 0;               ///< panel row of slot 0
  std::span<const double> slot_values;  ///< per panel row of the day: the signal before residualization; NaN: not used
  std::span<const RowIndex> rows;       ///< the names, securities ascending; empty unless an observer needs names
  std::span<const double> values;       ///< their signals after residualization
  const Book& book;                     ///< what is held
};

/// A reader of the cross-sections of a run. One thread calls one observer; days arrive in any order of chunks, and each
/// day once, so an observer writes to entries of that day only.
class DayObserver {
 public:
  virtual ~DayObserver() = default;
  virtual void observe(const ObservedDay& day) = 0;
};

}  // namespace fractile

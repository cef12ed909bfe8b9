// Copyright The fractile authors. Licensed under the Apache License, Version 2.0.
#pragma once

#include <span>
#include <vector>

#include "engine/align/alignment.hpp"
#include "engine/align/extend_holding.hpp"
#include "engine/panel/panel_view.hpp"

/// What stage 2 reads: the names of a day and their signal values.
namespace fractile {

/// The panel rows of one day, securities ascending.
struct CrossSection {
  RowIndex first = 0;                       ///< the day's first row
  std::span<const double> values;           ///< from that row on; NaN: the row is not used
  const RowIndex* exposure_rows = nullptr;  ///< residualized runs: the same, whence a used row's regressors are read
};

/// All days of a run: a signal read through its alignment a block of days at a time, or slots that were filled before.
class CrossSections {
 public:
  /// `exposures`: null where the run has no residuals.
  CrossSections(const PanelView& panel, const Alignment& alignment, const double* values, const ExposurePlan* exposures)
      : panel_(panel), alignment_(&alignment), values_(values), exposures_(exposures) {}
  CrossSections(const PanelView& panel, const Slots& slots) : panel_(panel), slots_(&slots) {}

  /// One thread's buffer; the days from one on are read in order.
  struct Scratch {
    int block = -1;  ///< of days, that the buffer holds; -1 before the first day
    std::vector<double> values;
    std::vector<RowIndex> exposure_rows;
  };
  /// A day of the view; valid until `scratch` is used again. Sets `has_duplicates` where several rows for one slot are met.
  CrossSection read(DateIndex n, Scratch& scratch, bool& has_duplicates) const;

 private:
  const PanelView& panel_;
  const Alignment* alignment_ = nullptr;
  const double* values_ = nullptr;
  const ExposurePlan* exposures_ = nullptr;
  const Slots* slots_ = nullptr;
};

}  // namespace fractile

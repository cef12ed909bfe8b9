// Copyright The fractile authors. Licensed under the Apache License, Version 2.0.
#pragma once

#include <span>
#include <vector>

#include "engine/align/alignment.hpp"
#include "engine/align/extend_holding.hpp"
#include "engine/panel/panel_view.hpp"

/// Cross-sections: the names of a day and their signal values.
namespace fractile {

/// The panel rows of one day, securities ascending.
struct CrossSection {
  RowIndex first = 0;                       ///< the day's first row
  std::span<const double> values;           ///< from that row on; NaN: the row is not used
  const RowIndex* exposure_rows = nullptr;  ///< residualized runs: for each used row, the row with its regressors
};

/// The reader of all days of a run: through the alignment, one block of days at a time, or from slots that were filled before.
class CrossSections {
 public:
  /// `exposures`: null if the run has no residuals.
  CrossSections(const PanelView& panel, const Alignment& alignment, const double* values, const ExposurePlan* exposures)
      : panel_(panel), alignment_(&alignment), values_(values), exposures_(exposures) {}
  CrossSections(const PanelView& panel, const Slots& slots) : panel_(panel), slots_(&slots) {}

  /// One thread's buffer. A thread reads days in order.
  struct Scratch {
    int block = -1;  ///< the block of days in the buffer; -1 before the first day
    std::vector<double> values;
    std::vector<RowIndex> exposure_rows;
  };
  /// Reads a day of the view; valid until `scratch` is used again. Sets `has_duplicates` if several rows share a slot.
  CrossSection read(DateIndex n, Scratch& scratch, bool& has_duplicates) const;

 private:
  const PanelView& panel_;
  const Alignment* alignment_ = nullptr;
  const double* values_ = nullptr;
  const ExposurePlan* exposures_ = nullptr;
  const Slots* slots_ = nullptr;
};

}  // namespace fractile

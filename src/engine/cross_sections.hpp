// Copyright The fractile authors. Licensed under the Apache License, Version 2.0.
#pragma once

#include <span>
#include <vector>

#include "engine/alignment.hpp"
#include "engine/carry.hpp"
#include "engine/kept_regressors.hpp"
#include "engine/market.hpp"

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
  CrossSections(const Market& market, const Alignment& alignment, const double* values, const ExposurePlan* exposures)
      : market_(market), alignment_(&alignment), values_(values), exposures_(exposures) {}
  CrossSections(const Market& market, const Slots& slots) : market_(market), slots_(&slots) {}

  /// One thread's buffer.
  struct Scratch {
    int block = -1;  ///< of days, that the buffer holds
    std::vector<double> values;
    std::vector<RowIndex> exposure_rows;
    bool has_duplicates = false;  ///< several rows for one slot were met
  };
  /// A day of the view; valid until `scratch` is used again.
  CrossSection read(DateIndex n, Scratch& scratch) const;

 private:
  const Market& market_;
  const Alignment* alignment_ = nullptr;
  const double* values_ = nullptr;
  const ExposurePlan* exposures_ = nullptr;
  const Slots* slots_ = nullptr;
};

}  // namespace fractile

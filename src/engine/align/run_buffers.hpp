// Copyright The fractile authors. Licensed under the Apache License, Version 2.0.
#pragma once

#include "engine/align/alignment.hpp"
#include "engine/align/extend_holding.hpp"

namespace fractile {

/// The memory of one run, which the next run reuses.
struct RunBuffers {
  AlignmentBuffers alignment;
  HugeArray<RowIndex> exposure_rows;  ///< of an ExposurePlan
  Slots slots;                        ///< hold_days only
};

}  // namespace fractile

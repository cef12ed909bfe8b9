// Copyright The fractile authors. Licensed under the Apache License, Version 2.0.
#pragma once

#include "engine/alignment.hpp"
#include "engine/carry.hpp"

namespace fractile {

/// Memory of one run, given to the next.
struct RunBuffers {
  AlignmentBuffers alignment;
  HugeArray<RowIndex> exposure_rows;  ///< of an ExposurePlan
  Slots slots;                        ///< hold_days only
};

}  // namespace fractile

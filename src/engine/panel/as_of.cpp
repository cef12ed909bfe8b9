// Copyright The fractile authors. Licensed under the Apache License, Version 2.0.
#include "engine/panel/as_of.hpp"

namespace fractile {

RowIndex AsOf::if_recent_slow(RowIndex before, DateIndex n) const noexcept {
  return n > 0 && panel_.date(n - 1) - panel_.date(panel_.day_of_row(before)) <= kMaxAgeDays ? before : kNoRow;
}

}  // namespace fractile

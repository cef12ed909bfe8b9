// Copyright The fractile authors. Licensed under the Apache License, Version 2.0.
#include "engine/panel/periods.hpp"

#include "fractile/data_report.hpp"

namespace fractile {

Periodicity periodicity(const View& view, const RunConfig& config) noexcept {
  Periodicity out = data_report(*view.snapshot).periodicity;
  if (config.periods_per_year > 0) out.periods_per_year = config.periods_per_year;
  return out;
}

}  // namespace fractile

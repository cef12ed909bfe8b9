// Copyright The fractile authors. Licensed under the Apache License, Version 2.0.
#pragma once

#include <cstdint>
#include <vector>

#include "audit/signal_rows.hpp"

namespace fractile::audit {

/// Two vintages of a signal on the keys that both have. A key is a security and the trading day of date_sig.
struct Vintages {
  std::int64_t common = 0;    ///< keys with a number in both
  CauseCount changed;         ///< of these: the numbers differ; rows of the newer one
  double mean_change;         ///< newer less older, over the changed ones
  std::vector<double> newer;  ///< by signal row: its value on a common key, else NaN
  std::vector<double> older;
};

/// `newer_rows`, `older_rows`: numbers of rows. Both need SignalRows::signal_row.
Vintages compare_vintages(const PanelView& panel, const SignalRows& newer, std::int64_t newer_rows, const SignalRows& older,
                          std::int64_t older_rows);

}  // namespace fractile::audit

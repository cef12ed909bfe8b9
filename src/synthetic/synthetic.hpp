// Copyright The fractile authors. Licensed under the Apache License, Version 2.0.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "fractile/panel.hpp"
#include "fractile/types.hpp"

namespace fractile {

/// The options of a seeded synthetic market. Equal options yield equal bits on every machine.
struct SyntheticOptions {
  Day start = 0;
  Day end = 0;                    ///< inclusive
  int names_per_day = 5000;       ///< mean names alive per day
  double entries_per_year = 0.1;  ///< names that enter per year, as a share of names_per_day (exits match)
  double signal_coverage = 0.52;  ///< share of names that the signal covers
  std::uint64_t seed = 20260210;
};

/// Panel and planted signal, held in memory. Ids 1 ... N; 1, 2 and 3 trade on every day and are covered.
struct SyntheticMarket {
  std::vector<Day> dates;
  std::unique_ptr<PanelSource> panel;            ///< all columns of methodology section 1
  std::vector<std::int64_t> signal_security_id;  ///< security-major, dates ascending
  std::vector<Day> signal_date;                  ///< date_sig
  std::vector<double> signal;                    ///< some ties, about 2% NaN
};

SyntheticMarket make_synthetic_market(const SyntheticOptions& options);

/// The options of `fractile demo`: 2020-01-01 to 2021-12-31, about 5,000 names per day.
SyntheticOptions demo_options();
inline constexpr const char* kDemoSnapshotId = "2026-02-10-v1";

}  // namespace fractile

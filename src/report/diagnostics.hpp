// Copyright The fractile authors. Licensed under the Apache License, Version 2.0.
#pragma once

#include "engine/align/align_counts.hpp"
#include "engine/day.hpp"
#include "fractile/result.hpp"

namespace fractile {

class Snapshot;

/// Collects all counts in the order of the methodology, with warnings for the user.
Diagnostics build_diagnostics(const AlignCounts& align, std::int64_t carried, const DayCounts& days, std::int64_t unknown_cost,
                              const Portfolios& portfolios, const SignalKeys& keys, IdType id_type);

/// Throws NO_USABLE_ROWS with the counts, the first row of each cause and what the snapshot has.
[[noreturn]] void refuse_unusable(const Diagnostics& diagnostics, const Snapshot& snapshot);

/// The causes for which rows were dropped, as " (3 null_signal, 2 no_return)"; "" if none was.
std::string describe_drops(const Diagnostics& diagnostics);

}  // namespace fractile

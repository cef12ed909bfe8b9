// Copyright The fractile authors. Licensed under the Apache License, Version 2.0.
#pragma once

#include <array>
#include <optional>

#include "fractile/result.hpp"
#include "stats/inference.hpp"

namespace fractile {

/// Trials by series: returns before costs, and net.
using TriedBySeries = std::array<std::optional<TriedBefore>, 2>;

/// Table "inference": one row per portfolio of the summary and series, as docs/inference.md describes it. `for_all` deflates
/// every row, `for_overall` only the overall book.
Table infer_result(const Result& result, const InferenceOptions& options, const std::optional<TriedBefore>& for_all,
                   const TriedBySeries& for_overall, const Workers& workers);

}  // namespace fractile

// Copyright The fractile authors. Licensed under the Apache License, Version 2.0.
#pragma once

#include <cstdint>
#include <optional>
#include <span>

#include "stats/bootstrap.hpp"

/// The inference on one series: errors and intervals of the Sharpe ratio, the mean and the drawdown.
namespace fractile {

struct InferenceOptions {
  double level = 0.95;  ///< of the intervals
  std::int64_t draws = 10'000;
  std::uint64_t seed = 0;
};

/// The trials that deflate a ratio.
struct TriedBefore {
  double count = 1.0;      ///< trials
  double effective = 1.0;  ///< number of independent trials to which they are equivalent
  double variance = 0.0;   ///< of their ratios per period
};

/// Ratio, errors and intervals are annualised; maxdd_ci_low is not.
struct Inference {
  double sharpe, se_iid, se, se_hac, ci_low, ci_high, t_nw, p_nw, psr, min_track_record, mean_ci_low, mean_ci_high, maxdd_ci_low;
  double dsr;  ///< NaN unless trials are known
};
Inference infer(std::span<const double> x, double periods_per_year, const InferenceOptions& options,
                const std::optional<TriedBefore>& tried, const Workers& workers);

/// The members of Inference by name, in the order of the table "inference".
struct InferenceColumn {
  const char* name;
  double Inference::* value;
};
std::span<const InferenceColumn> inference_columns() noexcept;

}  // namespace fractile

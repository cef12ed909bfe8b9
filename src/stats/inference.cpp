// Copyright The fractile authors. Licensed under the Apache License, Version 2.0.
#include "stats/inference.hpp"

#include <array>
#include <cmath>
#include <limits>

#include "stats/block_length.hpp"
#include "stats/newey_west.hpp"
#include "stats/sharpe.hpp"

namespace fractile {

Inference infer(std::span<const double> x, double periods_per_year, const InferenceOptions& options,
                const std::optional<TriedBefore>& tried, const Workers& workers) {
  constexpr std::array kStatistics{Statistic::sharpe, Statistic::mean, Statistic::max_drawdown};
  const SharpeRatio ratio = sharpe_ratio(x, periods_per_year);
  const NeweyWest mean = newey_west(x);
  const SharpeMoments moments = sharpe_moments(x);
  auto draws = bootstrap_draws(x, kStatistics, {options.draws, usable_block_length(x), options.seed}, workers);
  std::array<BootstrapInterval, kStatistics.size()> intervals{};
  // Percentile intervals need no leave-one-out values, so they are skipped.
  for (std::size_t k = 0; k < kStatistics.size(); ++k)
    intervals[k] = summarise_draws(compute(kStatistics[k], x), std::move(draws[k]), {}, options.level);
  const double root = std::sqrt(periods_per_year);
  Inference out{};
  out.sharpe = ratio.annualised;
  out.se_iid = root * ratio.se_iid;
  out.se = root * ratio.se;
  out.se_hac = root * ratio.se_hac;
  out.ci_low = root * intervals[0].low;
  out.ci_high = root * intervals[0].high;
  out.t_nw = mean.t;
  out.p_nw = mean.p;
  out.psr = probabilistic_sharpe(moments, 0.0);
  out.min_track_record = minimum_track_record(moments, 0.0, options.level);
  out.mean_ci_low = periods_per_year * intervals[1].low;
  out.mean_ci_high = periods_per_year * intervals[1].high;
  out.maxdd_ci_low = intervals[2].low;
  out.dsr = tried ? deflated_sharpe(moments, tried->effective, tried->variance) : std::numeric_limits<double>::quiet_NaN();
  return out;
}

std::span<const InferenceColumn> inference_columns() noexcept {
  static constexpr std::array kColumns{InferenceColumn{"sharpe", &Inference::sharpe},
                                       InferenceColumn{"se_iid", &Inference::se_iid},
                                       InferenceColumn{"se", &Inference::se},
                                       InferenceColumn{"se_hac", &Inference::se_hac},
                                       InferenceColumn{"ci_low", &Inference::ci_low},
                                       InferenceColumn{"ci_high", &Inference::ci_high},
                                       InferenceColumn{"t_nw", &Inference::t_nw},
                                       InferenceColumn{"p_nw", &Inference::p_nw},
                                       InferenceColumn{"psr", &Inference::psr},
                                       InferenceColumn{"min_track_record", &Inference::min_track_record},
                                       InferenceColumn{"mean_ci_low", &Inference::mean_ci_low},
                                       InferenceColumn{"mean_ci_high", &Inference::mean_ci_high},
                                       InferenceColumn{"maxdd_ci_low", &Inference::maxdd_ci_low},
                                       InferenceColumn{"dsr", &Inference::dsr}};
  return kColumns;
}

}  // namespace fractile

// Copyright The fractile authors. Licensed under the Apache License, Version 2.0.
#include <nanobind/ndarray.h>
#include <nanobind/stl/optional.h>
#include <nanobind/stl/string.h>
#include <nanobind/stl/tuple.h>
#include <nanobind/stl/vector.h>

#include <memory>
#include <string>
#include <vector>

#include "bind.hpp"
#include "fractile/error.hpp"
#include "gate.hpp"
#include "parallel/workers.hpp"
#include "stats/block_length.hpp"
#include "stats/bootstrap.hpp"
#include "stats/distributions.hpp"
#include "stats/drawdowns.hpp"
#include "stats/factor_model.hpp"
#include "stats/inference.hpp"
#include "stats/moments.hpp"
#include "stats/multiple_testing.hpp"
#include "stats/newey_west.hpp"
#include "stats/overfitting.hpp"
#include "stats/p_values.hpp"
#include "stats/sharpe.hpp"
#include "stats/sharpe_difference.hpp"

/// The bindings of the statistics for fractile.stats, which passes arrays without NaN and has checked the arguments.
namespace fractile::python {
namespace {

namespace nb = nanobind;

using Values = nb::ndarray<const double, nb::ndim<1>, nb::c_contig, nb::device::cpu>;
using Grid = nb::ndarray<const double, nb::ndim<2>, nb::c_contig, nb::device::cpu>;

std::span<const double> span_of(const Values& values) { return {values.data(), values.shape(0)}; }
Frame frame_of(const Grid& grid) { return {grid.data(), grid.shape(0), grid.shape(1)}; }

/// A numpy array that owns the values.
nb::object to_array(std::vector<double> values) {
  auto owned = std::make_unique<std::vector<double>>(std::move(values));
  const nb::capsule owner(owned.get(), [](void* p) noexcept { delete static_cast<std::vector<double>*>(p); });
  std::vector<double>& array = *owned.release();
  return nb::cast(nb::ndarray<nb::numpy, double, nb::ndim<1>>(array.data(), {array.size()}, owner));
}

/// Runs work on `threads` threads (0: those of the machine) without the interpreter's lock.
template <class Work>
auto compute_released(int threads, Work&& work) {
  decltype(work(Workers{})) out;
  run_released([&](const Interrupt& interrupt) {
    const auto poll = [&interrupt] {
      if (interrupt()) throw Error(ErrorCode::CANCELLED, "expected to finish the statistics, found an interrupt. Run it again.");
    };
    out = work(Workers{threads > 0 ? threads : default_threads(), poll});
  });
  return out;
}

Statistic statistic_of(const std::string& name) {
  if (name == "mean") return Statistic::mean;
  if (name == "sharpe") return Statistic::sharpe;
  if (name == "max_drawdown") return Statistic::max_drawdown;
  throw nb::value_error("no such statistic");
}

nb::tuple to_tuple(const BootstrapInterval& interval) {
  return nb::make_tuple(interval.estimate, interval.se, interval.low, interval.high, interval.bca_low, interval.bca_high,
                        interval.draws);
}

void bind_one_series(nb::module_& module) {
  module.def(
      "newey_west",
      [](const Values& x, std::int64_t lags, bool small_sample) {
        const NeweyWest out = newey_west(span_of(x), lags, small_sample);
        return nb::make_tuple(out.mean, out.se, out.t, out.p, out.lags);
      },
      nb::arg("x"), nb::arg("lags"), nb::arg("small_sample"), "Mean, error, t, p and lags.");
  module.def(
      "sharpe_ratio",
      [](const Values& x, double periods_per_year) {
        const SharpeRatio out = sharpe_ratio(span_of(x), periods_per_year);
        return nb::make_tuple(out.sr, out.annualised, out.se_iid, out.se, out.se_hac, out.periods);
      },
      nb::arg("x"), nb::arg("periods_per_year"), "The ratio per period, annualised, its three errors and the periods.");
  module.def(
      "sharpe_interval",
      [](const Values& x, double periods_per_year, double level) {
        const SharpeInterval out = sharpe_interval(span_of(x), periods_per_year, level);
        return nb::make_tuple(out.low, out.high);
      },
      nb::arg("x"), nb::arg("periods_per_year"), nb::arg("level"), "The interval of the annualised ratio from its error.");
  module.def(
      "sharpe_moments",
      [](const Values& x) {
        const SharpeMoments m = sharpe_moments(span_of(x));
        return nb::make_tuple(m.sr, m.periods, m.skew, m.kurt);
      },
      nb::arg("x"), "The ratio per period, periods, skewness and kurtosis.");
  module.def(
      "annualization_factor", [](const Values& x, std::int64_t q) { return annualization_factor(span_of(x), q); }, nb::arg("x"),
      nb::arg("q"), "Lo's eta(q).");
  module.def(
      "optimal_block_length",
      [](const Values& x) {
        const BlockLength out = optimal_block_length(span_of(x));
        return nb::make_tuple(out.stationary, out.circular);
      },
      nb::arg("x"), "Block lengths of the stationary and of the circular bootstrap.");
  module.def(
      "drawdowns",
      [](const Values& x, std::size_t top) {
        nb::list out;
        for (const Drawdown& d : find_drawdowns(span_of(x), top)) out.append(nb::make_tuple(d.start, d.trough, d.end, d.depth));
        return out;
      },
      nb::arg("x"), nb::arg("top"), "(start, trough, end, depth) of each, deepest first.");
}

void bind_factor_model(nb::module_& module) {
  module.def(
      "fit_factors",
      [](const Values& y, const Grid& factors, std::int64_t lags) {
        const FactorModel found = fit_factors(span_of(y), frame_of(factors), lags);
        nb::list coefficients;
        for (const auto& each : found.coefficients) coefficients.append(nb::make_tuple(each.value, each.se, each.t, each.p));
        return nb::make_tuple(coefficients, found.r2, found.deviation, found.f, found.f_p);
      },
      nb::arg("y"), nb::arg("factors"), nb::arg("lags"),
      "(value, se, t, p) by coefficient; R2, deviation of residuals, F and its p.");
}

void bind_moments(nb::module_& module) {
  module.def(
      "correlation", [](const Values& a, const Values& b) { return correlation(span_of(a), span_of(b)); }, nb::arg("a"),
      nb::arg("b"), "Pearson's; NaN if one is constant. Both have the same length.");
  module.def(
      "probabilistic_sharpe",
      [](double sr, double n, double skew, double kurt, double benchmark, bool null_variance) {
        return probabilistic_sharpe({sr, n, skew, kurt}, benchmark, null_variance);
      },
      nb::arg("sr"), nb::arg("n"), nb::arg("skew"), nb::arg("kurt"), nb::arg("benchmark"), nb::arg("null_variance"),
      "Out of moments.");
  module.def(
      "minimum_track_record",
      [](double sr, double skew, double kurt, double benchmark, double level, bool null_variance) {
        return minimum_track_record({sr, 0.0, skew, kurt}, benchmark, level, null_variance);
      },
      nb::arg("sr"), nb::arg("skew"), nb::arg("kurt"), nb::arg("benchmark"), nb::arg("level"), nb::arg("null_variance"),
      "Periods, out of moments.");
  module.def(
      "deflated_sharpe",
      [](double sr, double n, double skew, double kurt, double n_trials, double variance, bool null_variance) {
        return deflated_sharpe({sr, n, skew, kurt}, n_trials, variance, null_variance);
      },
      nb::arg("sr"), nb::arg("n"), nb::arg("skew"), nb::arg("kurt"), nb::arg("n_trials"), nb::arg("variance"),
      nb::arg("null_variance"), "Out of moments.");
  module.def("expected_maximum_sharpe", &expected_maximum_sharpe, nb::arg("n"), nb::arg("variance"),
             "The expected maximum of n trials without skill.");
  module.def("minimum_backtest_length", &minimum_backtest_length, nb::arg("n"), nb::arg("sr_annual"), "Years.");
  module.def("normal_cdf", &normal_cdf, nb::arg("x"), "The normal distribution.");
  module.def("normal_quantile", &normal_quantile, nb::arg("p"), "Its inverse.");
}

void bind_bootstrap(nb::module_& module) {
  // A list: one binding after the other.
  module.def(
      "bootstrap",
      [](const Values& x, const std::vector<std::string>& names, std::int64_t draws, double level, double block,
         std::uint64_t seed, int threads) {
        std::vector<Statistic> statistics;
        for (const std::string& name : names) statistics.push_back(statistic_of(name));
        auto made = compute_released(threads, [&](const Workers& workers) {
          auto all = bootstrap_draws(span_of(x), statistics, {draws, block, seed}, workers);
          std::vector<BootstrapInterval> out;
          for (std::size_t k = 0; k < statistics.size(); ++k)
            out.push_back(summarise_draws(compute(statistics[k], span_of(x)), std::move(all[k]),
                                          leave_one_out(statistics[k], span_of(x)), level));
          return out;
        });
        nb::list out;
        for (const BootstrapInterval& interval : made) out.append(to_tuple(interval));
        return out;
      },
      nb::arg("x"), nb::arg("statistics"), nb::arg("draws"), nb::arg("level"), nb::arg("block"), nb::arg("seed"),
      nb::arg("threads"), "(estimate, se, low, high, bca_low, bca_high, draws) of each statistic.");
  module.def(
      "infer",
      [](const Values& x, double periods_per_year, double level, std::int64_t draws, std::uint64_t seed,
         const std::optional<std::tuple<double, double, double>>& tried, int threads) {
        std::optional<TriedBefore> before;
        if (tried) before = {std::get<0>(*tried), std::get<1>(*tried), std::get<2>(*tried)};
        const Inference found = compute_released(threads, [&](const Workers& workers) {
          return infer(span_of(x), periods_per_year, {level, draws, seed}, before, workers);
        });
        nb::dict out;
        for (const InferenceColumn& column : inference_columns()) out[column.name] = found.*column.value;
        return out;
      },
      nb::arg("x"), nb::arg("periods_per_year"), nb::arg("level"), nb::arg("draws"), nb::arg("seed"), nb::arg("tried").none(),
      nb::arg("threads"), "Errors, intervals and tests of a series by name; `tried`: trials, independent ones, variance.");
  module.def(
      "bootstrap_draws",
      [](const Values& x, const std::string& name, std::int64_t draws, double block, std::uint64_t seed, int threads) {
        const std::vector<Statistic> statistics{statistic_of(name)};
        return to_array(compute_released(threads, [&](const Workers& workers) {
          return bootstrap_draws(span_of(x), statistics, {draws, block, seed}, workers)[0];
        }));
      },
      nb::arg("x"), nb::arg("statistic"), nb::arg("draws"), nb::arg("block"), nb::arg("seed"), nb::arg("threads"),
      "The statistic in each draw.");
  module.def(
      "stationary_draw",
      [](std::size_t n, double block, std::uint64_t seed, std::uint64_t draw) {
        auto owned = std::make_unique<std::vector<std::uint32_t>>(n);
        fill_stationary(*owned, block, seed, draw);
        const nb::capsule owner(owned.get(), [](void* p) noexcept { delete static_cast<std::vector<std::uint32_t>*>(p); });
        std::vector<std::uint32_t>& array = *owned.release();
        return nb::cast(nb::ndarray<nb::numpy, std::uint32_t, nb::ndim<1>>(array.data(), {array.size()}, owner));
      },
      nb::arg("n"), nb::arg("block"), nb::arg("seed"), nb::arg("draw"), "Places of one draw of the stationary bootstrap.");
  module.def(
      "summarise_draws",
      [](double estimate, const Values& draws, const Values& without, double level) {
        return to_tuple(summarise_draws(estimate, {draws.data(), draws.data() + draws.shape(0)}, span_of(without), level));
      },
      nb::arg("estimate"), nb::arg("draws"), nb::arg("leave_one_out"), nb::arg("level"),
      "Like bootstrap, for draws that the caller made.");
  module.def(
      "sharpe_difference",
      [](const Values& x, const Values& y, std::int64_t draws, std::int64_t block, std::uint64_t seed, int threads) {
        const SharpeDifference out = compute_released(threads, [&](const Workers& workers) {
          return sharpe_difference(span_of(x), span_of(y), draws, block, seed, workers);
        });
        return nb::make_tuple(out.difference, out.se_hac, out.p_hac, out.p_bootstrap, out.block);
      },
      nb::arg("x"), nb::arg("y"), nb::arg("draws"), nb::arg("block"), nb::arg("seed"), nb::arg("threads"),
      "The difference, its error, two p and the block.");
}

void bind_many_series(nb::module_& module) {
  module.def(
      "adjust_p_values",
      [](const Values& p, const std::string& method) {
        if (method == "bonferroni") return to_array(adjust_bonferroni(span_of(p)));
        if (method == "holm") return to_array(adjust_holm(span_of(p)));
        return to_array(method == "bh" ? adjust_bh(span_of(p)) : adjust_by(span_of(p)));
      },
      nb::arg("p"), nb::arg("method"), "Corrected, in the order given.");
  module.def(
      "test_many",
      [](const Grid& frame, std::int64_t draws, double block, std::uint64_t seed, int threads) {
        MultipleTests made = compute_released(
            threads, [&](const Workers& workers) { return test_many(frame_of(frame), {draws, block, seed}, workers); });
        nb::dict out;
        out["sharpe"] = to_array(std::move(made.sharpe));
        out["t_nw"] = to_array(std::move(made.t_nw));
        out["p"] = to_array(std::move(made.p));
        out["p_bonferroni"] = to_array(std::move(made.p_bonferroni));
        out["p_holm"] = to_array(std::move(made.p_holm));
        out["p_bh"] = to_array(std::move(made.p_bh));
        out["p_by"] = to_array(std::move(made.p_by));
        out["p_romano_wolf"] = to_array(std::move(made.p_romano_wolf));
        return nb::make_tuple(out, made.reality_check_p, made.spa_p, made.block);
      },
      nb::arg("frame"), nb::arg("draws"), nb::arg("block"), nb::arg("seed"), nb::arg("threads"),
      "Columns by name, p of the reality check and of SPA, the block.");
  module.def(
      "test_monotonic",
      [](const Grid& differences, std::int64_t draws, double block, std::uint64_t seed, int threads) {
        const MonotonicRelation out = compute_released(threads, [&](const Workers& workers) {
          return test_monotonic(frame_of(differences), {draws, block, seed}, workers);
        });
        return nb::make_tuple(out.j, out.p, out.p_studentised, out.block);
      },
      nb::arg("differences"), nb::arg("draws"), nb::arg("block"), nb::arg("seed"), nb::arg("threads"), "J, two p and the block.");
  module.def(
      "probability_of_overfitting",
      [](const Grid& frame, int blocks, int threads) {
        Overfitting out = compute_released(
            threads, [&](const Workers& workers) { return probability_of_overfitting(frame_of(frame), blocks, workers); });
        return nb::make_tuple(out.pbo, out.prob_loss, out.slope, out.intercept, to_array(std::move(out.logits)));
      },
      nb::arg("frame"), nb::arg("blocks"), nb::arg("threads"), "pbo, prob_loss, slope, intercept, logits.");
  module.def(
      "effective_trials",
      [](const Grid& frame, int threads) {
        return compute_released(threads, [&](const Workers& workers) { return effective_trials(frame_of(frame), workers); });
      },
      nb::arg("frame"), nb::arg("threads"), "The number of independent series to which correlated ones are equivalent.");
}

}  // namespace

void bind_stats(nb::module_& module) {
  nb::module_ stats = module.def_submodule("stats", "Statistics of return series.");
  bind_one_series(stats);
  bind_factor_model(stats);
  bind_moments(stats);
  bind_bootstrap(stats);
  bind_many_series(stats);
}

}  // namespace fractile::python

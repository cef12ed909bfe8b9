# Copyright The fractile authors. Licensed under the Apache License, Version 2.0.
"""The Sharpe ratio: its errors, and its significance given luck and the number of trials."""

from __future__ import annotations

from typing import Any, NamedTuple

from fractile import _core
from fractile.stats.series import check_level, check_number, check_whole, read_series


class SharpeRatio(NamedTuple):
    """A ratio per period, annualised, and three errors per period."""

    sr: float
    annualised: float
    se_iid: float
    se: float
    se_hac: float
    periods: int


def sharpe_ratio(x: Any, periods_per_year: float) -> SharpeRatio:
    """The Sharpe ratio and its errors.

    se_iid holds for independent normal returns (Lo 2002), se for independent ones of any shape (Mertens 2002), se_hac
    under autocorrelation too (Newey and West on the influence of each period).
    """
    return SharpeRatio(*_core.stats.sharpe_ratio(read_series(x), check_number("periods_per_year", periods_per_year, 0.0)))


def annualization_factor(x: Any, q: int) -> float:
    """The factor from a ratio per period to a ratio per q periods under autocorrelation (Lo 2002); √q for independent returns."""
    return float(_core.stats.annualization_factor(read_series(x), check_whole("q", q, 1)))


def probabilistic_sharpe_ratio(x: Any, benchmark: float = 0) -> float:
    """The probability that the true ratio is above a benchmark per period (Bailey and López de Prado 2012)."""
    sr, n, skew, kurt = _core.stats.sharpe_moments(read_series(x))
    return float(_core.stats.probabilistic_sharpe(sr, n, skew, kurt, check_number("benchmark", benchmark), False))


def probabilistic_sharpe_ratio_from_moments(
    sr: float, n: float, skew: float, kurt: float, benchmark: float = 0, null_variance: bool = False
) -> float:
    """`probabilistic_sharpe_ratio` from the ratio per period, the periods, skewness and kurtosis (a normal: 0 and 3).

    `null_variance` takes the variance at the benchmark and n in place of n-1.
    """
    return float(_core.stats.probabilistic_sharpe(sr, n, skew, kurt, check_number("benchmark", benchmark), null_variance))


def minimum_track_record_length(x: Any, benchmark: float = 0, level: float = 0.95) -> float:
    """Periods that make the ratio significant against a benchmark per period, one-sided; NaN for a ratio not above it."""
    sr, _, skew, kurt = _core.stats.sharpe_moments(read_series(x))
    return minimum_track_record_length_from_moments(sr, skew, kurt, benchmark, level)


def minimum_track_record_length_from_moments(
    sr: float, skew: float, kurt: float, benchmark: float = 0, level: float = 0.95, null_variance: bool = False
) -> float:
    """`minimum_track_record_length` from the ratio per period, skewness and kurtosis."""
    sr0, share = check_number("benchmark", benchmark), check_level(level)
    return float(_core.stats.minimum_track_record(sr, skew, kurt, sr0, share, null_variance))


def expected_maximum_sharpe(n: float, variance: float) -> float:
    """The best ratio of n independent trials without skill, whose ratios have this variance (per period)."""
    return float(_core.stats.expected_maximum_sharpe(check_number("n", n, 1.0), check_number("variance", variance, 0.0)))


def deflated_sharpe_ratio(x: Any, n_trials: float, variance: float) -> float:
    """The probability of skill after n trials whose ratios have this variance per period (Bailey and López de Prado 2014)."""
    sr, n, skew, kurt = _core.stats.sharpe_moments(read_series(x))
    return deflated_sharpe_ratio_from_moments(sr, n, skew, kurt, n_trials, variance)


def deflated_sharpe_ratio_from_moments(
    sr: float, n: float, skew: float, kurt: float, n_trials: float, variance: float, null_variance: bool = False
) -> float:
    """`deflated_sharpe_ratio` from the ratio per period, the periods, skewness and kurtosis."""
    trials, spread = check_number("n_trials", n_trials, 1.0), check_number("variance", variance, 0.0)
    return float(_core.stats.deflated_sharpe(sr, n, skew, kurt, trials, spread, null_variance))


def minimum_backtest_length(n: float, sr_annual: float) -> float:
    """Years below which the best of n trials without skill is expected to reach this annualised ratio (Bailey et al. 2014)."""
    return float(_core.stats.minimum_backtest_length(check_number("n", n, 1.0), check_number("sr_annual", sr_annual)))

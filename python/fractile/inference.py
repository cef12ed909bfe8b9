# Copyright The fractile authors. Licensed under the Apache License, Version 2.0.
"""The errors, intervals and tests of a result's numbers."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from fractile import _core
from fractile.stats.bootstrap import choose_block
from fractile.stats.series import check_level, check_number, check_seed, check_whole, refuse

if TYPE_CHECKING:
    from fractile.result import BacktestResult

_SERIES = ("ret", "ret_net")
_CALENDAR = {"year": "{0.year:04d}", "quarter": "{0.year:04d}Q{0.quarter}", "month": "{0.year:04d}-{0.month:02d}"}


def periods_per_year_of(result: BacktestResult) -> float:
    """Periods per year of a result's returns."""
    return float(result.periods_per_year)


def returns_of(result: BacktestResult, series: str) -> pd.Series:
    """Returns of the overall book by date."""
    return pd.Series(result.daily[series].to_numpy(), index=pd.DatetimeIndex(result.daily["date"]), name=series)


def sharpe_interval(result: BacktestResult, level: float = 0.95) -> tuple[float, float]:
    """The interval of the annualised Sharpe ratio before costs, from its error under autocorrelation, without draws."""
    values = np.ascontiguousarray(result.daily["ret"].to_numpy())
    low, high = _core.stats.sharpe_interval(values, periods_per_year_of(result), level)
    return low, high


def _portfolios(result: BacktestResult) -> Iterator[tuple[str, str, pd.DataFrame]]:
    """The days of each (byvar, group) of the summary, in its order."""
    daily, grouped = result.daily, result.daily_by_group
    days = pd.DatetimeIndex(daily["date"])
    cuts: dict[str, np.ndarray] = {}
    groups = dict(iter(grouped.groupby(["byvar", "group"], sort=False))) if len(grouped) else {}
    for byvar, group in zip(result.summary["byvar"], result.summary["group"], strict=True):
        if byvar == "overall":
            yield byvar, group, daily
        elif byvar in _CALENDAR:
            if byvar not in cuts:
                cuts[byvar] = np.array([_CALENDAR[byvar].format(day) for day in days])
            yield byvar, group, daily[cuts[byvar] == group]
        else:
            yield byvar, group, groups.get((byvar, group), daily.iloc[:0])


def read_trials(trials: Any) -> tuple[float, float] | None:
    """(n, V) of the trials, or None."""
    if trials is None:
        return None
    try:
        n, variance = trials
    except (TypeError, ValueError):
        remedy = "Pass their number and the variance of their Sharpe ratios per period."
        raise refuse("trials as (n, variance)", repr(trials), remedy) from None
    return check_number("n of trials", n, 1.0), check_number("variance of trials", variance, 0.0)


def infer(result: BacktestResult, level: float, draws: int, seed: int, trials: Any) -> pd.DataFrame:
    """The frame of `BacktestResult.inference`."""
    share, n_draws, key, tried = check_level(level), check_whole("draws", draws, 1), check_seed(seed), read_trials(trials)
    per_year = periods_per_year_of(result)
    rows = []
    for byvar, group, days in _portfolios(result):
        for series in _SERIES:
            values = days[series].to_numpy(dtype=np.float64)
            values = np.ascontiguousarray(values[~np.isnan(values)])
            row = {"series": series, "byvar": byvar, "group": group, "periods": len(values)}
            rows.append(row | _infer_series(values, per_year, share, n_draws, key, tried))
    return pd.DataFrame(rows)


def _infer_series(
    values: np.ndarray, per_year: float, level: float, draws: int, seed: int, trials: tuple[float, float] | None
) -> dict[str, float]:
    ratio = _core.stats.sharpe_ratio(values, per_year)
    nw = _core.stats.newey_west(values, -1, False)
    sr, n, skew, kurt = _core.stats.sharpe_moments(values)
    block = choose_block(values, None)
    statistics = ["sharpe", "mean", "max_drawdown"]
    sharpe, mean, drawdown = _core.stats.bootstrap(values, statistics, draws, level, block, seed, 0)
    root = math.sqrt(per_year)
    dsr = math.nan if trials is None else _core.stats.deflated_sharpe(sr, n, skew, kurt, *trials, False)
    return {
        "sharpe": ratio[1],
        "se_iid": root * ratio[2],
        "se": root * ratio[3],
        "se_hac": root * ratio[4],
        "ci_low": root * sharpe[2],
        "ci_high": root * sharpe[3],
        "t_nw": nw[2],
        "p_nw": nw[3],
        "psr": _core.stats.probabilistic_sharpe(sr, n, skew, kurt, 0.0, False),
        "min_track_record": _core.stats.minimum_track_record(sr, skew, kurt, 0.0, level, False),
        "mean_ci_low": per_year * mean[2],
        "mean_ci_high": per_year * mean[3],
        "maxdd_ci_low": drawdown[2],
        "dsr": dsr,
        "trials": math.nan if trials is None else trials[0],
        "trials_effective": math.nan if trials is None else trials[0],
    }

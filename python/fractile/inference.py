# Copyright The fractile authors. Licensed under the Apache License, Version 2.0.
"""The errors, intervals and tests of a result's numbers."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import pandas as pd

from fractile import _core
from fractile.errors import ConfigError
from fractile.stats.series import check_level, check_number, check_seed, check_whole, refuse

if TYPE_CHECKING:
    from fractile.ledger import Ledger
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


class Trials(NamedTuple):
    """The trials that deflate a ratio: their number, that of independent ones, and the variance of their ratios per period."""

    number: float
    effective: float
    variance: float


def read_trials(trials: Any) -> Trials | None:
    """(n, V) of the trials, or None."""
    if trials is None:
        return None
    try:
        n, variance = trials
    except (TypeError, ValueError):
        remedy = "Pass their number and the variance of their Sharpe ratios per period."
        raise refuse("trials as (n, variance)", repr(trials), remedy) from None
    count = check_number("n of trials", n, 1.0)
    return Trials(count, count, check_number("variance of trials", variance, 0.0))


def moments_of(result: BacktestResult, series: str) -> tuple[float, ...]:
    """Sharpe ratio per period, periods, skewness and kurtosis of the overall book."""
    values = result.daily[series].to_numpy(dtype=np.float64)
    return tuple(_core.stats.sharpe_moments(np.ascontiguousarray(values[~np.isnan(values)])))


def deflate(result: BacktestResult, ledger: Ledger, study: str) -> dict[str, Any]:
    """`BacktestResult.deflation`."""
    if not study:
        raise refuse("a study", "a run that no study counts", 'Pass study="name" to the run, or name one here.')
    return ledger.deflate(study, result.run_id, result.periods_per_year, moments_of(result, "ret"), moments_of(result, "ret_net"))


def _read_study(result: BacktestResult, study: str | None) -> dict[str, Trials]:
    """Trials by series, of the study named or that of the run; none for ""."""
    if study == "" or (study is None and result.study is None):
        return {}
    found = result.deflation(study)
    counts = (float(found["trials"]), found["trials_effective"])
    return {"ret": Trials(*counts, found["variance"]), "ret_net": Trials(*counts, found["variance_net"])}


def infer(result: BacktestResult, level: float, draws: int, seed: int, study: str | None, trials: Any) -> pd.DataFrame:
    """The frame of `BacktestResult.inference`."""
    share, n_draws, key, given = check_level(level), check_whole("draws", draws, 1), check_seed(seed), read_trials(trials)
    if given is not None and study:
        raise ConfigError(
            f'REFUSED_COMBINATION: expected study or trials, found study="{study}" and trials={trials!r}. Leave one out.',
            "REFUSED_COMBINATION",
        )
    of_study = {} if given is not None else _read_study(result, study)
    per_year = periods_per_year_of(result)
    rows = []
    for byvar, group, days in _portfolios(result):
        for series in _SERIES:
            values = days[series].to_numpy(dtype=np.float64)
            values = np.ascontiguousarray(values[~np.isnan(values)])
            row = {"series": series, "byvar": byvar, "group": group, "periods": len(values)}
            tried = of_study.get(series) if byvar == "overall" else None
            rows.append(row | _infer_series(values, per_year, share, n_draws, key, given or tried))
    return pd.DataFrame(rows)


def _infer_series(
    values: np.ndarray, per_year: float, level: float, draws: int, seed: int, trials: Trials | None
) -> dict[str, float]:
    found = _core.stats.infer(values, per_year, level, draws, seed, trials, 0)
    counts = (math.nan, math.nan) if trials is None else (trials.number, trials.effective)
    return {**found, "trials": counts[0], "trials_effective": counts[1]}

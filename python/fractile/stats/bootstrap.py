# Copyright The fractile authors. Licensed under the Apache License, Version 2.0.
"""Intervals and tests that draw from the series itself."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

from fractile import _core
from fractile.stats.series import check_block, check_level, check_seed, check_whole, read_pair, read_series, refuse

STATISTICS = ("mean", "sharpe", "max_drawdown")


class BlockLength(NamedTuple):
    """The optimal expected block length of the stationary bootstrap, and the block length of the circular one."""

    stationary: float
    circular: float


class Bootstrap(NamedTuple):
    """An estimate with its percentile and BCa intervals; `draws` counts the draws that had a value."""

    estimate: float
    se: float
    low: float
    high: float
    bca_low: float
    bca_high: float
    block: float
    draws: int


class SharpeDifference(NamedTuple):
    """The difference of two ratios per period, its error, and its two-sided p-values."""

    difference: float
    se_hac: float
    p_hac: float
    p_bootstrap: float
    block: int


def optimal_block_length(x: Any) -> BlockLength:
    """Politis and White (2004), corrected by Patton, Politis and White (2009); not rounded, NaN below 10 periods."""
    return BlockLength(*_core.stats.optimal_block_length(read_series(x)))


def choose_block(values: np.ndarray, block: float | None) -> float:
    """The block given, else the optimal stationary one; 1 if that is missing or below 1."""
    chosen = check_block(block) or _core.stats.optimal_block_length(values)[0]
    return chosen if chosen >= 1.0 else 1.0


def bootstrap(
    x: Any,
    statistic: str | Callable[[np.ndarray], float],
    draws: int = 10000,
    level: float = 0.95,
    block: float | None = None,
    seed: int = 0,
) -> Bootstrap:
    """The stationary bootstrap (Politis and Romano 1994) with percentile and BCa (Efron 1987) intervals.

    Args:
        x: Returns in time order; NaN is left out.
        statistic: "mean", "sharpe" (per period), "max_drawdown" (additive, never above 0), or a function of a 1-d array.
        block: Expected block length; None takes the optimal one.
        seed: The same seed yields the same draws for every statistic.
    """
    values, n_draws, share = read_series(x), check_whole("draws", draws, 1), check_level(level)
    length, key = choose_block(values, block), check_seed(seed)
    if callable(statistic):
        interval = _bootstrap_callable(values, statistic, n_draws, share, length, key)
    elif statistic in STATISTICS:
        interval = _core.stats.bootstrap(values, [statistic], n_draws, share, length, key, 0)[0]
    else:
        raise refuse(f"a statistic of {', '.join(STATISTICS)}, or a function", repr(statistic), "Correct it.")
    estimate, se, low, high, bca_low, bca_high, count = interval[:7]
    return Bootstrap(estimate, se, low, high, bca_low, bca_high, length, count)


def _bootstrap_callable(
    values: np.ndarray, statistic: Callable[[np.ndarray], float], draws: int, level: float, block: float, seed: int
) -> tuple[Any, ...]:
    if len(values) == 0:
        return (*[math.nan] * 6, 0)
    drawn = np.empty(draws)
    for draw in range(draws):
        drawn[draw] = statistic(values[_core.stats.stationary_draw(len(values), block, seed, draw)])
    without = np.array([statistic(np.delete(values, t)) for t in range(len(values))] if len(values) > 1 else [], dtype=float)
    return tuple(_core.stats.summarise_draws(float(statistic(values)), drawn, without, level))


def sharpe_difference(x: Any, y: Any, draws: int = 10000, block: int | None = None, seed: int = 0) -> SharpeDifference:
    """The difference of the Sharpe ratios of two series of the same periods, and its test (Ledoit and Wolf 2008).

    Args:
        x: Returns; two Series are joined on their index, two arrays have one length.
        y: Returns of the other series.
        block: Block length; None takes the larger circular optimal one, rounded up.
    """
    a, b = read_pair(x, y)
    n_draws, length = check_whole("draws", draws, 1), 0 if block is None else check_whole("block", block, 1)
    return SharpeDifference(*_core.stats.sharpe_difference(a, b, n_draws, length, check_seed(seed), 0))

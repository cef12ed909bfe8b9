# Copyright The fractile authors. Licensed under the Apache License, Version 2.0.
"""Many signals at once: corrected p-values, data snooping and overfitting."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from fractile import _core
from fractile.stats.series import check_block, check_number, check_seed, check_whole, read_common, read_grid, refuse

METHODS = ("bonferroni", "holm", "bh", "by")
_SERIES = ("ret", "resret", "ret_net", "resret_net")
_MOST_BLOCKS = 24  # 2.7 million splits
_DEFAULT_BLOCKS = 16


class Overfitting(NamedTuple):
    """Cross-validation of the choice of the best: its probability of being luck."""

    pbo: float
    prob_loss: float
    slope: float
    intercept: float
    logits: np.ndarray
    splits: int


class MonotonicRelation(NamedTuple):
    """The smallest difference between neighbours, and p against "no such pattern"."""

    j: float
    p: float
    p_studentised: float
    block: float


def adjust_p_values(p: Any, method: str) -> Any:
    """Corrects p-values for their number: "bonferroni", "holm", "bh" (Benjamini-Hochberg) or "by" (Benjamini-Yekutieli).

    The order stays. NaN stays NaN and is not counted.
    """
    if method not in METHODS:
        raise refuse(f"method {', '.join(METHODS)}", repr(method), "Correct it.")
    values = np.ascontiguousarray(np.asarray(p, dtype=np.float64))
    if values.ndim != 1 or (values < 0).any() or (values > 1).any():
        raise refuse("p-values from 0 to 1 in one dimension", "others", "Correct them.")
    adjusted = _core.stats.adjust_p_values(values, method)
    return pd.Series(adjusted, index=p.index, name=p.name) if isinstance(p, pd.Series) else adjusted


def multiple_testing(
    results: Any,
    series: str = "ret_net",
    draws: int = 10000,
    seed: int = 0,
    block: float | None = None,
    short: str = "refuse",
    periods_per_year: float | None = None,
) -> pd.DataFrame:
    """Tests which of many signals earn more than luck explains.

    Args:
        results: Results in a dict or a list, or a frame of returns (periods by signals).
        series: Column of returns in each result.
        draws: Draws of the stationary bootstrap, common to all signals.
        block: Expected block length; None takes the largest optimal one.
        short: "refuse", or "drop", a signal with fewer than half of the periods of the longest.
        periods_per_year: Periods per year of a frame of returns; None is 252.

    Returns:
        One row per signal: signal, sharpe (annualised), t_nw, p (one-sided), p_bonferroni, p_holm, p_bh, p_by,
        p_romano_wolf; ``attrs`` has reality_check_p, spa_p, pbo, effective_trials, periods, block and dropped.
    """
    frame, per_year = _read_results(results, series, periods_per_year)
    n_draws, length, key = check_whole("draws", draws, 1), check_block(block), check_seed(seed)
    if short not in ("refuse", "drop"):
        raise refuse('short "refuse" or "drop"', repr(short), "Correct it.")
    frame, dropped = _leave_out_short(frame, short == "drop")
    grid = read_common(frame)
    if len(grid) < 2:
        raise refuse("2 periods that all signals have", len(grid), "Pass signals of the same dates.")
    columns, reality_check_p, spa_p, length = _core.stats.test_many(grid, n_draws, length, key, 0)
    columns["sharpe"] = math.sqrt(per_year) * columns["sharpe"]
    table = pd.DataFrame({"signal": list(frame.columns), **columns})
    can_split = grid.shape[1] >= 2 and len(grid) >= 2 * _DEFAULT_BLOCKS
    table.attrs = {
        "reality_check_p": reality_check_p,
        "spa_p": spa_p,
        "pbo": float(_core.stats.probability_of_overfitting(grid, _DEFAULT_BLOCKS, 0)[0]) if can_split else math.nan,
        "effective_trials": float(_core.stats.effective_trials(grid, 0)),
        "periods": len(grid),
        "block": length,
        "dropped": dropped,
    }
    return table


def _read_results(results: Any, series: str, periods_per_year: float | None) -> tuple[pd.DataFrame, float]:
    from fractile.inference import periods_per_year_of, returns_of

    given = None if periods_per_year is None else check_number("periods_per_year", periods_per_year, 0.0)
    if isinstance(results, (pd.DataFrame, np.ndarray)):
        frame = results if isinstance(results, pd.DataFrame) else pd.DataFrame(read_grid(results))
        if frame.shape[1] == 0:
            raise refuse("a signal", "none", "Pass a frame with columns.")
        return frame, given or 252.0
    if series not in _SERIES:
        raise refuse(f"series {', '.join(_SERIES)}", repr(series), "Correct it.")
    named = dict(results) if isinstance(results, Mapping) else dict(enumerate(results))
    if not named:
        raise refuse("a result", "none", "Pass a dict or a list of results.")
    columns = {}
    for name, result in named.items():
        if isinstance(result, Exception):
            raise refuse(f'a result for signal "{name}"', f"the error {result}", "Leave it out.")
        columns[name] = returns_of(result, series)
    return pd.DataFrame(columns).sort_index(), given or periods_per_year_of(next(iter(named.values())))


def _leave_out_short(frame: pd.DataFrame, drop: bool) -> tuple[pd.DataFrame, list[Any]]:
    periods = frame.notna().to_numpy().sum(axis=0)
    is_short = 2 * periods < periods.max()
    dropped = list(frame.columns[is_short])
    if dropped and not drop:
        place = int(np.argmax(is_short))
        raise refuse(
            f"every signal on half or more of the {periods.max()} periods of the longest",
            f'{periods[place]} of signal "{dropped[0]}"' + (f" and {len(dropped) - 1} more such signals" if dropped[1:] else ""),
            'They would shorten all others: pass short="drop", or leave them out.',
        )
    return frame.loc[:, ~is_short], dropped


def probability_of_backtest_overfitting(frame: Any, blocks: int = _DEFAULT_BLOCKS) -> Overfitting:
    """The probability that the best signal of one half of the time is below the median in the other (Bailey et al. 2017).

    Args:
        frame: Returns, periods by signals; periods that a signal lacks are left out.
        blocks: Even number of stretches of time; every half of them is tried.
    """
    n_blocks = check_whole("blocks", blocks, 2)
    if n_blocks % 2 or n_blocks > _MOST_BLOCKS:
        raise refuse(f"an even number of blocks up to {_MOST_BLOCKS}", n_blocks, "16 is usual.")
    grid = read_common(frame)
    if grid.shape[1] < 2 or len(grid) < 2 * n_blocks:
        expected = f"2 signals and {2 * n_blocks} common periods at the minimum"
        raise refuse(expected, f"{grid.shape[1]} and {len(grid)}", "Pass more, or fewer blocks.")
    pbo, prob_loss, slope, intercept, logits = _core.stats.probability_of_overfitting(grid, n_blocks, 0)
    return Overfitting(pbo, prob_loss, slope, intercept, logits, len(logits))


def effective_trials(frame: Any) -> float:
    """The number of independent signals to which correlated ones are equivalent, by their mean correlation."""
    return float(_core.stats.effective_trials(read_grid(frame), 0))


def monotonic_relation_test(
    frame: Any, increasing: bool = True, draws: int = 10000, seed: int = 0, block: float | None = None
) -> MonotonicRelation:
    """Tests if returns rise from each quantile to the next (Patton and Timmermann 2010). A small p supports it.

    Args:
        frame: Returns of the quantiles, periods by quantiles, the lowest first.
        increasing: False tests a fall.
        block: Expected block length; None takes the largest optimal one of the differences.
    """
    grid = read_common(frame)
    n_draws, length, key = check_whole("draws", draws, 1), check_block(block), check_seed(seed)
    if grid.shape[1] < 2:
        raise refuse("2 quantiles at the minimum", grid.shape[1], "Pass a frame of one column per quantile.")
    differences = np.ascontiguousarray(np.diff(grid, axis=1) * (1.0 if increasing else -1.0))
    return MonotonicRelation(*_core.stats.test_monotonic(differences, n_draws, length, key, 0))

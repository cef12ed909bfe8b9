# Copyright The fractile authors. Licensed under the Apache License, Version 2.0.
"""The mean and its error under autocorrelation."""

from __future__ import annotations

from typing import Any, NamedTuple

from fractile import _core
from fractile.stats.series import check_whole, read_series, refuse


class NeweyWest(NamedTuple):
    """The mean with its error; p is two-sided, of the normal distribution."""

    mean: float
    se: float
    t: float
    p: float
    lags: int


def newey_west(x: Any, lags: int | None = None, small_sample: bool = False) -> NeweyWest:
    """The mean, its error and its t statistic, Newey and West (1987).

    Args:
        x: Returns in time order; NaN is left out.
        lags: Lag length; None takes floor(4 (T/100)^(2/9)).
        small_sample: Multiply the variance by T/(T-1).
    """
    values = read_series(x)
    if lags is not None:
        lags = check_whole("lags", lags, 0)
        if lags >= max(len(values), 1):
            raise refuse(f"lags below the {len(values)} periods", lags, "Pass fewer lags or a longer series.")
    return NeweyWest(*_core.stats.newey_west(values, -1 if lags is None else lags, bool(small_sample)))

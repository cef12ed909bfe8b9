# Copyright The fractile authors. Licensed under the Apache License, Version 2.0.
"""The separate drawdowns of a series."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pandas as pd

from fractile import _core
from fractile.stats.series import check_whole, read_series

_COLUMNS = ("start", "trough", "end", "depth", "length", "recovery")


def drawdown_table(x: Any, top: int = 5) -> pd.DataFrame:
    """The deepest drawdowns of the running sum of returns, deepest first.

    start is the first period below the peak; end is the first period at the peak again (missing if there is none).
    length counts the periods below the peak, recovery those after the trough. For an array, dates are positions.
    """
    values = read_series(x)
    n = len(values)
    dates = np.arange(n) if not isinstance(x, pd.Series) else x.index[~x.isna().to_numpy()]
    found = _core.stats.drawdowns(values, check_whole("top", top, 1))
    rows = [(s, trough, end, depth, end - s, end - trough - 1 if end < n else math.nan) for s, trough, end, depth in found]
    start, trough, end, depth, length, recovery = zip(*rows) if rows else ((),) * 6
    table: dict[str, Any] = {"start": dates[list(start)], "trough": dates[list(trough)], "end": _dates_or_missing(dates, end)}
    table |= {"depth": np.array(depth, dtype=float), "length": np.array(length, dtype=np.int64)}
    return pd.DataFrame(table | {"recovery": np.array(recovery, dtype=float)}, columns=list(_COLUMNS))


def _dates_or_missing(dates: Any, places: tuple[int, ...]) -> Any:
    if isinstance(dates, np.ndarray):
        return np.array([p if p < len(dates) else math.nan for p in places], dtype=float)
    missing = pd.NaT if isinstance(dates, (pd.DatetimeIndex, pd.PeriodIndex)) else math.nan
    ends = [dates[p] if p < len(dates) else missing for p in places]
    return pd.Series(ends, dtype=dates.dtype if isinstance(dates, (pd.DatetimeIndex, pd.PeriodIndex)) else None).to_numpy()

# Copyright The fractile authors. Licensed under the Apache License, Version 2.0.
"""Contributions of names to the overall book: lists from the table of analysis "drilldown"."""

from __future__ import annotations

import operator
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from fractile.errors import ConfigError

if TYPE_CHECKING:
    from fractile.result import BacktestResult

_NAMES_PER_DAY = 5


def list_contributions(result: BacktestResult, date: Any, top: int | None) -> pd.DataFrame:
    """`BacktestResult.contribution`."""
    table = _require(result)
    limit = None if top is None else _whole("top", top)
    if date is None:
        held = table.assign(days=table["weight"] != 0)
        sums = held.groupby("security_id", sort=True)[["days", "contribution", "tc"]].sum(min_count=1).reset_index()
        return _largest(sums.astype({"days": "int64"}), limit)
    day = _find_day(result, date)
    return _largest(_of_day(table, day), limit)


def list_days(result: BacktestResult, n: int, worst: bool) -> pd.DataFrame:
    """`BacktestResult.worst_days` and `best_days`."""
    table = _require(result)
    ret = result.daily.set_index("date")["ret"]
    days = (ret if worst else -ret).sort_values(kind="stable").index[: _whole("n", n)]
    wanted = table[table["date"].isin(days)]
    parts = [_largest(_of_day(wanted, day), _NAMES_PER_DAY) for day in days]
    return pd.concat(parts, ignore_index=True) if parts else _of_day(table.iloc[:0], None)


def _require(result: BacktestResult) -> pd.DataFrame:
    table: pd.DataFrame | None = result.drilldown
    if table is None:
        raise ConfigError(
            'INVALID_VALUE: expected a run with analysis "drilldown", found none. Pass analysis=["drilldown"] to the run.',
            "INVALID_VALUE",
        )
    return table


def _whole(name: str, value: Any) -> int:
    try:
        number = operator.index(value)
    except TypeError:
        number = -1
    if number < 0:
        raise ConfigError(
            f"INVALID_VALUE: expected {name} as a whole number from 0, found {value!r}. Correct it.", "INVALID_VALUE"
        )
    return number


def _find_day(result: BacktestResult, date: Any) -> pd.Timestamp:
    dates = result.daily["date"]
    try:
        day = pd.Timestamp(date)
        if (dates == day).any():
            return day
    except (TypeError, ValueError):
        pass  # no date at all
    span = f" from {dates.iloc[0]:%Y-%m-%d} to {dates.iloc[-1]:%Y-%m-%d}" if len(dates) else "; it has none"
    raise ConfigError(
        f"INVALID_VALUE: expected a day of the result{span}, found {date!r}. Choose one of result.daily.", "INVALID_VALUE"
    )


def _of_day(table: pd.DataFrame, day: Any) -> pd.DataFrame:
    rows = table[table["date"] == day]
    side = np.select([rows["weight"] > 0, rows["weight"] < 0], ["long", "short"], "none")
    return rows.assign(side=side)[["date", "security_id", "side", "weight", "ret", "contribution", "tc"]]


def _largest(rows: pd.DataFrame, limit: int | None) -> pd.DataFrame:
    """The largest |contribution| first; rows come with securities ascending, which decides ties."""
    order = np.argsort(-rows["contribution"].abs().to_numpy(), kind="stable")
    return rows.iloc[order[:limit]].reset_index(drop=True)

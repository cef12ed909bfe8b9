# Copyright The fractile authors. Licensed under the Apache License, Version 2.0.
"""Frequency and formation of methodology sections 1 and 2, by pandas' own periods."""

from __future__ import annotations

import pandas as pd

PERIODS = {"monthly": "M", "quarterly": "Q", "yearly": "Y"}


def detect(dates: list[pd.Timestamp]) -> tuple[str, int]:
    """(frequency, periods per year) of ascending trading days."""
    if len(dates) < 2:
        return "daily", 252
    days = pd.Series(dates)
    gap = days.diff().dt.days.median()
    if gap <= 4:
        weeks = days.dt.to_period("W").nunique()
        saturdays, sundays = ((days.dt.dayofweek == k).sum() for k in (5, 6))
        return "daily", 365 if saturdays > weeks / 2 and sundays > weeks / 2 else 252
    for name, low, high, periods in (("weekly", 5, 10, 52), ("monthly", 25, 45, 12), ("quarterly", 80, 135, 4)):
        if low <= gap <= high:
            return name, periods
    if gap >= 330:
        return "yearly", 1
    mean = (dates[-1] - dates[0]).days / (len(dates) - 1)
    return "irregular", max(1, int(365.25 / mean + 0.5))


def formation_day(dates: list[pd.Timestamp], frequency: str, sig: pd.Timestamp, from_open: bool) -> int:
    """Number of the trade day of a row that has no date_avail; len(dates) beyond the calendar."""

    def first(is_late) -> int:
        return next((n for n, d in enumerate(dates) if is_late(d)), len(dates))

    if frequency == "daily" or from_open:
        return first(lambda d: d > sig)
    if frequency in PERIODS:
        period = sig.to_period(PERIODS[frequency])
        last = max((n for n, d in enumerate(dates) if d.to_period(PERIODS[frequency]) == period), default=None)
        if last is not None and dates[last] < sig:
            return last
    return first(lambda d: d >= sig)

# Copyright The fractile authors. Licensed under the Apache License, Version 2.0.
"""The oracle's panel: dictionaries by (security, day number)."""

from __future__ import annotations

import bisect

import numpy as np
import pandas as pd

from .calendar import detect, formation_day

EXPOSURES = ["size", "value", "growth", "leverage", "volatility", "momentum", "yield"]


class Panel:
    def __init__(self, frame: pd.DataFrame) -> None:
        frame = frame.copy()
        frame["date"] = pd.to_datetime(frame["date"])
        self.columns = [c for c in frame.columns if c not in ("security_id", "date")]
        self.dates = sorted(frame["date"].unique())
        self.dates = [pd.Timestamp(d) for d in self.dates]
        self.frequency, self.periods_per_year = detect(self.dates)
        self._formation: dict[tuple[pd.Timestamp, bool], int] = {}
        self.number = {d: n for n, d in enumerate(self.dates)}
        frame["n"] = frame["date"].map(self.number)
        self.rows: dict[tuple[int, int], dict] = {}
        self.days: dict[int, list[int]] = {}
        for record in frame.to_dict("records"):
            self.rows[(record["security_id"], record["n"])] = record
            self.days.setdefault(record["security_id"], []).append(record["n"])
        for days in self.days.values():
            days.sort()
        self.names_on = frame.groupby("n")["security_id"].size().to_dict()

    def formation_day(self, sig: pd.Timestamp, from_open: bool) -> int:
        """The trade day of a row without date_avail; cached, because it is slow."""
        key = (sig, from_open)
        if key not in self._formation:
            self._formation[key] = formation_day(self.dates, self.frequency, sig, from_open)
        return self._formation[key]

    def on_or_after(self, day: pd.Timestamp) -> int:
        return bisect.bisect_left(self.dates, day)

    def newest_up_to(self, security: int, n: int) -> int | None:
        """Number of the security's newest row on or before day n."""
        days = self.days.get(security, [])
        at = bisect.bisect_right(days, n)
        return days[at - 1] if at else None

    def recent_row(self, security: int, day: pd.Timestamp) -> dict | None:
        """Newest row on or before a calendar day, up to 5 calendar days older."""
        n = self.newest_up_to(security, bisect.bisect_right(self.dates, day) - 1)
        if n is None or (day - self.dates[n]).days > 5:
            return None
        return self.rows[(security, n)]

    def asof(self, security: int, r: int, mode: str) -> dict | None:
        if mode == "return_day":
            return self.rows.get((security, r))
        return None if r == 0 else self.recent_row(security, self.dates[r - 1])

    def last_known(self, security: int, r: int, column: str, mode: str, positive: bool = False) -> float | None:
        """A value as of r, else the newest one known up to then, of any age."""
        last = r if mode == "return_day" else r - 1
        days = self.days.get(security, [])
        for n in reversed(days[: bisect.bisect_right(days, last)]):
            x = value(self.rows[(security, n)], column)
            if x is not None and (not positive or x > 0):
                return x
        return None


def value(row: dict | None, column: str):
    """A row's value; None if the row or the value is missing."""
    if row is None or column not in row:
        return None
    x = row[column]
    if x is None or x is pd.NA or (isinstance(x, (float, np.floating)) and np.isnan(x)):
        return None
    return x

# Copyright The fractile authors. Licensed under the Apache License, Version 2.0.
"""Methodology section 2: rows to return days, with every drop counted."""

from __future__ import annotations

import numpy as np
import pandas as pd

from .book import regression_weight
from .panel import EXPOSURES, Panel, value

CAUSES = [
    "null_key",
    "null_signal",
    "unknown_security",
    "outside_dates",
    "no_return",
    "outside_universe",
    "no_exposure",
    "duplicate",
    "bad_open_print",
]
MIDNIGHT = pd.Timedelta(0)


class Refused(Exception):
    def __init__(self, code: str) -> None:
        super().__init__(code)
        self.code = code


def in_universe(row: dict | None, universe: dict | None) -> bool:
    for column, rule in (universe or {}).items():
        x = value(row, column)
        if x is None:
            return False
        if isinstance(rule, dict):
            if rule.get("min") is not None and not x >= rule["min"]:
                return False
            if rule.get("max") is not None and not x <= rule["max"]:
                return False
        elif x not in list(rule):
            return False
    return True


def has_regressors(row: dict | None, cfg: dict) -> bool:
    needed = (["industry_id"] if cfg["resid"] in ("industry", "all") else []) + (
        list(cfg["factors"] or EXPOSURES) if cfg["resid"] in ("factor", "all") else []
    )
    return all(value(row, c) is not None for c in needed) and regression_weight(row, cfg["neutralize_weight"]) is not None


def resolve(panel: Panel, sig, avail, given, cfg, counts) -> int | None:
    """Returns the return day, or None if it is outside the calendar; applies rule 6."""
    from_open, lag = cfg["from_open"], cfg["lag"]
    size = len(panel.dates)
    sig = sig.normalize()
    if avail is not None:
        day, clock = avail.normalize(), avail - avail.normalize()
        late = pd.Timedelta(hours=9 if from_open else 16)
        trade = panel.on_or_after(day)
        if day in panel.number and clock >= late:
            trade += 1
        if day < sig:
            counts["impossible"] += 1
    else:
        trade = panel.formation_day(sig, from_open)
    if given is not None:
        given = given.normalize()
        fixed = given
    else:
        fixed = avail.normalize() if avail is not None else sig
    if fixed < panel.dates[0]:
        return None
    if given is not None:
        r = panel.on_or_after(given)
        if r < size and panel.dates[r] != given:
            counts["return_day_rolled"] += 1
    else:
        r = trade + (0 if from_open else 1)
    if r >= size or r + lag >= size:
        return None
    r += lag
    day_r = panel.dates[r]
    early = (
        from_open
        and avail is not None
        and avail.normalize() == day_r
        and MIDNIGHT < avail - avail.normalize() < pd.Timedelta(hours=9)
    )
    if (day_r < sig or (day_r == sig and not early)) and not (avail is not None and avail.normalize() < sig):
        counts["impossible"] += 1
    if given is not None and avail is not None and trade > (r if from_open else r - 1):
        counts["trade_before_avail"] += 1
    return r


def align(panel: Panel, signal: pd.DataFrame, sigvar: str, first: int, last: int, cfg: dict):
    """{(security, r): (s, exposure row)} and the counts."""
    # One rule of methodology section 2 after the other, so that both can be read side by side.
    counts = {name: 0 for name in CAUSES}
    counts.update(rows_given=len(signal), return_day_rolled=0, trade_before_avail=0, impossible=0, rows_carried=0)
    given_column = "date_openret" if cfg["from_open"] else "date_ret"
    used: dict[tuple[int, int], tuple] = {}

    def stamp(record, column):
        x = record.get(column)
        return None if x is None or pd.isna(x) else pd.Timestamp(x)

    for record in signal.to_dict("records"):
        security, s = record["security_id"], record[sigvar]
        sig = stamp(record, "date_sig")
        if security is None or pd.isna(security) or sig is None:
            counts["null_key"] += 1
            continue
        r = resolve(panel, sig, stamp(record, "date_avail"), stamp(record, given_column), cfg, counts)
        if s is None or pd.isna(s):
            counts["null_signal"] += 1
            continue
        if np.isinf(s):
            raise Refused("INFINITE_SIGNAL")
        if security not in panel.days:
            counts["unknown_security"] += 1
            continue
        if r is None or not first <= r <= last:
            counts["outside_dates"] += 1
            continue
        row = panel.rows.get((security, r))
        if row is None:
            counts["no_return"] += 1
            continue
        if not in_universe(panel.asof(security, r, cfg["characteristics_asof"]), cfg["universe"]):
            counts["outside_universe"] += 1
            continue
        exposures = None
        if cfg["resid"] != "off":
            exposures = panel.recent_row(security, sig.normalize())
            if not has_regressors(exposures, cfg):
                counts["no_exposure"] += 1
                continue
        if (security, r) in used:
            counts["duplicate"] += 1
        used[(security, r)] = (float(s), exposures)
    if counts["impossible"]:
        raise Refused("IMPOSSIBLE_DATES")
    if cfg["lookahead"] == "error" and counts["trade_before_avail"]:
        raise Refused("TRADE_BEFORE_AVAIL")

    def is_bad_open(security, r):
        x = value(panel.rows[(security, r)], "openret")
        return cfg["from_open"] and cfg["bad_open"] == "drop" and x is not None and x <= -0.95

    for key in [k for k in used if is_bad_open(*k)]:
        del used[key]
        counts["bad_open_print"] += 1
    counts["rows_used"] = len(used)
    if not used:
        raise Refused("NO_USABLE_ROWS")

    if cfg["hold_days"] != 1:
        until_next = cfg["hold_days"] == "next"
        all_days = sorted({r for _, r in used})
        by_security: dict[int, list[int]] = {}
        for security, r in used:
            by_security.setdefault(security, []).append(r)
        for security, days in by_security.items():
            days.sort()
            for at, r in enumerate(days):
                stop = days[at + 1] if at + 1 < len(days) else last + 1
                held = next((d for d in all_days if d > r), last + 1) if until_next else r + cfg["hold_days"]
                for n in range(r + 1, min(held, stop, last + 1)):
                    if (security, n) not in panel.rows or is_bad_open(security, n):
                        continue
                    if not in_universe(panel.asof(security, n, cfg["characteristics_asof"]), cfg["universe"]):
                        continue
                    used[(security, n)] = used[(security, r)]
                    counts["rows_carried"] += 1
    return used, counts

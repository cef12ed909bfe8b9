# Copyright The fractile authors. Licensed under the Apache License, Version 2.0.
"""The proof by truncation: a function that makes a signal must not change the past when the future does."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
import pandas as pd

from fractile.stats.series import check_number, check_whole, refuse

_KEYS = ["security_id", "date_sig"]
_MAX_ROWS = 20
_SEED = 20_200_102


class FunctionAudit(NamedTuple):
    """verdict: pass or look-ahead. days: those at which the panel was cut. rows: the first that differ."""

    verdict: str
    days: list[pd.Timestamp]
    rows: pd.DataFrame


def audit_function(
    function: Callable[[pd.DataFrame], pd.DataFrame], panel: pd.DataFrame, n_dates: int = 8, rtol: float = 1e-9
) -> FunctionAudit:
    """Proves that a signal's past does not depend on the future of its panel.

    function(panel up to t) must equal function(panel) on the rows up to t, for several days t; and once more with every
    number after the middle day replaced by noise. This finds z-scores over the whole sample, centred windows and values
    that are filled backwards.

    Args:
        function: From a panel (security_id, date, ...) to a frame with security_id, date_sig and signal.
        panel: The panel; its rows keep their order.
        n_dates: Days at which the panel is cut, evenly spread over its days, without the first and the last.
        rtol: Differences up to this share of the day's largest |signal| are rounding; 0 compares to the last bit.

    Raises:
        ConfigError: The panel has fewer than three days, or the function answers the same panel differently when asked again.
    """
    cuts, share = check_whole("n_dates", n_dates, 1), check_number("rtol", rtol, 0.0)
    dates = pd.to_datetime(panel["date"])
    days = np.sort(dates.dropna().unique())
    if len(days) < 3:
        raise refuse("a panel of three days or more", len(days), "Pass more days.")
    chosen = [pd.Timestamp(days[i]) for i in np.unique(np.linspace(0, len(days) - 1, cuts + 2).round().astype(int)[1:-1])]
    chosen = [day for day in chosen if days[0] < day < days[-1]]
    whole = _answer(function, panel)
    again = _compare(whole, _answer(function, panel), pd.Timestamp(days[-1]), 0.0)
    if len(again):
        row = again.iloc[0]
        raise refuse(
            "a function that answers the same panel the same",
            f"security_id {row['security_id']}, date_sig {row['date_sig']:%Y-%m-%d} with two values",
            "Fix its seed.",
        )
    found = [_compare(whole, _answer(function, panel[(dates <= day).to_numpy()]), day, share) for day in chosen]
    middle = chosen[len(chosen) // 2]
    found.append(_compare(whole, _answer(function, _with_noise(panel, (dates > middle).to_numpy())), middle, share))
    differing = [rows for rows in found if len(rows)]
    shown = pd.concat(differing, ignore_index=True).head(_MAX_ROWS) if differing else found[0]
    return FunctionAudit("look-ahead" if differing else "pass", chosen, shown)


def _answer(function: Callable[[pd.DataFrame], pd.DataFrame], panel: pd.DataFrame) -> pd.DataFrame:
    """The function's rows by key. It gets a copy, because it may write to it."""
    frame = function(panel.copy())
    missing = [name for name in (*_KEYS, "signal") if name not in getattr(frame, "columns", ())]
    if missing:
        raise refuse(
            "a function that returns a frame with security_id, date_sig and signal",
            f"none with {', '.join(missing)}",
            "Name its columns so.",
        )
    frame = frame[[*_KEYS, "signal"]].assign(date_sig=pd.to_datetime(frame["date_sig"]))
    if frame.duplicated(_KEYS).any():
        row = frame[frame.duplicated(_KEYS)].iloc[0]
        raise refuse(
            "each security and date once", f"security_id {row['security_id']}, date_sig {row['date_sig']} twice", "Keep one."
        )
    return frame


def _with_noise(panel: pd.DataFrame, later: np.ndarray) -> pd.DataFrame:
    """The panel with every number of the later rows overwritten. Keys, texts and missing values stay."""
    rng = np.random.default_rng(_SEED)
    out = panel.copy()
    for name in panel.columns:
        column = panel[name]
        if name in ("security_id", "date") or not pd.api.types.is_numeric_dtype(column) or pd.api.types.is_bool_dtype(column):
            continue
        chosen = later & column.notna().to_numpy()
        values = column.to_numpy(dtype=np.float64, na_value=np.nan)
        scale = float(np.nanstd(values)) if np.isfinite(values).any() else 1.0
        noise = rng.normal(float(np.nanmean(values)) if np.isfinite(values).any() else 0.0, scale or 1.0, int(chosen.sum()))
        if pd.api.types.is_integer_dtype(column):
            noise = noise.round()
        changed = column.copy()
        changed[chosen] = noise.astype(np.int64) if pd.api.types.is_integer_dtype(column) else noise
        out[name] = changed
    return out


def _compare(whole: pd.DataFrame, part: pd.DataFrame, day: pd.Timestamp, share: float) -> pd.DataFrame:
    """The rows up to a day that differ: t, security_id, date_sig, signal on the whole panel, signal on the cut one."""
    joined = whole[whole["date_sig"] <= day].merge(
        part[part["date_sig"] <= day], on=_KEYS, how="outer", suffixes=("_whole", "_cut"), indicator=True
    )
    a, b = (joined[name].to_numpy(dtype=np.float64, na_value=np.nan) for name in ("signal_whole", "signal_cut"))
    largest = pd.Series(np.fmax(np.abs(a), np.abs(b))).groupby(joined["date_sig"].to_numpy()).transform("max").to_numpy()
    with np.errstate(invalid="ignore"):
        is_equal = (a == b) | (np.isnan(a) & np.isnan(b)) | (np.abs(a - b) <= share * largest)
    differs = ~is_equal | (joined["_merge"] != "both").to_numpy()
    rows = joined[differs].sort_values(["date_sig", "security_id"]).head(_MAX_ROWS)
    rows = rows[[*_KEYS, "signal_whole", "signal_cut"]].reset_index(drop=True)
    rows.insert(0, "t", day)
    return rows

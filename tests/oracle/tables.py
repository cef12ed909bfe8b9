# Copyright The fractile authors. Licensed under the Apache License, Version 2.0.
"""Methodology section 8: the tables."""

from __future__ import annotations

import math

import numpy as np
import pandas as pd

SERIES = ["ret", "resret", "ret_net", "resret_net"]


def stats(x: np.ndarray, periods: float = 252) -> dict:
    n = len(x)
    nan = float("nan")
    mean = x.mean() if n else nan
    std = x.std(ddof=1) if n > 1 else nan
    ok = n > 1 and std >= 1e-15
    e = x - mean if n else x
    out = {"mean": mean, "std": std, "sharpe": periods * mean / (math.sqrt(periods) * std) if ok else nan}
    out["pct_pos"] = float((x > 1e-15).mean()) if n and not np.isnan(x[0]) else nan
    out["t"] = mean / (std / math.sqrt(n)) if ok else nan
    out["nw"] = nan
    if n > 1:
        lags = math.floor(4 * (n / 100) ** (2 / 9))
        gamma = [float((e[k:] * e[: n - k]).sum()) / n if k < n else 0.0 for k in range(lags + 1)]
        omega = gamma[0] + 2 * sum((1 - k / (lags + 1)) * gamma[k] for k in range(1, lags + 1))
        out["nw"] = mean / math.sqrt(omega / n) if omega >= 1e-30 else nan
    m2 = float((e**2).mean()) if n else nan
    out["skew"] = float((e**3).mean()) / m2**1.5 if n and m2 >= 1e-30 else nan
    out["kurt"] = float((e**4).mean()) / m2**2 if n and m2 >= 1e-30 else nan
    level = np.concatenate([[0.0], np.cumsum(x)])
    out["maxdd"] = float((level - np.maximum.accumulate(level)).min()) if n else nan
    return out


def finish_daily(daily: pd.DataFrame) -> pd.DataFrame:
    daily = daily.copy()
    daily["ret_net"] = daily["ret"] - daily["tc"] - daily["borrow"]
    daily["resret_net"] = daily["resret"] - daily["tc"] - daily["borrow"]
    daily["cumret"] = daily["ret"].cumsum()
    daily["cumret_net"] = daily["ret_net"].cumsum()
    daily["drawdown"] = daily["cumret"] - daily["cumret"].cummax().clip(lower=0)
    return daily


def summary_row(byvar: str, group: str, daily: pd.DataFrame, exposures: list[str], periods: float) -> dict:
    held = daily["numcos_l"] + daily["numcos_s"] > 0 if len(daily) else pd.Series([], dtype=bool)
    n = int(held.sum())
    row: dict = {"byvar": byvar, "group": group, "num_date": n}
    for column in ("numcos_l", "numcos_s"):
        row[column] = daily[column].sum() / n if n else np.nan
    for name in SERIES:
        st = stats(daily[name].to_numpy(float), periods)
        row[f"{name}_ann"] = periods * st["mean"]
        row[f"{name}_std"] = math.sqrt(periods) * st["std"]
        row[f"sharpe_{name}"] = st["sharpe"]
        row[f"{name}_pct_pos"] = st["pct_pos"]
    ret = stats(daily["ret"].to_numpy(float))
    row["maxdd"] = ret["maxdd"]
    row["maxdd_net"] = stats(daily["ret_net"].to_numpy(float))["maxdd"]
    row["turnover"] = daily["turnover"].mean() if n else np.nan
    row["tc_ann"] = periods * daily["tc"].mean() if n else np.nan
    if "borrow" in daily:
        row["borrow_ann"] = periods * daily["borrow"].mean() if n else np.nan
    row.update(t_stat=ret["t"], t_stat_nw=ret["nw"], skew=ret["skew"], kurt=ret["kurt"])
    for name in exposures:
        row[name] = daily.loc[held, f"x_{name}"].sum() / n if n else np.nan
    return row


def calendar_label(date: pd.Timestamp, byvar: str) -> str:
    if byvar == "year":
        return f"{date.year}"
    if byvar == "quarter":
        return f"{date.year}Q{date.quarter}"
    return f"{date.year}-{date.month:02d}"

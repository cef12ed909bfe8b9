# Copyright The fractile authors. Licensed under the Apache License, Version 2.0.
"""Seeded random panels and signals with every awkward case of the methodology."""

from __future__ import annotations

import numpy as np
import pandas as pd

from .panel import EXPOSURES


def make_panel(seed: int, n_days: int = 40, n_names: int = 60) -> pd.DataFrame:
    """Weekdays with holidays; entries, exits, gaps of 1 to 8 days; missing values in every optional column."""
    rng = np.random.default_rng(seed)
    dates = pd.bdate_range("2020-01-02", periods=n_days + 4)
    dates = dates.delete(sorted(rng.choice(np.arange(2, n_days), 4, replace=False)))
    ids = np.sort(rng.choice(np.arange(-5, 5 * n_names), n_names, replace=False))
    parts = []
    for k, security in enumerate(ids):
        first = 0 if k % 3 else int(rng.integers(0, n_days // 2))
        last = n_days if k % 4 else int(rng.integers(n_days // 2, n_days))
        life = np.arange(first, max(last, first + 1))
        if k % 5 == 0 and len(life) > 12:
            gap = int(rng.integers(1, len(life) - 9))
            life = np.delete(life, np.arange(gap, gap + int(rng.integers(1, 9))))
        parts.append(pd.DataFrame({"security_id": security, "date": dates[life]}))
    panel = pd.concat(parts, ignore_index=True)
    n = len(panel)

    def holes(x: np.ndarray, share: float) -> np.ndarray:
        x = np.asarray(x, dtype=float)
        return np.where(rng.random(n) < share, np.nan, x)

    panel["ret"] = holes(rng.normal(0, 0.02, n), 0.02)
    panel["resret"] = holes(panel["ret"].fillna(0) * 0.8 + rng.normal(0, 0.003, n), 0.04)
    openret = rng.normal(0, 0.02, n)
    panel["openret"] = holes(np.where(rng.random(n) < 0.02, -0.97, openret), 0.03)
    panel["resopenret"] = holes(rng.normal(0, 0.02, n), 0.04)
    mcap = rng.lognormal(20, 2, n)
    panel["mcap"] = holes(np.where(rng.random(n) < 0.03, -1.0, mcap), 0.06)
    panel["adv"] = holes(np.where(rng.random(n) < 0.03, 0.0, mcap * 0.005), 0.06)
    panel["vol"] = holes(rng.lognormal(-1, 0.5, n), 0.06)
    panel["close_adj"] = holes(np.where(rng.random(n) < 0.02, 0.0, rng.lognormal(3, 1, n)), 0.06)
    panel["cap"] = holes(rng.choice([1, 2, 3, 3, 4], n), 0.1)
    panel["industry_id"] = holes(rng.choice([101, 108, 115, 122, 990], n, p=[0.4, 0.3, 0.2, 0.08, 0.02]), 0.05)
    panel["sector_id"] = rng.integers(1, 4, n)
    for k in EXPOSURES:
        panel[k] = holes(rng.normal(0, 1, n), 0.03)
    panel["country"] = pd.Series(rng.choice(["US", "CA", "GB"], n)).where(rng.random(n) > 0.05).to_numpy(dtype=object)
    panel["score"] = holes(np.round(rng.normal(0, 1, n), 1), 0.1)
    return panel.sample(frac=1.0, random_state=seed).reset_index(drop=True)


def add_costs(panel: pd.DataFrame, seed: int) -> pd.DataFrame:
    """borrow_bps and delist_ret, some missing, some fees negative: unknown."""
    rng = np.random.default_rng(seed + 4000)
    n = len(panel)
    fee = np.where(rng.random(n) < 0.1, -1.0, rng.choice([0.0, 30.0, 250.0, 4000.0], n))
    delisting = rng.choice([0.0, -0.3, -1.0, 0.1], n)
    return panel.assign(
        borrow_bps=np.where(rng.random(n) < 0.2, np.nan, fee), delist_ret=np.where(rng.random(n) < 0.4, np.nan, delisting)
    )


def make_signal(panel: pd.DataFrame, seed: int, ties: bool = True, messy: bool = True) -> pd.DataFrame:
    """Rows on a large part of the (security, day) pairs; messy adds duplicates, unknown ids, nulls, odd dates."""
    rng = np.random.default_rng(seed + 1000)
    signal = panel[["security_id", "date"]].rename(columns={"date": "date_sig"}).sample(frac=0.85, random_state=seed)
    n = len(signal)
    values = rng.normal(0, 1, n)
    signal["signal"] = np.round(values, 1) if ties else values
    if not messy:
        return signal.reset_index(drop=True)
    signal.loc[rng.random(n) < 0.03, "signal"] = np.nan
    extra = signal.sample(frac=0.06, random_state=seed + 1).copy()
    extra["signal"] = rng.normal(0, 1, len(extra))
    unknown = signal.sample(8, random_state=seed + 2).assign(security_id=10**9)
    odd = signal.sample(20, random_state=seed + 3).copy()
    odd["date_sig"] = odd["date_sig"] + pd.to_timedelta(rng.integers(-60, 80, len(odd)), unit="D")
    nulls = signal.sample(5, random_state=seed + 4).assign(date_sig=pd.NaT)
    out = pd.concat([signal, extra, unknown, odd, nulls], ignore_index=True)
    out = out.sample(frac=1.0, random_state=seed + 5).reset_index(drop=True)
    out["security_id"] = out["security_id"].astype("Int64")
    out.loc[out.sample(4, random_state=seed + 6).index, "security_id"] = pd.NA
    return out


def add_avail(signal: pd.DataFrame, seed: int, times: bool) -> pd.DataFrame:
    """date_avail 0 to 4 days after date_sig, some missing, some with a time of day after it."""
    rng = np.random.default_rng(seed + 2000)
    n = len(signal)
    avail = signal["date_sig"] + pd.to_timedelta(rng.integers(1, 5, n), unit="D")
    if times:
        hours = rng.choice([0, 7, 8.5, 9, 12, 15.99, 16, 20], n)
        avail = avail + pd.to_timedelta(hours * 3600, unit="s")
    return signal.assign(date_avail=avail.where(rng.random(n) > 0.1))


def add_given(signal: pd.DataFrame, seed: int, column: str) -> pd.DataFrame:
    """A given return day 1 to 8 calendar days after date_sig, some on closed days, some missing."""
    rng = np.random.default_rng(seed + 3000)
    n = len(signal)
    given = signal["date_sig"] + pd.to_timedelta(rng.integers(1, 9, n), unit="D")
    return signal.assign(**{column: given.where(rng.random(n) > 0.1)})

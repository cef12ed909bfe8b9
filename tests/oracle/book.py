# Copyright The fractile authors. Licensed under the Apache License, Version 2.0.
"""Methodology sections 3, 5 and 6: residuals, sides and weights of one cross-section."""

from __future__ import annotations

import math

import numpy as np
import pandas as pd

from .panel import EXPOSURES, value


def residualize(s: np.ndarray, rows: list[dict], mode: str) -> np.ndarray:
    if s.min() == s.max():
        return np.zeros(len(s))
    y = s - s.mean()
    sigma = s.std()
    columns = [np.ones(len(s))]
    if mode in ("industry", "all"):
        industry = np.array([r["industry_id"] for r in rows])
        columns += [(industry == code).astype(float) for code in np.unique(industry)]
    if mode in ("factor", "all"):
        columns += [np.array([float(r[k]) for r in rows]) for k in EXPOSURES]
    x = np.column_stack(columns)
    scale = np.sqrt((x**2).sum(axis=0))
    x = x / np.where(scale > 0, scale, 1.0)
    u, d, _ = np.linalg.svd(x, full_matrices=False)
    basis = u[:, d > d[0] * 1e-11]
    residual = y
    for _ in range(3):
        residual = residual - basis @ (basis.T @ residual)
    unit = 2.0 ** (math.floor(math.log2(sigma)) - 36)
    return np.round(residual / unit) * unit + 0.0


def rank_sides(s: np.ndarray, a: float, b: float) -> np.ndarray:
    m = len(s)
    r = pd.Series(s).rank(method="average").to_numpy()
    return np.where(100 * r <= a * m, -1, np.where(100 * r > b * m, 1, 0))


def sides_of(s: np.ndarray, double_values: list, cfg: dict) -> np.ndarray:
    kind = cfg["input_type"]
    if kind in ("position", "weight"):
        return np.sign(s).astype(int)
    if kind == "fractile":
        low, high = s.min(), s.max()
        return np.zeros(len(s), int) if low == high else np.where(s == high, 1, np.where(s == low, -1, 0))
    if cfg["sort_method"] == "single":
        return rank_sides(s, *cfg["fractile"])
    out = np.zeros(len(s), int)
    known = np.array([i for i, x in enumerate(double_values) if x is not None], int)
    if not len(known):
        return out
    r = pd.Series([float(double_values[i]) for i in known]).rank().to_numpy()
    bins = np.ceil(r * cfg["double_frac"] / len(known))
    for b in np.unique(bins):
        inside = known[bins == b]
        out[inside] = rank_sides(s[inside], *cfg["fractile"])
    return out


def weights_of(names: list, s: np.ndarray, sides: np.ndarray, asof: list, cfg: dict) -> tuple[dict, int]:
    """Returns {name: weight}, empty if flat, and the number of names without a usable mcap or adv."""
    column = {"value": "mcap", "volume": "adv"}.get(cfg["weight"])
    without = 0
    held: dict = {1: {}, -1: {}}
    for i, name in enumerate(names):
        side = int(sides[i])
        if side == 0 or (side < 0 and cfg["method"] == "long_only"):
            continue
        x = 1.0
        if column:
            x = value(asof[i], column)
            if x is None or not x > 0:
                without += 1
                continue
        elif cfg["input_type"] == "weight":
            x = abs(s[i])
        held[side][name] = float(x)
    needed = (1,) if cfg["method"] == "long_only" else (1, -1)
    if any(len(held[side]) < cfg["mincos"] for side in needed):
        return {}, without
    out = {}
    for side in (1, -1):
        x = np.array(list(held[side].values()))
        if column and len(x):
            q = cfg["upper_pct"] / 100
            x = np.clip(x, np.quantile(x, 1 - q), np.quantile(x, q))
        for name, w in zip(held[side], x, strict=True):
            out[name] = side * w / x.sum()
    return out, without

# Copyright The fractile authors. Licensed under the Apache License, Version 2.0.
"""Methodology sections 3, 6 and 13: residuals, sides and weights of one cross-section."""

from __future__ import annotations

import math

import numpy as np

from .panel import EXPOSURES, value
from .ranking import cap_side, drop_one_sided, find_cells, rank, sides_by_rank, sizes_of

COLLINEAR = 1e-11  # methodology section 3, rule 3
SURE = 1e-5  # below this share of a column, float64 gives fewer digits than rule 4 keeps


class Unsure(Exception):
    """The digits of a residual depend on the order of the arithmetic: one answer is as good as another."""


def regression_weight(row: dict | None, scheme: str) -> float | None:
    """The weight of a row in the least squares of section 15; None: the row has none."""
    if scheme == "equal":
        return 1.0
    x = value(row, "mcap")
    if x is None or not x > 0:
        return None
    return math.sqrt(x) if scheme == "sqrt_mcap" else float(x)


def residualize(s: np.ndarray, rows: list[dict], cfg: dict) -> np.ndarray:
    mode = cfg["resid"]
    if s.min() == s.max():
        return np.zeros(len(s))
    y = s - s.mean()
    sigma = s.std()
    columns = [np.ones(len(s))]
    if mode in ("industry", "all"):
        industry = np.array([r["industry_id"] for r in rows])
        columns += [(industry == code).astype(float) for code in np.unique(industry)]
    if mode in ("factor", "all"):
        columns += [np.array([float(r[k]) for r in rows]) for k in cfg["factors"] or EXPOSURES]
    root = np.sqrt([regression_weight(r, cfg["neutralize_weight"]) for r in rows])
    root = root / root.max()
    basis: list[np.ndarray] = []
    for column in columns:
        rest = column * root
        length = np.linalg.norm(rest)
        for _ in range(3):
            for direction in basis:
                rest = rest - direction * (direction @ rest)
        share = np.linalg.norm(rest) / length if length > 0 else 0.0
        if share > COLLINEAR:
            basis.append(rest / np.linalg.norm(rest))
            if cfg["is_strict"] and share < SURE:
                raise Unsure
    residual = y * root
    for _ in range(3):
        for direction in basis:
            residual = residual - direction * (direction @ residual)
    residual = np.zeros(len(s)) if len(basis) == len(s) else residual / root
    unit = 2.0 ** (math.floor(math.log2(sigma)) - 36)
    return np.round(residual / unit) * unit + 0.0


def sides_of(s: np.ndarray, double_values: list, categories: list, reference: np.ndarray, held: np.ndarray, cfg: dict):
    """Sides; sizes or None; r and m without one-sided categories; which categories those are."""
    kind = cfg["input_type"]
    nothing = np.full(len(s), np.nan)
    if kind in ("position", "weight"):
        return np.sign(s).astype(int), np.abs(s) if kind == "weight" else None, nothing, nothing, set()
    if kind == "fractile":
        low, high = s.min(), s.max()
        sides = np.zeros(len(s), int) if low == high else np.where(s == high, 1, np.where(s == low, -1, 0))
        return sides, None, nothing, nothing, set()
    cells = find_cells(double_values, categories, reference, cfg)
    r, m, centre, widest = rank(s, cells, reference)
    sides = sides_by_rank(r, m, held, cfg)
    one_sided: set = set()
    if cfg["rank_within"]:
        sides, one_sided = drop_one_sided(sides, categories)
        r = np.where([c in one_sided for c in categories], np.nan, r)
    sizes = sizes_of(s, sides, r, m, centre, widest, cfg) if cfg["weight"] in ("rank", "signal") else None
    return sides, sizes, r, m, one_sided


def weights_of(names: list, sides: np.ndarray, sizes: np.ndarray | None, asof: list, cfg: dict) -> tuple[dict, int]:
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
        elif sizes is not None:
            x = sizes[i]
            if x == 0:
                continue
        held[side][name] = float(x)
    needed = (1,) if cfg["method"] == "long_only" else (1, -1)
    if any(len(held[side]) < cfg["mincos"] for side in needed):
        return {}, without
    out = {}
    for side in (1, -1):
        x = np.array(list(held[side].values()))
        if not len(x):
            continue
        if column or cfg["weight"] == "signal":
            q = cfg["upper_pct"] / 100
            x = np.clip(x, np.quantile(x, 1 - q), np.quantile(x, q))
        x = x / x.sum()
        if cfg["max_weight"] < 1:
            x = cap_side(x, cfg["max_weight"])
        for name, w in zip(held[side], x, strict=True):
            out[name] = side * w
    return out, without

# Copyright The fractile authors. Licensed under the Apache License, Version 2.0.
"""Methodology sections 5 and 12: ranks, sides and the sizes that come from ranks, name by name."""

from __future__ import annotations

import numpy as np

FLAT = object()  # the cell of a name that is not ranked


def ranks_against(s: np.ndarray, reference: np.ndarray) -> tuple[np.ndarray, int]:
    """r of every name by counting, and m."""
    among = s[reference]
    below = (among[None, :] < s[:, None]).sum(axis=1)
    equal = (among[None, :] == s[:, None]).sum(axis=1)
    return below + (equal + 1) / 2, len(among)


def find_cells(double_values: list, categories: list, reference: np.ndarray, cfg: dict) -> list:
    """The label of the names that each name is ranked with."""
    n = len(reference)
    if cfg["rank_within"]:
        return [FLAT if c is None else ("category", c) for c in categories]
    if cfg["sort_method"] == "single":
        return ["all"] * n
    known = np.array([x is not None for x in double_values])
    out: list = [FLAT] * n
    if not (known & reference).any():
        return out
    values = np.array([float(x) if x is not None else np.nan for x in double_values])[known]
    r, m = ranks_against(values, reference[known])
    bins = np.minimum(cfg["double_frac"], np.ceil(r * cfg["double_frac"] / m))
    for i, b in zip(np.flatnonzero(known), bins, strict=True):
        out[i] = ("bin", b)
    return out


def rank(s: np.ndarray, cells: list, reference: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """r and m, and the mean and the largest distance from it among the names ranked together; r is NaN if a name is not ranked."""
    r, m, centre, widest = (np.full(len(s), np.nan) for _ in range(4))
    for cell in {c for c in cells if c is not FLAT}:
        inside = np.array([c is not FLAT and c == cell for c in cells])
        if not reference[inside].any():
            continue
        r[inside], m[inside] = ranks_against(s[inside], reference[inside])
        centre[inside] = s[inside].mean()
        widest[inside] = np.abs(s[inside] - s[inside].mean()).max()
    return r, m, centre, widest


def sides_by_rank(r: np.ndarray, m: np.ndarray, held: np.ndarray, cfg: dict) -> np.ndarray:
    """`held`: the side of each name in the book of the day before."""
    a, b = cfg["fractile"]
    c, d = cfg["exit_fractile"] or (a, b)
    with np.errstate(invalid="ignore"):
        long = (100 * r > b * m) | ((held > 0) & (100 * r > d * m))
        short = (100 * r <= a * m) | ((held < 0) & (100 * r <= c * m))
    return np.where(short, -1, np.where(long, 1, 0))


def drop_one_sided(sides: np.ndarray, categories: list) -> tuple[np.ndarray, set]:
    """Flat in categories without names on both sides; which those are, among categories that have a name."""
    one_sided = set()
    out = sides.copy()
    for c in {c for c in categories if c is not None}:
        inside = np.array([x == c for x in categories])
        if not ((sides[inside] > 0).any() and (sides[inside] < 0).any()):
            one_sided.add(c)
            out[inside] = 0
    return out, one_sided


def sizes_of(s, sides, r, m, centre, widest, cfg) -> np.ndarray:
    if cfg["weight"] == "rank":
        return np.maximum(0.0, sides * (r - (m + 1) / 2))
    x = np.maximum(0.0, sides * (s - centre))
    return np.where(x <= 1e-12 * widest, 0.0, x)


def cap_side(x: np.ndarray, u: float) -> np.ndarray:
    """Weights that sum to 1, capped: the k largest at u, the others in proportion, for the first k that leaves none above."""
    n = len(x)
    if n * u <= 1:
        return np.full(n, 1 / n)
    order = np.argsort(-x, kind="stable")
    for k in range(n):
        rest = x[order[k:]]
        scaled = rest * (1 - k * u) / rest.sum()
        if scaled.max() <= u * (1 + 1e-15):
            out = np.full(n, u)
            out[order[k:]] = scaled
            return out
    return np.full(n, 1 / n)

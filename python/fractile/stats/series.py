# Copyright The fractile authors. Licensed under the Apache License, Version 2.0.
"""Converts user input to arrays without NaN, and checks arguments."""

from __future__ import annotations

import math
import numbers
from typing import Any

import numpy as np
import pandas as pd

from fractile.errors import ConfigError


def refuse(expected: str, found: Any, remedy: str) -> ConfigError:
    return ConfigError(f"INVALID_VALUE: expected {expected}, found {found}. {remedy}", "INVALID_VALUE")


def _to_values(name: str, values: Any, dimensions: int) -> np.ndarray:
    try:
        array = np.asarray(values.to_numpy() if hasattr(values, "to_numpy") else values)
        array = array.astype(np.float64)
    except (TypeError, ValueError):
        raise refuse(f"numbers in {name}", type(values).__name__, "Pass a Series or an array of returns.") from None
    if array.ndim != dimensions:
        what = "one series" if dimensions == 1 else "a frame of one column per series"
        raise refuse(
            f"{what} in {name}", f"{array.ndim} dimensions", "Select one column." if dimensions == 1 else "Pass a frame."
        )
    if np.isinf(array).any():
        raise refuse(f"finite returns in {name}", "an infinite one", "Replace it by NaN or by the true return.")
    return array


def read_series(x: Any, name: str = "x") -> np.ndarray:
    """The values that are not NaN, in order."""
    values = _to_values(name, x, 1)
    return np.ascontiguousarray(values[~np.isnan(values)])


def check_unique(index: pd.Index, name: str) -> None:
    """Refuses series in which a date occurs twice, because they are joined by date."""
    if not index.is_unique:
        twice = index[index.duplicated()][0]
        raise refuse(f"each date once in {name}", f"{twice} twice", "Drop or sum the duplicates.")


def join(*named: tuple[str, Any]) -> list[Any]:
    """Joins objects with an index on their common dates; arrays must have one length and stay as they are."""
    indexed = [(name, item) for name, item in named if isinstance(item, (pd.Series, pd.DataFrame))]
    out = [item for _, item in named]
    if len(indexed) > 1:
        common = indexed[0][1].index
        for name, item in indexed:
            check_unique(item.index, name)
            if not item.index.equals(common):
                common = common.intersection(item.index, sort=False)
        out = [item.loc[common] if isinstance(item, (pd.Series, pd.DataFrame)) else item for item in out]
    lengths = {name: len(item) for (name, _), item in zip(named, out)}
    if len(set(lengths.values())) > 1:
        found = ", ".join(f"{n} in {name}" for name, n in lengths.items())
        raise refuse(
            "as many periods in each series", found, "Pass Series with dates, which are joined, or arrays of one length."
        )
    return out


def read_pair(x: Any, y: Any) -> tuple[np.ndarray, np.ndarray]:
    """The periods on which both series have values."""
    x, y = join(("x", x), ("y", y))
    a, b = _to_values("x", x, 1), _to_values("y", y, 1)
    both = ~(np.isnan(a) | np.isnan(b))
    return np.ascontiguousarray(a[both]), np.ascontiguousarray(b[both])


def read_grid(frame: Any, name: str = "frame") -> np.ndarray:
    """Periods by series, with NaN."""
    return np.ascontiguousarray(_to_values(name, frame, 2))


def read_common(frame: Any, name: str = "frame") -> np.ndarray:
    """The periods on which every series has a value."""
    grid = read_grid(frame, name)
    return np.ascontiguousarray(grid[~np.isnan(grid).any(axis=1)])


def check_whole(name: str, value: Any, smallest: int) -> int:
    """A whole number, in any numeric type."""
    is_number = isinstance(value, numbers.Real) and not isinstance(value, (bool, np.bool_))
    if not is_number or not math.isfinite(value) or value != int(value) or value < smallest:
        raise refuse(f"{name} as a whole number of {smallest} or more", repr(value), "Correct it.")
    return int(value)


def check_number(name: str, value: Any, smallest: float = -math.inf) -> float:
    """A finite number."""
    is_number = isinstance(value, numbers.Real) and not isinstance(value, (bool, np.bool_))
    if not is_number or not math.isfinite(value) or value < smallest:
        bound = "" if smallest == -math.inf else f" of {smallest:g} or more"
        raise refuse(f"{name} as a number{bound}", repr(value), "Correct it.")
    return float(value)


def check_level(level: Any) -> float:
    """A share strictly between 0 and 1."""
    value = check_number("level", level)
    if not 0.0 < value < 1.0:
        raise refuse("level between 0 and 1", repr(level), "0.95 is usual.")
    return value


def check_seed(seed: Any) -> int:
    """Checks a seed: a whole number below 2^64, the generator's type."""
    value = check_whole("seed", seed, 0)
    if value >= 2**64:
        raise refuse("seed below 2**64", value, "Correct it.")
    return value


def check_block(block: Any) -> float:
    """An expected block length; 0 stands for the optimal one."""
    return 0.0 if block is None else check_number("block", block, 1.0)

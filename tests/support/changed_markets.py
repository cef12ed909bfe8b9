# Copyright The fractile authors. Licensed under the Apache License, Version 2.0.
"""Markets that differ from another one after a day, and the tables that a result can have."""

from __future__ import annotations

import os

import fractile
import numpy as np
import pandas as pd
from fractile import _core

ALL_ANALYSES = next(option["choices"] for option in _core.options() if option["name"] == "analysis")


def change_the_future(
    panel: pd.DataFrame, day: int, root: str | os.PathLike[str], kept_out: tuple[str, ...] = ("country",)
) -> fractile.BacktestService:
    """A service on the panel whose numbers after its day `day` are noise, except in the columns `kept_out`; made once per folder and day."""
    name = f"garbage{day}"
    if name not in set(fractile.list_snapshots(root)["id"]):
        rng = np.random.default_rng(day)
        garbage = panel.copy()
        later = garbage["date"] > np.sort(panel["date"].unique())[day]
        for column in garbage.columns.drop(["security_id", "date", *kept_out]):
            garbage[column] = garbage[column].astype(float)
            garbage.loc[later, column] = np.abs(np.round(rng.normal(50, 20, int(later.sum()))))  # no return is below -1
        fractile.create_snapshot(name, garbage, root=root, dtype="float64")
    return fractile.BacktestService.get(name, root=root, compact=False)

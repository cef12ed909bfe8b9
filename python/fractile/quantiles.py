# Copyright The fractile authors. Licensed under the Apache License, Version 2.0.
"""The monotonic test of analysis "quantiles". It is computed on request, because it takes longer than the run."""

from __future__ import annotations

import math

import pandas as pd


def monotonicity_p_value(quantile_daily: pd.DataFrame, n_bins: int) -> float:
    """p of `monotonic_relation_test` on the days on which every bin holds a name; NaN with fewer than two such days."""
    from fractile.stats import monotonic_relation_test

    bins = [str(number) for number in range(1, n_bins + 1)]
    wide = quantile_daily.pivot_table(index="date", columns="bin", values="ret").reindex(columns=bins).dropna()
    return float(monotonic_relation_test(wide).p) if len(wide) >= 2 else math.nan

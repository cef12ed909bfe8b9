# Copyright The fractile authors. Licensed under the Apache License, Version 2.0.
"""A signal beside the signals that a desk already has."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from fractile import _core
from fractile.errors import ConfigError
from fractile.factor_models import spanning
from fractile.frames import read_signal, split_options
from fractile.run_options import parse_config

if TYPE_CHECKING:
    from fractile.service import BacktestService

_COLUMNS = ["name", "rank_correlation", "return_correlation", "alpha_t", "common"]


def compare_with_library(
    service: BacktestService,
    signal: Any,
    library: Mapping[str, Any],
    sigvar: str,
    study: str | None,
    options: Mapping[str, Any],
) -> pd.DataFrame:
    """`BacktestService.similar`."""
    reading, config = split_options(options)
    compare = service._require_engine().compare_signals
    rows = read_signal(signal, [sigvar], reading)
    book = _book_of(service, signal, sigvar, study, options)
    out = []
    for name, member in library.items():
        correlation, _, common = compare(rows, read_signal(member, [sigvar], reading), parse_config(config))
        other = _book_of(service, member, sigvar, study, options)
        out.append((name, correlation, _correlate(book, other), _alpha_t(book, other), common))
    table = pd.DataFrame(out, columns=_COLUMNS)
    nearest = table["rank_correlation"].abs().sort_values(ascending=False, kind="stable", na_position="last")
    return table.loc[nearest.index].reset_index(drop=True)


def _book_of(service: BacktestService, signal: Any, sigvar: str, study: str | None, options: Mapping[str, Any]) -> pd.Series:
    daily = service.run(signal, sigvar=sigvar, study=study, **options).daily
    return pd.Series(daily["ret"].to_numpy(), index=pd.DatetimeIndex(daily["date"]))


def _correlate(a: pd.Series, b: pd.Series) -> float:
    both = pd.concat([a, b], axis=1, join="inner").dropna().to_numpy()
    return float(_core.stats.correlation(np.ascontiguousarray(both[:, 0]), np.ascontiguousarray(both[:, 1])))


def _alpha_t(book: pd.Series, other: pd.Series) -> float:
    """NaN if the two are one book, or have too few common days."""
    try:
        return float(spanning(book, other)["t"])
    except ConfigError:
        return math.nan

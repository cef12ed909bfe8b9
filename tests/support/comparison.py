# Copyright The fractile authors. Licensed under the Apache License, Version 2.0.
"""Engine against oracle: the tolerances of methodology section 9."""

from __future__ import annotations

import numpy as np
import pandas as pd
from fractile.result import BacktestResult
from oracle import OracleResult

DAILY = ["ret", "resret", "ret_net", "resret_net", "ret_l", "ret_s", "turnover", "tc", "cumret", "cumret_net", "drawdown"]


def assert_close(got: pd.Series, want: pd.Series, what: str, rtol: float = 0.0, atol: float = 0.0) -> None:
    np.testing.assert_allclose(got.to_numpy(float), want.to_numpy(float), rtol=rtol, atol=atol, equal_nan=True, err_msg=what)


def assert_counts(got: dict, want: dict) -> None:
    for name, count in want.items():
        if name != "impossible":
            assert got[name] == count, f"{name}: engine {got[name]}, oracle {count}"
    dropped = sum(got[c] for c in got if c in DROPS)
    assert got["rows_given"] == got["rows_used"] + dropped


DROPS = {
    "null_key", "null_signal", "unknown_security", "outside_dates", "no_return", "outside_universe", "no_exposure",
    "duplicate", "bad_open_print",
}  # fmt: skip


def assert_daily(got: pd.DataFrame, want: pd.DataFrame, what: str = "daily") -> None:
    assert list(got["date"]) == list(want["date"]), what
    for column in DAILY:
        assert_close(got[column], want[column], f"{what}.{column}", atol=1e-9)
    for column in ("numcos_l", "numcos_s"):
        assert_close(got[column], want[column], f"{what}.{column}")


def assert_equal_results(got: BacktestResult, want: OracleResult) -> None:
    """Counts exactly, daily values within 1e-9, summaries within 1e-7 relative."""
    assert_counts(got.diagnostics, want.diagnostics)
    assert_daily(got.daily, want.daily)
    assert_close(got.turnover["traded"], want.daily["traded"], "traded", atol=1e-9)
    assert list(got.tc.columns) == ["date", "tc"]
    summary = want.summary
    assert list(got.summary.columns) == list(summary.columns)
    assert list(zip(got.summary["byvar"], got.summary["group"], strict=True)) == list(
        zip(summary["byvar"], summary["group"], strict=True)
    )
    for column in summary.columns[2:]:
        assert_close(got.summary[column], summary[column], f"summary.{column}", rtol=1e-7, atol=1e-11)
    assert list(got.daily_by_group["group"]) == list(want.daily_by_group.get("group", []))
    if len(got.daily_by_group):
        assert_daily(got.daily_by_group, want.daily_by_group, "daily_by_group")
    if got.weights is not None:
        assert list(got.weights["security_id"]) == list(want.weights["security_id"])
        assert list(got.weights["date"]) == list(want.weights["date"])
        assert_close(got.weights["weight"], want.weights["weight"], "weights", atol=1e-12)
    if want.ic is not None:
        assert got.ic is not None and got.ic_summary is not None
        assert list(got.ic["date"]) == list(want.ic["date"])
        assert list(got.ic["names"]) == list(want.ic["names"])
        assert_close(got.ic["ic"], want.ic["ic"], "ic", atol=1e-9)
        for name, x in (want.ic_summary or {}).items():
            np.testing.assert_allclose(got.ic_summary[name].iloc[0], x, rtol=1e-7, atol=1e-11, err_msg=name)
    if want.fractile is not None:
        assert got.fractile is not None
        assert list(got.fractile["bin"]) == list(want.fractile["bin"])
        for column in want.fractile.columns[1:]:
            # An exposure to a factor of the user has the units of its column, perhaps dollars.
            assert_close(got.fractile[column], want.fractile[column], f"fractile.{column}", rtol=1e-12, atol=1e-9)
    for name, table in want.tables.items():
        assert_equal_tables(got._table(name), table, name)
    if want.coverage is not None:
        assert got.coverage is not None
        assert list(got.coverage["date"]) == list(want.coverage["date"])
        assert list(got.coverage["names"]) == list(want.coverage["names"])
        assert_close(got.coverage["share"], want.coverage["share"], "share", atol=1e-12)
        assert got.coverage_unique == want.coverage_unique


def assert_equal_tables(got: pd.DataFrame, want: pd.DataFrame, name: str) -> None:
    assert list(got.columns) == list(want.columns), name
    assert len(got) == len(want), name
    for column in want.columns:
        if column in ("date", "security_id", "bin", "bin1", "bin2", "horizon"):
            assert list(got[column]) == list(want[column]), f"{name}.{column}"
        else:
            rtol = 1e-6 if name == "capacity_musd" else 1e-7  # a bisection to 1e-6
            assert_close(got[column], want[column], f"{name}.{column}", rtol=rtol, atol=1e-9)

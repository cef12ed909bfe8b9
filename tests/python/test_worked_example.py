# Copyright The fractile authors. Licensed under the Apache License, Version 2.0.
"""The worked example of docs/methodology.md: the test reads its tables from the page and recomputes its numbers."""

from __future__ import annotations

import pathlib

import fractile
import numpy as np
import pandas as pd
import pytest
from oracle import run

PAGE = pathlib.Path(__file__).resolve().parents[2] / "docs" / "methodology.md"


def tables() -> list[pd.DataFrame]:
    """The four tables of section 11, cells as text."""
    text = PAGE.read_text().split("## 11.")[1].split("\n## ")[0]
    found: list[list[list[str]]] = []
    is_inside = False
    for line in text.splitlines():
        if line.startswith("|"):
            if not is_inside:
                found.append([])
            found[-1].append([cell.strip() for cell in line.strip().strip("|").split("|")])
        is_inside = line.startswith("|")
    return [pd.DataFrame(rows[2:], columns=rows[0]) for rows in found]


@pytest.fixture(scope="module")
def example():
    signals, returns, daily, summary = tables()
    names = list(range(1, 9))
    dates = pd.date_range("2020-01-06", "2020-01-10")
    panel = pd.DataFrame({"security_id": np.repeat(names, 5), "date": np.tile(dates, 8), "ret": 0.0})
    by_day = returns.set_index("date")
    for n in names:
        for date in daily["date"]:
            panel.loc[(panel["security_id"] == n) & (panel["date"] == date), "ret"] = float(by_day.loc[date, str(n)]) / 100
    panel["cap"] = panel["security_id"].map(lambda n: float(by_day.loc["cap", str(n)] or "nan"))
    long = signals.melt("date_sig", var_name="security_id", value_name="signal")
    long = long.astype({"security_id": "int64", "signal": "float64"}).assign(date_sig=pd.to_datetime(long["date_sig"]))
    return panel, long, daily, summary


def check(result, daily: pd.DataFrame, summary: pd.DataFrame, traded: pd.Series) -> None:
    assert [d.strftime("%Y-%m-%d") for d in result.daily["date"]] == list(daily["date"])
    for column in daily.columns.drop(["date", "traded"]):
        np.testing.assert_allclose(result.daily[column].to_numpy(float), daily[column].astype(float), atol=1e-15, err_msg=column)
    np.testing.assert_allclose(traded.to_numpy(float), daily["traded"].astype(float), atol=1e-15)
    for column in summary.columns:
        np.testing.assert_allclose(
            float(result.summary[column].iloc[0]), float(summary[column].iloc[0]), atol=5e-11, err_msg=column
        )


def test_every_number_of_the_example(example, tmp_path):
    panel, signal, daily, summary = example
    fractile.create_snapshot("example", panel, root=tmp_path, dtype="float64")
    service = fractile.BacktestService.get("example", root=tmp_path, compact=False)
    engine = service.run(signal, fractile=(25, 75), mincos=1)
    check(engine, daily, summary, engine.turnover["traded"])
    oracle = run(panel, signal, fractile=(25, 75), mincos=1)
    check(oracle, daily, summary, oracle.daily["traded"])

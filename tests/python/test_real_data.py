# Copyright The fractile authors. Licensed under the Apache License, Version 2.0.
"""Real stocks: one command makes a snapshot, every surface yields the same bits, the oracle agrees."""

from __future__ import annotations

import importlib.util
import json
import os
import pathlib
import subprocess
import sys

import fractile
import pandas as pd
import pytest
from oracle import run
from oracle.panel import Panel
from support.comparison import assert_equal_results

ROOT = pathlib.Path(__file__).resolve().parents[2]
TABLE = ROOT / "examples" / "real_data_table.py"
SIGNALS = ["reversal_5d", "momentum_12_1", "value"]


def table_runs() -> list:
    """The runs of docs/real_data.md: signal and options."""
    spec = importlib.util.spec_from_file_location("real_data_table", TABLE)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return [
        pytest.param(name, options, id=f"{name}-{case}") for name, runs in module.RUNS.items() for case, options in runs.items()
    ]


@pytest.fixture(scope="module")
def root(real_data, executable, tmp_path_factory):
    folder = tmp_path_factory.mktemp("real")
    panel = real_data / "panel.parquet"
    subprocess.run(
        [executable, "snapshot", "create", "us", "--panel", panel, "--dtype", "both", "--root", folder],
        check=True,
        capture_output=True,
    )
    return folder


@pytest.mark.parametrize("name", SIGNALS)
def test_surfaces_agree_to_the_bit(real_data, root, executable, name):
    path = real_data / f"signal_{name}.parquet"
    sigvar = next(c for c in pd.read_parquet(path).columns if c not in ("security_id", "date_sig", "date_avail"))
    service = fractile.BacktestService.get("us", root=root)
    from_file = service.run(path, sigvar=sigvar, byvar_list=["overall", "year", "cap"])
    from_pandas = service.run(pd.read_parquet(path), sigvar=sigvar, byvar_list=["overall", "year", "cap"])
    command = [
        executable,
        "run",
        path,
        "--sigvar",
        sigvar,
        "--root",
        root,
        "--byvar-list",
        "overall,year,cap",
        "--format",
        "json",
    ]
    body = json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout)
    assert from_file.run_id == from_pandas.run_id == body["run_id"]
    pd.testing.assert_frame_equal(from_file.summary, from_pandas.summary, check_exact=True)
    pd.testing.assert_frame_equal(from_file.daily, from_pandas.daily, check_exact=True)
    assert [row["ret_net"] for row in body["daily"]] == list(from_file.daily["ret_net"])
    assert len(from_file.daily) > 200


BY_SIZE = {"double_var": "mcap", "exposure_groups": ["sector_id"]}


@pytest.fixture(scope="module")
def quarter(real_data, tmp_path_factory):
    """One quarter and every eighth name, which the slow oracle computes in seconds."""
    frame = pd.read_parquet(real_data / "panel.parquet")
    frame["date"] = pd.to_datetime(frame["date"])
    frame = frame[(frame["date"] >= "2016-01-04") & (frame["date"] <= "2016-03-31") & (frame["security_id"] % 8 == 0)]
    folder = tmp_path_factory.mktemp("quarter")
    fractile.create_snapshot("quarter", frame, root=folder, dtype="float64")
    return Panel(frame), frame, fractile.BacktestService.get("quarter", root=folder, compact=False)


def compare(real_data, quarter, name, options):
    panel, frame, service = quarter
    rows = pd.read_parquet(real_data / f"signal_{name}.parquet")
    rows["date_sig"] = pd.to_datetime(rows["date_sig"])
    rows = rows[(rows["date_sig"] >= "2016-01-04") & (rows["date_sig"] <= "2016-03-31") & (rows["security_id"] % 8 == 0)]
    if "date_avail" in rows:
        rows["date_avail"] = pd.to_datetime(rows["date_avail"])
    want = run(frame, rows.astype({"signal": "float64"}), panel=panel, **options)
    got = service.run(rows, **options)
    assert_equal_results(got, want)
    return got


@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("momentum_12_1", {"weight": "value", "byvar_list": ["overall", "month", "cap", "sector_id"]}),
        ("filings", {"hold_days": 20, "tc_model": "power_law", "drift": True}),
        ("reversal_5d", {"analysis": ["ic", "fractile", "coverage"], "method": "long_only", "weight": "volume"}),
        ("reversal_5d", {"analysis": ["quantiles", "capacity", "drilldown"], "weight": "value", "n_fractile": 5}),
        ("momentum_12_1", {"analysis": ["double_sort", "exposures"], **BY_SIZE}),
    ],
)
def test_oracle_agrees(real_data, quarter, name, options):
    assert len(compare(real_data, quarter, name, options).daily) > 20


def test_oracle_agrees_on_months(real_data, tmp_path):
    """The analysis tables of a monthly panel: last month's return as the signal."""
    frame = pd.read_parquet(real_data / "panel.parquet")
    frame = frame[frame["security_id"] % 32 == 0].sort_values(["security_id", "date"])
    frame["month"] = pd.to_datetime(frame["date"]).dt.to_period("M")
    months = frame.groupby(["security_id", "month"]).tail(1).copy()
    growth = (1 + frame["ret"].fillna(0.0)).groupby([frame["security_id"], frame["month"]]).prod() - 1
    months["ret"] = growth.loc[list(zip(months["security_id"], months["month"], strict=True))].to_numpy()
    months["date"] = months.groupby("month")["date"].transform("max")
    months = months.drop(columns="month")
    rows = months[["security_id", "date", "ret"]].rename(columns={"date": "date_sig", "ret": "signal"})
    rows["date_sig"] = pd.to_datetime(rows["date_sig"])
    fractile.create_snapshot("months", months, root=tmp_path, dtype="float64")
    asked = ["quantiles", "exposures", "drilldown", "capacity", "decay", "double_sort"]
    options = {"mincos": 1, "analysis": asked, "n_fractile": 3, "horizons": [3], **BY_SIZE}
    got = fractile.BacktestService.get("months", root=tmp_path, compact=False).run(rows, **options)
    assert got.periods_per_year == 12 and len(got.daily) > 12
    assert_equal_results(got, run(months, rows, **options))


@pytest.mark.parametrize(("name", "options"), table_runs())
def test_oracle_agrees_on_every_run_of_the_table(real_data, quarter, name, options):
    got = compare(real_data, quarter, name, {"mincos": 1, "analysis": ["ic"], **options})
    assert len(got.daily) > 20


@pytest.mark.parametrize(("script", "page"), [("real_data_table.py", "real_data.md"), ("real_signals.py", "real_signals.md")])
def test_the_pages_are_current(real_data, script, page):
    environment = {**os.environ, "FRACTILE_REAL_DATA": str(real_data)}
    command = [sys.executable, ROOT / "examples" / script]
    done = subprocess.run(command, env=environment, check=True, capture_output=True, text=True)
    assert done.stdout == (ROOT / "docs" / page).read_text(), f"run examples/{script} > docs/{page}"


def test_the_sizes_of_the_methodology_are_those_of_the_panel(real_data, root):
    text = (ROOT / "docs" / "methodology.md").read_text().partition("## 16.")[2]
    service = fractile.BacktestService.get("us", root=root)

    def backtest(name: str, **options):
        return service.run(real_data / f"signal_{name}.parquet", **options)

    plain, events = backtest("momentum_12_1"), backtest("filings")
    counts, held = plain.diagnostics, events.daily["numcos_l"] > 0
    costs = {g: backtest("momentum_12_1", tc_model="power_law", gmv_musd=g).summary["tc_ann"][0] for g in (10, 5)}
    harsh = backtest("momentum_12_1", delisting_return=-0.3).annual_return
    for words in (
        f"{costs[10]:.1%} a year at 10 million\n   a side, and {costs[5]:.1%} at 5 million".replace("%", " %"),
        f"{counts['no_return']:,} of the {counts['rows_given']:,} rows",
        f"{counts['left_panel']} times",
        f"from {plain.annual_return:.1%} to {harsh:.1%} a year".replace("%", " %"),
        f"on {held.sum()} of {len(held)} days",
        f"is {events.summary['ret_std'][0]:.1%} a year; that of the {held.sum()} days alone is {events.daily['ret'][held].std() * 252**0.5:.1%}".replace(
            "%", " %"
        ),
        f"{counts['missing_return']:,} of the {counts['rows_used']:,} used rows",
    ):
        assert words in text, words

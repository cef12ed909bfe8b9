# Copyright The fractile authors. Licensed under the Apache License, Version 2.0.
"""The same content through every door: one content_hash of a panel, one run_id of a signal."""

from __future__ import annotations

import decimal
import json
import subprocess

import fractile
import numpy as np
import pandas as pd
import pytest
from support.doors import FORMS, PANEL, SIGNAL, csv_of, write

pa = pytest.importorskip("pyarrow")


@pytest.mark.parametrize("form", FORMS)
def test_a_panel_has_one_hash(home, service, tmp_path, form):
    want = fractile.create_snapshot(f"want{len(list(home.iterdir()))}", PANEL, root=home)["content_hash"]
    got = fractile.create_snapshot("got", FORMS[form](PANEL, tmp_path), root=tmp_path / "root")
    assert got["content_hash"] == want, {c["name"]: c for c in got["columns"]}


@pytest.mark.parametrize("form", FORMS)
def test_a_signal_has_one_run_id(service, tmp_path, form):
    want = service.run(SIGNAL, mincos=2)
    got = service.run(FORMS[form](SIGNAL, tmp_path), mincos=2)
    assert got.run_id == want.run_id
    assert got.diagnostics["rows_used"] == want.diagnostics["rows_used"] > 300


SERIES = {
    "ours": lambda s: s,
    "alphalens": lambda s: s.rename_axis(["date", "asset"]).rename("factor"),
    "qlib": lambda s: s.rename_axis(["datetime", "instrument"]).rename("score"),
    "no name": lambda s: s.rename(None),
    "levels by type": lambda s: s.rename_axis(["when", "who"]),
    "security first": lambda s: s.swaplevel(),
    "eight digits": lambda s: s.set_axis(
        s.index.set_levels(s.index.levels[0].strftime("%Y%m%d").astype(int), level=0).set_names(["date", "asset"])
    ),
    "wide": lambda s: fractile.from_wide(s.unstack()),  # noqa: PD010
}


@pytest.mark.parametrize("form", SERIES)
def test_a_series_is_a_signal(service, form):
    rows = SIGNAL.drop(columns="date_avail").dropna()
    series = rows.set_index(["date_sig", "security_id"])["signal"]
    assert service.run(SERIES[form](series), mincos=2).run_id == service.run(rows, mincos=2).run_id


def test_options_are_no_part_of_the_run_id(service, tmp_path):
    want = service.run(SIGNAL, mincos=2).run_id
    other = SIGNAL.rename(columns={"security_id": "PERMNO"}).assign(signal=SIGNAL["signal"] * 100)
    path = write(tmp_path / "s.csv", csv_of(other.assign(signal=other["signal"].map(repr).replace("nan", "-999"))))
    got = service.run(path, mincos=2, map={"security_id": "PERMNO"}, null={"signal": [-999]}, scale={"signal": 0.01})
    assert got.diagnostics["rows_used"] == service.run(SIGNAL, mincos=2).diagnostics["rows_used"]
    unscaled = service.run(other, mincos=2, map="security_id=PERMNO")
    assert unscaled.run_id != want
    same = SIGNAL.rename(columns={"security_id": "PERMNO"})
    assert service.run(same, mincos=2, map={"security_id": "PERMNO"}).run_id == want


@pytest.mark.parametrize("kind", ["decimal", "float16", "sparse", "uint64", "hugeint", "masked"])
def test_number_types(home, tmp_path, kind):
    whole = PANEL.drop(columns=["beta", "country"]).assign(beta=np.arange(len(PANEL)) % 50)
    make = {
        "decimal": lambda x: pd.Series([decimal.Decimal(int(v)) for v in x], dtype=object),
        "float16": lambda x: x.astype("float16"),
        "sparse": lambda x: x.astype(pd.SparseDtype("int64", 0)),
        "uint64": lambda x: x.astype("uint64"),
        "hugeint": lambda x: pd.Series(
            pa.array([decimal.Decimal(int(v)) for v in x], pa.decimal128(38, 0)), dtype=pd.ArrowDtype(pa.decimal128(38, 0))
        ),
        "masked": lambda x: x.astype("Int32"),
    }[kind]
    want = fractile.create_snapshot("want", whole, root=tmp_path)["content_hash"]
    assert fractile.create_snapshot("got", whole.assign(beta=make(whole["beta"])), root=tmp_path)["content_hash"] == want


def test_a_series_is_no_panel(tmp_path):
    series = PANEL.set_index(["date", "security_id"])["ret"].rename("x")
    with pytest.raises(fractile.SnapshotError, match=r'series\.rename\("ret"\)\.reset_index\(\)'):
        fractile.create_snapshot("a", series, root=tmp_path)
    assert fractile.create_snapshot("a", series.rename("ret").reset_index(), root=tmp_path)["rows"] == len(PANEL)


@pytest.mark.parametrize("other", ["x", 2])
def test_booleans_among_others_are_as_in_the_csv(tmp_path, other):
    panel = PANEL.assign(flag=pd.Series([True, other, False] * (len(PANEL) // 3), dtype=object))
    want = fractile.create_snapshot("csv", write(tmp_path / "p.csv", csv_of(panel)), root=tmp_path)["content_hash"]
    assert fractile.create_snapshot("frame", panel, root=tmp_path)["content_hash"] == want
    as_category = panel.astype({"flag": "category"})
    assert fractile.create_snapshot("category", as_category, root=tmp_path)["content_hash"] == want


def test_from_wide_makes_a_panel(tmp_path):
    rets, caps = (PANEL.pivot_table(index="date", columns="security_id", values=c, dropna=False) for c in ("ret", "mcap"))
    panel = fractile.from_wide({"ret": rets, "mcap": caps})
    want = fractile.create_snapshot("want", PANEL[["security_id", "date", "ret", "mcap"]], root=tmp_path)["content_hash"]
    assert fractile.create_snapshot("dict", panel, root=tmp_path)["content_hash"] == want
    both = pd.concat({"ret": rets, "mcap": caps}, axis=1, names=["Price", "Ticker"])
    for frame in (both, both.swaplevel(axis=1)):
        assert (
            fractile.create_snapshot(f"y{frame.columns.names[0]}", fractile.from_wide(frame), root=tmp_path)["content_hash"]
            == want
        )
    with pytest.raises(fractile.SnapshotError, match="from_wide"):
        fractile.create_snapshot("a", rets, root=tmp_path)
    with pytest.raises(fractile.SnapshotError, match="from_wide"):
        fractile.create_snapshot("a", write(tmp_path / "y.csv", both.to_csv()), root=tmp_path)
    service = fractile.BacktestService.get("want", root=tmp_path)
    for wide in (rets, rets.rename_axis(None), rets.set_axis(rets.index.strftime("%Y-%m-%d"))):
        with pytest.raises(fractile.FractileError, match="from_wide"):
            service.run(wide)
    for twice in (pd.concat([rets, rets.iloc[:1]]), pd.concat([rets, rets.iloc[:, :1]], axis=1)):
        with pytest.raises(fractile.FractileError, match="twice"):
            fractile.from_wide({"ret": twice})


@pytest.mark.parametrize("form", ["csv", "parquet", "csv gz", "tsv", "hive folder of csv"])
def test_the_command_line_has_one_hash_and_one_run_id(home, executable, service, tmp_path, form):
    (tmp_path / "panel").mkdir()
    (tmp_path / "signal").mkdir()
    panel, signal = FORMS[form](PANEL, tmp_path / "panel"), FORMS[form](SIGNAL, tmp_path / "signal")
    create = [executable, "snapshot", "create", "s", "--root", str(tmp_path / "root"), "--panel", panel]
    subprocess.run(create, check=True, capture_output=True)
    made, want = (fractile.open_snapshot(id, root) for id, root in (("s", tmp_path / "root"), ("base", home)))
    assert made.content_hash == want.content_hash
    run = [
        executable,
        "run",
        signal,
        "--root",
        str(home),
        "--snapshot",
        "base",
        "--mincos",
        "2",
        "--byvar-list",
        "overall",
        "--format",
        "json",
    ]
    answer = json.loads(subprocess.run(run, check=True, capture_output=True, text=True).stdout)
    assert answer["run_id"] == service.run(SIGNAL, mincos=2).run_id


@pytest.mark.parametrize("form", ["pandas", "csv", "csv with its index", "folder of parquet"])
def test_rows_that_are_equal_in_every_column_are_left_out(tmp_path, form):
    """WRDS files have a row per distribution, and several on one day."""
    want = fractile.create_snapshot("want", PANEL, root=tmp_path)["content_hash"]
    twice = pd.concat([PANEL, PANEL.iloc[[3, 40, 40]]], ignore_index=True)
    panel = FORMS[form](twice, tmp_path)
    with pytest.raises(fractile.SnapshotError, match=r"found 3 more, and all of them equal.*row 750.*--drop-duplicates"):
        fractile.create_snapshot("a", panel, root=tmp_path)
    made = fractile.create_snapshot("got", panel, root=tmp_path, drop_duplicates=True)
    assert made["content_hash"] == want
    assert next(line for line in made["report"] if line["check"] == "dropped_duplicates")["count"] == 3
    other = twice.copy()
    other.loc[len(PANEL), "beta"] = 9.0
    panel = FORMS[form](other, tmp_path / "other") if (tmp_path / "other").mkdir() is None else None
    with pytest.raises(fractile.SnapshotError, match=r"found 3 more, and 2 of them equal.*row 750"):
        fractile.create_snapshot("b", panel, root=tmp_path, drop_duplicates=True)


def test_decimal_ids(service):
    ids = pa.array([decimal.Decimal(int(v)) for v in SIGNAL["security_id"]], pa.decimal128(38, 0))
    table = pa.Table.from_pandas(SIGNAL, preserve_index=False).set_column(0, "security_id", ids)
    assert service.run(table, mincos=2).run_id == service.run(SIGNAL, mincos=2).run_id

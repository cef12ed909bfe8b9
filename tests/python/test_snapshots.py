# Copyright The fractile authors. Licensed under the Apache License, Version 2.0.
"""Snapshots from Python and files: stored columns, refusals, damage."""

from __future__ import annotations

import json
import pathlib
import subprocess
import sys

import fractile
import numpy as np
import pandas as pd
import pytest
from oracle.markets import make_panel, make_signal


@pytest.fixture(scope="module")
def panel() -> pd.DataFrame:
    return make_panel(9)


def content(root, id: str) -> str:
    return fractile.open_snapshot(id, root=root).content_hash


def test_snapshots_of_one_second_are_in_the_order_of_their_making(tmp_path, panel):
    ids = [f"s{i}" for i in (3, 1, 4, 2, 0)]
    for id in ids:
        fractile.create_snapshot(id, panel, root=tmp_path)
    assert fractile.list_snapshots(tmp_path)["id"].tolist() == ids


def test_every_source_makes_the_same_content(tmp_path, panel):
    ordered = panel.sort_values(["security_id", "date"])
    fractile.create_snapshot("frame", panel, root=tmp_path)
    fractile.create_snapshot("sorted", ordered, root=tmp_path)
    for name in ("p.parquet", "p.csv", "p.feather"):
        path = tmp_path / name
        if name.endswith("parquet"):
            ordered.to_parquet(path, index=False)
        elif name.endswith("csv"):
            ordered.to_csv(path, index=False)
        else:
            ordered.reset_index(drop=True).to_feather(path)
        info = fractile.create_snapshot(name.replace(".", "-"), path, root=tmp_path)
        assert info["source_name"] == name
        assert len(info["source_hash"]) == 32
    listed = fractile.list_snapshots(tmp_path)
    assert len(listed) == 5
    assert {content(tmp_path, i) for i in listed["id"]} == {content(tmp_path, "frame")}
    for i in listed["id"]:
        fractile.verify_snapshot(i, tmp_path)


def test_map_names_columns(tmp_path, panel):
    other = panel.rename(columns={"ret": "RetColumn", "security_id": "permno"})
    fractile.create_snapshot("mapped", other, root=tmp_path, map={"ret": "RetColumn", "security_id": "permno"})
    fractile.create_snapshot("plain", panel, root=tmp_path)
    assert content(tmp_path, "mapped") == content(tmp_path, "plain")
    with pytest.raises(fractile.SnapshotError, match="RetColum"):
        fractile.create_snapshot("x", other, root=tmp_path, map={"ret": "RetColum"})


@pytest.mark.parametrize(
    ("change", "code", "words"),
    [
        (lambda p: pd.concat([p, p.head(2)]), "PANEL_DUPLICATE_ROW", "found 2 more"),
        (lambda p: p.drop(columns="ret"), "PANEL_MISSING_COLUMN", '"ret"'),
        (lambda p: p.drop(columns="date"), "PANEL_MISSING_COLUMN", '"date"'),
        (lambda p: p.assign(cap="tiny"), "PANEL_COLUMN_TYPE", '"cap"'),
        (lambda p: p.assign(mcap="big"), "PANEL_COLUMN_TYPE", '"mcap"'),
        (lambda p: p.assign(adv=np.inf), "PANEL_INFINITE_VALUE", '"adv"'),
        (lambda p: p.assign(adv=1e300), "PANEL_INFINITE_VALUE", "float64"),
        (lambda p: p.assign(security_id=1.5), "PANEL_COLUMN_TYPE", "security_id"),
        (lambda p: p.assign(date=pd.NaT), "PANEL_", "date"),
        (lambda p: p.head(0), "PANEL_EMPTY", "found 0"),
    ],
)
def test_refused_panels(tmp_path, panel, change, code, words):
    with pytest.raises(fractile.SnapshotError) as error:
        fractile.create_snapshot("bad", change(panel), root=tmp_path)
    assert error.value.code.startswith(code)
    assert words in str(error.value)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("id", ["", "../x", ".hidden", "a/b", "x" * 101, "a b"])
def test_refused_ids(tmp_path, panel, id):
    with pytest.raises(fractile.SnapshotError, match="INVALID_SNAPSHOT_ID"):
        fractile.create_snapshot(id, panel, root=tmp_path)


def test_an_existing_id_is_refused(tmp_path, panel):
    fractile.create_snapshot("once", panel, root=tmp_path)
    with pytest.raises(fractile.SnapshotError, match="SNAPSHOT_EXISTS"):
        fractile.create_snapshot("once", panel, root=tmp_path)


def test_of_two_creators_one_wins(tmp_path, panel):
    path = tmp_path / "p.parquet"
    panel.to_parquet(path)
    code = "import fractile, sys; fractile.create_snapshot('same', sys.argv[1], root=sys.argv[2])"
    root = tmp_path / "root"
    processes = [subprocess.Popen([sys.executable, "-c", code, path, root], stderr=subprocess.PIPE, text=True) for _ in range(4)]
    errors = [p.communicate()[1] for p in processes]
    assert sorted(p.returncode for p in processes) == [0, 1, 1, 1]
    assert sum("SNAPSHOT_EXISTS" in e for e in errors) == 3
    fractile.verify_snapshot("same", root)
    assert [p.name for p in root.iterdir()] == ["same"]


def test_every_flipped_bit_is_found(tmp_path, panel):
    small = panel[panel["date"] < "2020-01-20"][["security_id", "date", "ret", "cap", "size", "country"]]
    fractile.create_snapshot("small", small, root=tmp_path)
    rng = np.random.default_rng(0)
    files = [p for p in (tmp_path / "small").rglob("*") if p.is_file()]
    for file in files:
        data = file.read_bytes()
        places = rng.integers(0, len(data), 40) if file.name != "manifest.json" else rng.integers(0, len(data), 80)
        for place in places:
            broken = bytearray(data)
            broken[place] ^= 1 << int(rng.integers(0, 8))
            file.write_bytes(broken)
            with pytest.raises(fractile.SnapshotError):
                fractile.verify_snapshot("small", tmp_path)
            if place < 4096 or file.name == "manifest.json":  # opening checks headers
                with pytest.raises(fractile.SnapshotError):
                    fractile.open_snapshot("small", tmp_path)
        file.write_bytes(data)
    fractile.verify_snapshot("small", tmp_path)


def test_a_cut_file_is_found_when_opened(tmp_path, panel):
    fractile.create_snapshot("cut", panel, root=tmp_path)
    file = next((tmp_path / "cut").rglob("ret.f32"))
    file.write_bytes(file.read_bytes()[:-4096])
    with pytest.raises(fractile.SnapshotError, match="CORRUPT_SNAPSHOT"):
        fractile.open_snapshot("cut", tmp_path)


def test_a_removed_snapshot_goes_on_serving(tmp_path, panel):
    fractile.create_snapshot("gone", panel, root=tmp_path)
    service = fractile.BacktestService.get("gone", root=tmp_path)
    rows = make_signal(panel, 1, messy=False)
    before = service.run(rows, mincos=2, weight="value", byvar_list=["overall", "cap"]).daily
    fractile.remove_snapshot("gone", tmp_path)
    after = service.run(rows, mincos=2, weight="value", byvar_list=["overall", "cap"]).daily
    pd.testing.assert_frame_equal(before, after, check_exact=True)
    assert len(fractile.list_snapshots(tmp_path)) == 0


def test_manifest_describes_the_panel(tmp_path, panel):
    fractile.create_snapshot("described", panel, root=tmp_path, dtype="both")
    manifest = json.loads((tmp_path / "described" / "manifest.json").read_text())
    assert manifest["rows"] == len(panel)
    assert manifest["securities"] == panel["security_id"].nunique()
    assert manifest["dates"]["count"] == panel["date"].nunique()
    columns = {c["name"]: c for c in manifest["columns"]}
    assert columns["mcap"]["unit"] == "dollars"
    assert columns["ret"]["types"] == ["float32", "float64"]
    assert columns["cap"]["kind"] == "integer"
    assert columns["country"]["kind"] == "text"
    assert columns["score"]["kind"] == "real"
    assert columns["ret"]["missing"] == int(panel["ret"].isna().sum())
    assert all(len(c["hash"]) >= 32 for c in columns.values())


def test_stale_builds_are_cleared(tmp_path, panel):
    stale = pathlib.Path(tmp_path / ".old.999999999.0badcafe.tmp")
    stale.mkdir()
    fractile.create_snapshot("new", panel, root=tmp_path)
    assert not stale.exists()

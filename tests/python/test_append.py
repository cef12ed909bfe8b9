# Copyright The fractile authors. Licensed under the Apache License, Version 2.0.
"""Appends from Python and the command line: the same runs as from one panel, every form of input, the report."""

from __future__ import annotations

import json
import subprocess

import fractile
import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from oracle.markets import make_panel, make_signal

KEYS = ["security_id", "date"]
CONFIGS = [
    {"mincos": 2},
    {"mincos": 2, "resid": "all", "weight": "value", "byvar_list": ["overall", "month", "cap", "country"]},
    {"mincos": 2, "from_open": True, "tc_model": "power_law", "hold_days": 3, "analysis": ["ic", "fractile", "coverage"]},
]


def merge(old: pd.DataFrame, new: pd.DataFrame) -> pd.DataFrame:
    """The law in pandas: the new panel's columns replace old values in its rows, also with missing values."""
    old, new = old.set_index(KEYS), new.set_index(KEYS)
    both = old.reindex(old.index.union(new.index), columns=[*old.columns, *new.columns.difference(old.columns)])
    for column in new.columns:
        values = both[column].astype(object)
        values.loc[new.index] = new[column].astype(object)
        both[column] = values
    for column in both.columns:
        if column not in ("country", "rating"):
            both[column] = both[column].astype(float)
    return both.reset_index()


def split(seed: int) -> tuple[pd.DataFrame, pd.DataFrame]:
    """A panel without its last days, some names and a column, and a second panel with these and restated rows."""
    rng = np.random.default_rng(seed)
    panel = make_panel(seed, n_days=300 if seed % 2 else 40, n_names=30)
    days = np.sort(panel["date"].unique())
    late = days[-int(rng.integers(1, 6))]
    newcomers = panel["security_id"].isin(rng.choice(panel["security_id"].unique(), 3, replace=False))
    is_old = (panel["date"] < late) & ~newcomers
    old = panel[is_old].drop(columns=["score"])
    restated = old.sample(int(rng.integers(1, 40)), random_state=seed).copy()
    restated["ret"] = rng.normal(0, 0.02, len(restated))
    restated.loc[restated.index[::3], "country"] = "AA"  # sorts first: every code moves
    restated.loc[restated.index[::4], "mcap"] = np.nan
    new = pd.concat([panel[~is_old], restated]).sample(frac=1, random_state=seed)
    new["rating"] = rng.choice(["high", "low"], len(new))
    if seed % 3 == 0:
        new = new.drop(columns=["adv", "yield"])
    return old, new


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("dtype", ["float32", "both"])
def test_runs_are_those_of_a_snapshot_made_in_one_go(tmp_path, seed, dtype):
    old, new = split(seed)
    both = merge(old, new)
    fractile.create_snapshot("old", old, root=tmp_path, dtype=dtype)
    info = fractile.append_snapshot("old", new, "appended", root=tmp_path)
    once = fractile.create_snapshot("once", both, root=tmp_path, dtype=dtype)
    assert info["content_hash"] == once["content_hash"]
    assert info["parent"] == "old"
    fractile.verify_snapshot("appended", tmp_path)
    services = [fractile.BacktestService.get(name, root=tmp_path, compact=dtype == "float32") for name in ("appended", "once")]
    rows = make_signal(both, seed, messy=False)
    for config in CONFIGS:
        appended, whole = (service.run(rows, **config) for service in services)
        assert appended.run_id == whole.run_id
        assert appended.run_id != fractile.BacktestService.get("old", root=tmp_path).run(rows, **config).run_id
        ours, theirs = appended.to_dict(), whole.to_dict()
        for other in ("elapsed_seconds", "timings", "snapshot"):
            assert ours.pop(other) is not None and theirs.pop(other) is not None
        assert repr(ours) == repr(theirs)


def test_every_form_of_a_panel_is_the_same(tmp_path):
    old, new = split(2)
    new = new.reset_index(drop=True)
    fractile.create_snapshot("old", old, root=tmp_path)
    for name in ("new.parquet", "new.feather"):
        getattr(new, "to_" + name.split(".")[1])(tmp_path / name)
    new.to_csv(tmp_path / "new.csv", index=False)
    forms = {
        "frame": new,
        "indexed": new.set_index(KEYS),
        "dict": {column: new[column] for column in new},
        "arrow": pa.Table.from_pandas(new),
        "parquet": tmp_path / "new.parquet",
        "feather": str(tmp_path / "new.feather"),
        "csv": tmp_path / "new.csv",
    }
    hashes = {form: fractile.append_snapshot("old", panel, form, root=tmp_path)["content_hash"] for form, panel in forms.items()}
    assert len(set(hashes.values())) == 1, hashes
    renamed = new.rename(columns={"ret": "TotalReturn", "security_id": "permno"})
    names = {"ret": "TotalReturn", "security_id": "permno"}
    mapped = fractile.append_snapshot("old", renamed, "mapped", root=tmp_path, map=names)
    assert mapped["content_hash"] == hashes["frame"]
    with pytest.raises(fractile.SnapshotError, match="expected a DataFrame"):
        fractile.append_snapshot("old", 3, "number", root=tmp_path)


def test_what_changed(tmp_path):
    panel = make_panel(3)[["security_id", "date", "ret", "cap", "country"]].dropna()
    fractile.create_snapshot("old", panel, root=tmp_path)
    day = panel["date"].max() + pd.Timedelta(days=3)
    ids = sorted(panel["security_id"].unique())
    new = pd.DataFrame({"security_id": [*ids[:2], 10**6], "date": day, "ret": 0.01, "size": [0.5, np.nan, 0.25]})
    report = fractile.append_snapshot("old", new, "longer", root=tmp_path)
    changes = report["changes"]
    assert changes["rows"] == {"before": len(panel), "after": len(panel) + 3, "added": 3, "removed": 0, "restated": 0}
    assert changes["dates"] == {"added": [day.date().isoformat()], "removed": []}
    assert changes["securities"] == {"added": [10**6], "removed": []}
    assert list(changes["columns"]["column"]) == ["size"]
    assert list(changes["columns"]["change"]) == ["added"]
    assert list(changes["columns"]["rows"]) == [2]
    assert report["bytes_written"] + report["bytes_shared"] == report["bytes"]

    first, second = panel.iloc[0], panel.iloc[1]
    restated = pd.DataFrame(
        {"security_id": [first.security_id, second.security_id], "date": [first.date, second.date], "ret": [0.75, np.nan]}
    )
    fractile.append_snapshot("longer", restated, "restated", root=tmp_path)
    changes = fractile.diff_snapshots("longer", "restated", root=tmp_path)
    row = changes["columns"].set_index("column").loc["ret"]
    assert (row["change"], row["rows"], row["filled"], row["emptied"]) == ("restated", 2, 0, 1)
    assert row["first_date"] == min(first.date, second.date)
    assert changes["by_date"]["rows"].sum() == 2
    assert set(changes["by_date"]["date"]) == {first.date, second.date}
    back = fractile.diff_snapshots("restated", "old", root=tmp_path)
    assert back["rows"]["removed"] == 3
    assert set(back["columns"]["column"]) == {"ret", "size"}
    assert fractile.diff_snapshots("old", "old", root=tmp_path)["is_equal"]
    # An append removes nothing.
    assert list(fractile.list_snapshots(tmp_path)["id"]) == ["old", "longer", "restated"]


def test_the_newest_is_the_one_that_was_appended_last(tmp_path):
    panel = make_panel(3)
    fractile.create_snapshot("z", panel, root=tmp_path)
    for parent, name in (("z", "c"), ("c", "b"), ("b", "a")):
        panel = panel.assign(date=panel["date"] + pd.Timedelta(days=1))
        fractile.append_snapshot(parent, panel, name, root=tmp_path)
        assert fractile.open_snapshot(root=tmp_path).id == name


def test_a_service_goes_on_while_its_snapshot_is_appended_to(tmp_path):
    old, new = split(1)
    fractile.create_snapshot("old", old, root=tmp_path)
    service = fractile.BacktestService.get("old", root=tmp_path)
    rows = make_signal(old, 1, messy=False)
    want = service.run(rows, mincos=2)
    fractile.append_snapshot("old", new, "new", root=tmp_path)
    assert service.run(rows, mincos=2).daily.equals(want.daily)
    fractile.remove_snapshot("old", tmp_path)
    assert service.run(rows, mincos=2).daily.equals(want.daily)
    fractile.verify_snapshot("new", tmp_path)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    path = tmp_path_factory.mktemp("append")
    old, new = split(2)
    old.to_parquet(path / "old.parquet", index=False)
    new.to_csv(path / "new.csv", index=False)
    fractile.create_snapshot("old", path / "old.parquet", root=path / "snapshots")
    return path


def call(executable, folder, *arguments: str, status: int = 0) -> subprocess.CompletedProcess[str]:
    done = subprocess.run(
        [executable, "snapshot", *arguments], cwd=folder, capture_output=True, text=True, env={"PATH": "/usr/bin"}
    )
    assert done.returncode == status, done.stderr
    return done


def test_commands(executable, folder):
    done = call(executable, folder, "append", "old", "--panel", "new.csv", "--as", "new")
    assert all(line.startswith("warning") for line in done.stderr.splitlines())
    lines = done.stdout.splitlines()
    assert lines[0].startswith("new: ") and "MB shared with old" in lines[1]
    assert [line.split(":")[0] for line in lines[2:5]] == ["added", "removed", "restated"]
    assert lines[5].split() == ["column", "change", "rows", "filled", "emptied", "dates", "first", "last", "stored"]
    assert any(line.split()[:2] == ["ret", "restated"] for line in lines)
    assert any(line.split()[:2] == ["rating", "added"] for line in lines)
    compared = call(executable, folder, "diff", "old", "new").stdout
    assert compared.splitlines() == lines[2 : 2 + len(compared.splitlines())]
    assert "info     panel" in lines[2 + len(compared.splitlines())]
    body = json.loads(call(executable, folder, "diff", "old", "new", "--format", "json").stdout)
    ours = fractile.diff_snapshots("old", "new", root=folder / "snapshots")
    assert body["rows"] == ours["rows"] and body["dates"] == ours["dates"]
    assert [column["column"] for column in body["columns"]] == list(ours["columns"]["column"])
    again = json.loads(
        call(executable, folder, "append", "old", "--panel", "new.csv", "--as", "again", "--format", "json").stdout
    )
    assert again["id"] == "again" and again["parent"] == "old"
    assert again["changes"] == {**body, "after": "again"}
    assert again["bytes_shared"] + again["bytes_written"] > 0
    assert "hold the same" in call(executable, folder, "diff", "new", "again").stdout
    assert json.loads(call(executable, folder, "show", "new").stdout)["parent"] == "old"


@pytest.mark.parametrize(
    ("arguments", "status", "word"),
    [
        (["append", "nowhere", "--panel", "new.csv", "--as", "x"], 1, "SNAPSHOT_NOT_FOUND"),
        (["append", "old", "--panel", "new.csv", "--as", "old"], 1, "SNAPSHOT_EXISTS"),
        (["append", "old", "--panel", "new.csv", "--as", "../x"], 1, "INVALID_SNAPSHOT_ID"),
        (["append", "old", "--panel", "old.parquet", "--as", "x"], 1, "PANEL_NOTHING_NEW"),
        (["append", "old", "--panel", "none.csv", "--as", "x"], 1, "UNREADABLE_PANEL"),
        (["append", "old", "--panel", "new.csv"], 2, "--as"),
        (["append", "old", "--as", "x"], 2, "--panel"),
        (["append", "old", "--panel", "new.csv", "--as", "x", "--map", "ret"], 2, "--map"),
        (["diff", "old"], 2, "B"),
        (["diff", "old", "nowhere"], 1, "SNAPSHOT_NOT_FOUND"),
        (["diff", "old", "old", "--format", "csv"], 2, "--format"),
    ],
)
def test_refused_commands(executable, folder, arguments, status, word):
    assert word in call(executable, folder, *arguments, status=status).stderr
    assert not (folder / "snapshots" / "x").exists()


@pytest.mark.parametrize(
    ("change", "code", "words"),
    [
        (lambda p: p.assign(country=1.5), "PANEL_COLUMN_TYPE", 'expected text in column "country"'),
        (lambda p: p.assign(ret="high"), "PANEL_COLUMN_TYPE", '"ret"'),
        (lambda p: pd.concat([p, p.head(2)]), "PANEL_DUPLICATE_ROW", "found 2 more"),
        (lambda p: p.assign(adv=np.inf), "PANEL_INFINITE_VALUE", '"adv"'),
        (lambda p: p.head(0), "PANEL_EMPTY", "found 0"),
        (lambda p: p.drop(columns="date"), "PANEL_MISSING_COLUMN", '"date"'),
        (lambda p: p.drop(columns="ret"), "PANEL_MISSING_COLUMN", "expected the column ret"),
        (lambda p: p.assign(date=pd.NaT), "PANEL_", "date"),
    ],
)
def test_refused_panels(tmp_path, change, code, words):
    old, new = split(4)
    fractile.create_snapshot("old", old, root=tmp_path)
    with pytest.raises(fractile.SnapshotError) as error:
        fractile.append_snapshot("old", change(new), "new", root=tmp_path)
    assert error.value.code.startswith(code)
    assert words in str(error.value)
    assert [path.name for path in tmp_path.iterdir()] == ["old"]


JOINED = {
    # The snapshot's texts, the appended ones.
    "NA": (["US", "GB", "DE"], ["NA"]),
    "codes of digits": (["0100", "X200", "Y300"], ["0200", "300"]),
    "digits": (["100", "X200", "Y300"], ["300"]),
    "dates": (["2019 A", "2020-01-02", "x"], ["2020-01-02"]),
    "mostly digits": (["A", "B", "1"], ["1"] * 30 + ["A"]),
    "true": (["True", "other"], ["True"]),
    "booleans": (["True", "False"], ["False", "True"]),
    "one boolean": (["True", "False"], ["TRUE"]),
}


@pytest.mark.parametrize("form", ["frame", "csv"])
@pytest.mark.parametrize("kind", JOINED)
def test_texts_join_the_category_of_the_snapshot(tmp_path, kind, form):
    """A correction of a few rows has a few texts of its columns, which alone would be numbers, dates or missing."""
    old, new = JOINED[kind]
    days = pd.bdate_range("2020-01-02", periods=20)
    keys = pd.MultiIndex.from_product([days, range(1, 11)], names=["date", "security_id"]).to_frame(index=False)
    panel = keys.assign(ret=0.01, country=[old[i % len(old)] for i in range(len(keys))])
    later = keys.assign(date=keys["date"] + pd.Timedelta(days=28), ret=0.02).head(len(new) * 5)
    later["country"] = pd.Series([new[i % len(new)] for i in range(len(later))], dtype=object)
    want = fractile.create_snapshot("want", pd.concat([panel, later]), root=tmp_path)["content_hash"]
    fractile.create_snapshot("old", panel, root=tmp_path)
    if form == "csv":
        later.to_csv(tmp_path / "later.csv", index=False)
        later = tmp_path / "later.csv"
    assert fractile.append_snapshot("old", later, "new", root=tmp_path)["content_hash"] == want

# Copyright The fractile authors. Licensed under the Apache License, Version 2.0.
"""Text security ids: a text in place of a number changes no figure, on any surface and with any form of input."""

from __future__ import annotations

import io
import json
import shutil
import urllib.request

import fractile
import numpy as np
import pandas as pd
import pytest
from fractile.pool import BacktestWorkerPool, serialize_signal_arrow
from oracle import run
from oracle.markets import add_avail, make_panel, make_signal
from support.comparison import assert_equal_results
from support.server_process import serving

pa = pytest.importorskip("pyarrow")
pl = pytest.importorskip("polars")
pq = pytest.importorskip("pyarrow.parquet")

SEED = 5
NUMBERS = sorted(make_panel(SEED)["security_id"].unique())
WRITINGS = {
    "tickers": lambda k: f"T{k:09d}",
    "a_shares": lambda k: f"{k:06d}.SZ",
    "leading_zeros": lambda k: f"{k:012d}",
    "accents": lambda k: f"É{k:09d}",
    "inside_spaces": lambda k: f"B RK {k:09d}",
}


def rename(frame: pd.DataFrame, write) -> pd.DataFrame:
    return frame.assign(security_id=[None if pd.isna(k) else write(int(k)) for k in frame["security_id"]])


def make_rows() -> pd.DataFrame:
    return add_avail(make_signal(make_panel(SEED), SEED, messy=False), SEED, times=True)


@pytest.fixture(scope="module")
def root(tmp_path_factory):
    root = tmp_path_factory.mktemp("text_ids")
    fractile.create_snapshot("numbers", make_panel(SEED), root=root, dtype="both")
    for name, write in WRITINGS.items():
        fractile.create_snapshot(name, rename(make_panel(SEED), write), root=root, dtype="both")
    return root


@pytest.fixture(scope="module")
def service(root):
    return fractile.BacktestService.get("tickers", root=root)


@pytest.fixture(scope="module")
def rows():
    return rename(make_rows(), WRITINGS["tickers"])


def tables(result) -> dict:
    return {
        name: table
        for name, table in result.to_dict().items()
        if name not in ("run_id", "snapshot", "elapsed_seconds", "timings")
    }


@pytest.mark.parametrize("writing", WRITINGS)
@pytest.mark.parametrize(
    "options", [{}, {"resid": "all", "hold_days": 3}, {"weight": "value", "universe": {"cap": [1, 2]}}], ids=str
)
def test_a_renaming_that_keeps_the_order_changes_no_bit(root, writing, options):
    write = WRITINGS[writing]
    want = fractile.BacktestService.get("numbers", root=root).run(make_rows(), mincos=2, keep_weights=True, **options)
    got = fractile.BacktestService.get(writing, root=root).run(rename(make_rows(), write), mincos=2, keep_weights=True, **options)
    assert got.daily.equals(want.daily)
    assert got.summary.equals(want.summary)
    assert list(got.weights["security_id"]) == [write(k) for k in want.weights["security_id"]]
    assert got.weights["weight"].equals(want.weights["weight"])
    assert got.run_id != want.run_id


def test_the_oracle_with_texts(root, service, rows):
    panel = rename(make_panel(SEED), WRITINGS["tickers"])
    service = fractile.BacktestService.get("tickers", root=root, compact=False)
    assert_equal_results(service.run(rows, mincos=2, resid="all"), run(panel, rows, mincos=2, resid="all"))


def as_ipc(frame: pd.DataFrame) -> bytes:
    table = pa.Table.from_pandas(frame, preserve_index=False)
    sink = io.BytesIO()
    with pa.ipc.new_stream(sink, table.schema) as writer:
        writer.write_table(table, max_chunksize=300)
    return sink.getvalue()


def as_file(frame: pd.DataFrame, folder, kind: str) -> str:
    path = folder / f"rows.{kind}"
    if kind == "csv":
        frame.to_csv(path, index=False)
    elif kind == "parquet":
        frame.to_parquet(path, index=False, row_group_size=500)
    else:
        path.write_bytes(as_ipc(frame))
    return str(path)


FORMS = {
    "object": lambda f, d: f.astype({"security_id": object}),
    "string": lambda f, d: f.astype({"security_id": "string"}),
    "string_arrow": lambda f, d: f.astype({"security_id": "string[pyarrow]"}),
    "category": lambda f, d: f.astype({"security_id": "category"}),
    "spaces": lambda f, d: f.assign(security_id="  " + f["security_id"] + " "),
    "index": lambda f, d: f.set_index(["security_id", "date_sig"]),
    "dict": lambda f, d: {name: f[name].to_numpy() for name in f.columns},
    "fixed_unicode": lambda f, d: {n: f[n].to_numpy(dtype="U") if n == "security_id" else f[n].to_numpy() for n in f.columns},
    "polars": lambda f, d: pl.from_pandas(f),
    "polars_category": lambda f, d: pl.from_pandas(f).with_columns(pl.col("security_id").cast(pl.Categorical)),
    "arrow": lambda f, d: pa.Table.from_pandas(f, preserve_index=False),
    "arrow_large": lambda f, d: arrow_as(f, pa.large_string()),
    "arrow_view": lambda f, d: arrow_as(f, pa.string_view()),
    "arrow_dictionary": lambda f, d: arrow_as(f, pa.dictionary(pa.int16(), pa.string())),
    "batches": lambda f, d: as_ipc(f),
    "csv": lambda f, d: as_file(f, d, "csv"),
    "parquet": lambda f, d: as_file(f, d, "parquet"),
    "feather": lambda f, d: as_file(f, d, "arrow"),
    "pool_bytes": lambda f, d: serialize_signal_arrow(f),
}


def arrow_as(frame: pd.DataFrame, kind: pa.DataType) -> pa.Table:
    table = pa.Table.from_pandas(frame, preserve_index=False)
    return table.set_column(0, "security_id", table["security_id"].cast(kind))


@pytest.mark.parametrize("form", FORMS)
def test_one_run_id_through_every_door(service, rows, form, tmp_path):
    assert rows.columns[0] == "security_id"
    got = service.run(FORMS[form](rows, tmp_path), mincos=2)
    want = service.run(rows, mincos=2)
    assert got.run_id == want.run_id
    assert got.daily.equals(want.daily)


PANEL_FORMS = [
    "object",
    "category",
    "spaces",
    "index",
    "polars",
    "arrow_large",
    "arrow_view",
    "arrow_dictionary",
    "csv",
    "parquet",
]


@pytest.mark.parametrize("form", PANEL_FORMS)
def test_one_content_hash_through_every_door(root, form, tmp_path):
    frame = rename(make_panel(SEED), WRITINGS["tickers"])
    frame = frame[["security_id", "date", "ret"]].assign(ret=frame["ret"].round(4))
    want = fractile.create_snapshot("a", frame.sample(frac=1, random_state=1), root=tmp_path)
    make = FORMS[form] if form != "index" else lambda f, d: f.set_index(["security_id", "date"])
    got = fractile.create_snapshot("b", make(frame, tmp_path), root=tmp_path)
    assert got["content_hash"] == want["content_hash"]
    assert got["id_type"] == "text"


def test_texts_that_look_like_something_else_are_ids(tmp_path):
    ids = ["NAN1", "TRUE", "INF", "1e5", "594918E1", "000001", "600519", "+7", "2020-01-02", "-"]
    days = pd.date_range("2020-01-06", periods=3)
    panel = pd.MultiIndex.from_product([days, ids], names=["date", "security_id"]).to_frame(index=False)
    panel["ret"] = np.linspace(-0.01, 0.01, len(panel))
    panel.to_csv(tmp_path / "p.csv", index=False)
    hashes = {
        fractile.create_snapshot(f"s{i}", p, root=tmp_path)["content_hash"] for i, p in enumerate([panel, tmp_path / "p.csv"])
    }
    assert len(hashes) == 1
    signal = panel.rename(columns={"date": "date_sig", "ret": "signal"})
    signal.to_csv(tmp_path / "s.csv", index=False)
    service = fractile.BacktestService.get("s0", root=tmp_path)
    results = [service.run(form, mincos=1, keep_weights=True, fractile=(50, 50)) for form in (signal, tmp_path / "s.csv")]
    assert results[0].run_id == results[1].run_id
    assert set(results[0].weights["security_id"]) == set(ids)


def test_numbers_written_as_texts_serve_a_snapshot_of_integers(root):
    service = fractile.BacktestService.get("numbers", root=root)
    rows = make_rows()
    want = service.run(rows, mincos=2)
    for form in (rows.assign(security_id=rows["security_id"].astype(str)), rows.astype({"security_id": float})):
        assert service.run(form, mincos=2).run_id == want.run_id
    panel = make_panel(SEED)
    as_text = fractile.create_snapshot("as_text", panel.assign(security_id=panel["security_id"].astype(str)), root=root)
    assert as_text["id_type"] == "integer"
    assert as_text["content_hash"] == service.snapshot.content_hash if hasattr(service, "snapshot") else True


@pytest.mark.parametrize(
    ("snapshot", "change", "words"),
    [
        ("numbers", lambda f: rename(f, WRITINGS["tickers"]), ["integers", "text", "T0000", "row 0"]),
        ("numbers", lambda f: rename(f, lambda k: f"0{k}"), ["integers", '"0', "row 0"]),
        ("tickers", lambda f: f, ["texts", "number", "row 0"]),
        ("tickers", lambda f: f.astype({"security_id": float}), ["texts", "number", "row 0"]),
    ],
)
def test_another_kind_is_refused(root, snapshot, change, words):
    service = fractile.BacktestService.get(snapshot, root=root)
    with pytest.raises(fractile.SignalError) as refused:
        service.run(change(make_rows()), mincos=2)
    assert refused.value.code == "COLUMN_TYPE"
    assert all(word in str(refused.value) for word in words), refused.value


@pytest.mark.parametrize(
    "values", [["A", 1], [1.5, 2.0], [True, False], [np.inf, 1.0], [2.0**53, 1.0], [b"A", b"B"], [10**30, 1]]
)
def test_ids_of_no_kind_are_refused(service, values):
    rows = pd.DataFrame({"security_id": values, "date_sig": "2020-01-06", "signal": 1.0})
    with pytest.raises(fractile.SignalError, match="COLUMN_TYPE"):
        service.run(rows, mincos=1)


def test_missing_ids(root, service, rows):
    holes = rows.assign(security_id=rows["security_id"].where(np.arange(len(rows)) % 7 > 0))
    expected = int(holes["security_id"].isna().sum())
    ids = set()
    for form in (holes, holes.fillna({"security_id": "  "}), holes.astype({"security_id": "category"}), pl.from_pandas(holes)):
        result = service.run(form, mincos=2)
        assert result.diagnostics["null_key"] == expected
        assert result.diagnostics["examples"]["null_key"][0]["security_id"] is None
        ids.add(result.run_id)
    assert len(ids) == 1


def test_texts_that_were_read_before_are_the_same_and_changed_ones_are_not(service, rows):
    """A column of texts is recognized by a hash: of its bytes, or of the addresses of its objects."""

    def run(frame: pd.DataFrame, kind: str) -> tuple[str, pd.DataFrame]:
        result = service.run(frame.assign(security_id=frame["security_id"].astype(kind)), mincos=2)
        return result.run_id, result.daily

    def assert_same(one: tuple[str, pd.DataFrame], other: tuple[str, pd.DataFrame]) -> None:
        assert one[0] == other[0]
        pd.testing.assert_frame_equal(one[1], other[1], check_exact=True)

    first = run(rows, "string[pyarrow]")
    assert_same(first, run(rows, "string[pyarrow]"))
    assert_same(first, run(rows, "object"))
    names = rows["security_id"].dropna().unique()
    swapped = rows.replace({"security_id": {names[0]: names[1], names[1]: names[0]}})
    changed = run(swapped, "string[pyarrow]")
    assert changed[0] != first[0]
    assert_same(changed, run(swapped, "object"))


def as_objects(texts) -> pd.Series:
    column = np.empty(len(texts), dtype=object)
    column[:] = texts
    return pd.Series(column, dtype=object)


def test_objects_changed_in_place_are_read_anew(service, rows):
    """A new object may take the address of one that was let go, and other objects may have the same text."""
    random = np.random.default_rng(0)
    names = [str(name) for name in rows["security_id"].dropna().unique()]
    frame = rows.assign(security_id=as_objects(rows["security_id"]))
    column = frame["security_id"].to_numpy(copy=True)
    for _ in range(40):
        at = random.integers(len(column))
        column[at] = None
        column[at] = "".join(list(names[random.integers(len(names))]))
        frame = frame.assign(security_id=pd.Series(column, dtype=object))
        want = service.run(frame.assign(security_id=frame["security_id"].astype("string[pyarrow]")), mincos=2).run_id
        assert [service.run(frame, mincos=2).run_id for _ in range(3)] == [want] * 3


@pytest.mark.parametrize("missing", [None, np.nan, pd.NA, pd.NaT, float("-nan"), np.float64("nan")], ids=repr)
def test_objects_that_are_missing(service, rows, missing):
    gaps = rows["security_id"].where(rows.index % 7 != 3, None)
    objects = as_objects([missing if pd.isna(name) else name for name in gaps])
    got = service.run(rows.assign(security_id=objects), mincos=2)
    want = service.run(rows.assign(security_id=gaps.astype("string[pyarrow]")), mincos=2)
    assert got.run_id == want.run_id
    assert got.diagnostics["null_key"] == want.diagnostics["null_key"] > 0


@pytest.mark.parametrize("ids", ["one object per row", "one object per name"])
def test_many_objects(service, rows, ids):
    """Objects that recur become codes; those of one row each are read as texts."""
    many = pd.concat([rows.dropna(subset=["security_id"])] * 90, ignore_index=True)
    assert len(many) > 2 * 2**16
    own = {name: name for name in many["security_id"].unique()}
    texts = many["security_id"] if ids == "one object per row" else map(own.__getitem__, many["security_id"])
    objects = as_objects([str(text) for text in texts])
    assert (len({id(text) for text in objects}) > 2**16 + len(many) // 4) == (ids == "one object per row")
    assert service.run(many.assign(security_id=objects), mincos=2).run_id == service.run(many, mincos=2).run_id


def test_an_object_that_is_no_text_is_refused(service, rows):
    mixed = [7 if i == 12 else name for i, name in enumerate(rows["security_id"])]
    with pytest.raises(fractile.errors.SignalError, match="security_id"):
        service.run(rows.assign(security_id=as_objects(mixed)), mincos=2)
    surrogate = ["\ud800" if i == 12 else name for i, name in enumerate(rows["security_id"])]
    with pytest.raises(fractile.errors.SignalError, match="security_id"):
        service.run(rows.assign(security_id=as_objects(surrogate)), mincos=2)


def test_examples_show_the_text(service, rows):
    strange = pd.concat([rows.head(1).assign(security_id="NOWHERE"), rows])
    examples = service.run(strange, mincos=2).diagnostics["examples"]
    assert examples["unknown_security"][0]["security_id"] == "NOWHERE"


def test_any_int64_is_an_id(tmp_path):
    lowest, highest = np.iinfo(np.int64).min, np.iinfo(np.int64).max
    ids = [lowest, -1, 0, highest]
    days = pd.date_range("2020-01-06", periods=4)
    panel = pd.MultiIndex.from_product([days, ids], names=["date", "security_id"]).to_frame(index=False)
    panel["ret"] = 0.01
    fractile.create_snapshot("s", panel, root=tmp_path)
    service = fractile.BacktestService.get("s", root=tmp_path)
    signal = panel.rename(columns={"date": "date_sig"}).assign(signal=np.arange(len(panel), dtype=float))
    missing = signal.astype({"security_id": "Int64"})
    missing.loc[missing["security_id"] == lowest, "security_id"] = pd.NA
    run_ids = set()
    for form in (
        signal,
        signal.astype({"security_id": str}),
        pa.Table.from_pandas(signal, preserve_index=False),
        pl.from_pandas(signal),
    ):
        result = service.run(form, mincos=1, fractile=(50, 50), keep_weights=True)
        assert result.diagnostics["null_key"] == 0
        assert set(result.weights["security_id"]) == set(ids)
        run_ids.add(result.run_id)
    for form in (missing, pa.Table.from_pandas(missing, preserve_index=False), pl.from_pandas(missing)):
        result = service.run(form, mincos=1, fractile=(50, 50))
        assert result.diagnostics["null_key"] == len(days)
        run_ids.add(result.run_id)
    assert len(run_ids) == 2


def test_append_and_diff(tmp_path):
    panel = rename(make_panel(SEED), WRITINGS["tickers"])
    days = sorted(panel["date"].unique())
    names = sorted(panel["security_id"].unique())
    # The panel adds a name in the middle of the order, and the last days.
    early = panel[(panel["date"] < days[-5]) & (panel["security_id"] != names[len(names) // 2])]
    late = (
        panel.merge(early[["security_id", "date"]], how="left", indicator=True)
        .query("_merge == 'left_only'")
        .drop(columns="_merge")
    )
    whole = fractile.create_snapshot("whole", panel, root=tmp_path)
    fractile.create_snapshot("early", early, root=tmp_path)
    appended = fractile.append_snapshot("early", late, "appended", root=tmp_path)
    assert appended["content_hash"] == whole["content_hash"]
    assert appended["changes"]["securities"] == {"added": [names[len(names) // 2]], "removed": []}
    fractile.verify_snapshot("appended", root=tmp_path)
    restated = panel.head(3)[["security_id", "date", "ret"]].assign(ret=0.5)
    again = fractile.append_snapshot("whole", restated, "restated", root=tmp_path)
    assert again["changes"]["rows"]["restated"] == 3
    assert again["changes"]["securities"] == {"added": [], "removed": []}
    fractile.verify_snapshot("restated", root=tmp_path)
    with pytest.raises(fractile.SnapshotError, match=r"PANEL_COLUMN_TYPE: expected texts.*number"):
        fractile.append_snapshot("whole", make_panel(SEED), "x", root=tmp_path)
    fractile.create_snapshot("numbers", make_panel(SEED), root=tmp_path)
    with pytest.raises(fractile.SnapshotError, match=r"PANEL_COLUMN_TYPE: expected integers.*T0000"):
        fractile.append_snapshot("numbers", panel, "x", root=tmp_path)
    changes = fractile.diff_snapshots("numbers", "whole", root=tmp_path)
    assert changes["securities"]["added"] == names
    assert changes["rows"]["removed"] == changes["rows"]["before"]


def test_pool(root, rows, service):
    with BacktestWorkerPool(1, snapshot="tickers", root=root, mincos=2) as pool:
        pool.submit(serialize_signal_arrow(rows))
        results = pool.collect_all()
    assert not pool.errors
    assert [result[2] for result in results] == [service.run(rows, mincos=2).sharpe]


def test_http(root, rows, service, tmp_path):
    want = service.run(rows, mincos=2, keep_weights=True)
    # to_json() writes -0.0 as 0.0, which is another signal.
    records = rows.assign(date_sig=rows["date_sig"].dt.strftime("%Y-%m-%d"), date_avail=None).to_dict(orient="records")
    plain = service.run(rows.drop(columns="date_avail"), mincos=2)
    config = {"mincos": 2, "keep_weights": True}
    with serving(tmp_path, root, {"snapshot": "tickers"}) as server:
        url = f"http://127.0.0.1:{server.port}"
        assert fractile.BacktestClient(server_url=url).run(rows, mincos=2).run_id == service.run(rows, mincos=2).run_id
        body = json.dumps({"signal": records, "config": config}).encode()
        asked = urllib.request.Request(url + "/run", body, {"Content-Type": "application/json"})
        answer = json.load(urllib.request.urlopen(asked))
    assert answer["run_id"] == plain.run_id
    assert {row["security_id"] for row in answer["weights"]} <= set(want.weights["security_id"]) | set(rows["security_id"])


@pytest.mark.parametrize("damage", ["flip", "cut", "gone", "order"])
def test_damage_of_the_texts_is_refused(root, tmp_path, damage):
    shutil.copytree(root / "tickers", tmp_path / "tickers")
    path = tmp_path / "tickers" / "ids.bin"
    data = bytearray(path.read_bytes())
    if damage == "flip":
        data[-1] ^= 1
    elif damage == "cut":
        data = data[:-1]
    elif damage == "order":
        data[4096:4104] = (1).to_bytes(8, "little")
    path.write_bytes(data)
    if damage == "gone":
        path.unlink()
    for refuse in (
        lambda: fractile.BacktestService.get("tickers", root=tmp_path, force_reload=True),
        lambda: fractile.verify_snapshot("tickers", root=tmp_path),
    ):
        with pytest.raises(fractile.SnapshotError, match="CORRUPT_SNAPSHOT"):
            refuse()


def test_a_text_of_255_bytes_is_an_id_and_a_longer_one_is_refused(tmp_path):
    panel = pd.DataFrame({"security_id": ["A" * 255, "B"], "date": pd.Timestamp("2020-01-06"), "ret": 0.01})
    fractile.create_snapshot("s", panel, root=tmp_path)
    with pytest.raises(fractile.SnapshotError, match=r"255 bytes.*256 at row 1"):
        fractile.create_snapshot("x", panel.assign(security_id=["A", "B" * 256]), root=tmp_path)
    service = fractile.BacktestService.get("s", root=tmp_path)
    signal = pd.DataFrame({"security_id": ["B" * 256], "date_sig": "2020-01-06", "signal": 1.0})
    for form in (signal, pl.from_pandas(signal).with_columns(pl.col("date_sig").str.to_date())):
        with pytest.raises(fractile.SignalError, match="at most 255 bytes"):
            service.run(form)


def test_version_1_is_what_integers_are_written_as(root):
    assert json.loads((root / "numbers" / "manifest.json").read_text())["format_version"] == 1
    manifest = json.loads((root / "tickers" / "manifest.json").read_text())
    assert (manifest["format_version"], manifest["id_type"]) == (2, "text")
    assert not (root / "numbers" / "ids.bin").exists()

# Copyright The fractile authors. Licensed under the Apache License, Version 2.0.
"""Every form of a signal yields the same run; the refusal of a wrong type names column, type and remedy."""

from __future__ import annotations

import datetime as dt
import io
import mmap
import pickle
import sys

import fractile
import numpy as np
import pandas as pd
import pytest
from fractile import _core
from fractile.frames import read_signal
from fractile.remote import _encode
from oracle.markets import add_avail, make_panel, make_signal

pa = pytest.importorskip("pyarrow")
pl = pytest.importorskip("polars")


@pytest.fixture(scope="module")
def service(tmp_path_factory):
    root = tmp_path_factory.mktemp("inputs")
    fractile.create_snapshot("v1", make_panel(5), root=root)
    return fractile.BacktestService.get("v1", root=root)


@pytest.fixture(scope="module")
def rows():
    frame = add_avail(make_signal(make_panel(5), 5, messy=False), 5, times=True)
    frame.loc[frame.index[::50], "signal"] = np.nan
    return frame


def ipc(table: pa.Table, kind: str, compression: str | None = None) -> bytes:
    sink = io.BytesIO()
    options = pa.ipc.IpcWriteOptions(compression=compression)
    new = pa.ipc.new_stream if kind == "stream" else pa.ipc.new_file
    with new(sink, table.schema, options=options) as writer:
        writer.write_table(table, max_chunksize=500)
    return sink.getvalue()


FORMS = {
    "pandas_ns": lambda f, d: f.astype({"date_sig": "datetime64[ns]", "date_avail": "datetime64[ns]"}),
    "pandas_s": lambda f, d: f.astype({"date_sig": "datetime64[s]"}),
    "pandas_int32": lambda f, d: f.astype({"security_id": "int32"}),
    "pandas_int16": lambda f, d: f.astype({"security_id": "int16"}),
    "pandas_nullable": lambda f, d: f.astype({"security_id": "Int64", "signal": "Float64"}),
    "pandas_arrow": lambda f, d: f.convert_dtypes(dtype_backend="pyarrow").astype({"date_sig": "timestamp[us][pyarrow]"}),
    "pandas_index": lambda f, d: f.set_index(["date_sig", "security_id"]),
    "pandas_text_dates": lambda f, d: f.assign(date_sig=f["date_sig"].dt.strftime("%Y-%m-%d")),
    "pandas_text_objects": lambda f, d: f.assign(date_sig=f["date_sig"].dt.strftime("%Y-%m-%d").astype(object)),
    "pandas_text_category": lambda f, d: f.assign(date_sig=f["date_sig"].dt.strftime("%Y-%m-%d").astype("category")),
    "pandas_text_times": lambda f, d: f.assign(
        date_avail=f["date_avail"].dt.strftime("%Y-%m-%dT%H:%M:%S").where(f["date_avail"].notna())
    ),
    "pandas_object_dates": lambda f, d: f.assign(date_sig=pd.Series(f["date_sig"].dt.date, dtype=object)),
    "pandas_zone": lambda f, d: f.assign(
        date_sig=f["date_sig"].dt.tz_localize("America/New_York"), date_avail=f["date_avail"].dt.tz_localize("America/New_York")
    ),
    "pandas_text_offset": lambda f, d: f.assign(
        date_avail=f["date_avail"].dt.strftime("%Y-%m-%dT%H:%M:%S+05:30").where(f["date_avail"].notna())
    ),
    "pandas_text_compact": lambda f, d: f.assign(date_sig=f["date_sig"].dt.strftime("%Y%m%d")),
    "pandas_categorical_dates": lambda f, d: f.astype({"date_sig": "category"}),
    "pandas_categorical": lambda f, d: f.assign(security_id=f["security_id"].astype("category")),
    "pandas_more_columns": lambda f, d: f.assign(other="x"),
    "pandas_strided": lambda f, d: pd.concat([f, f]).iloc[::1].head(len(f)),
    "polars": lambda f, d: pl.from_pandas(f),
    "polars_date": lambda f, d: pl.from_pandas(f).with_columns(pl.col("date_sig").cast(pl.Date)),
    "polars_text": lambda f, d: pl.from_pandas(f).with_columns(pl.col("date_sig").dt.strftime("%Y-%m-%d")),
    "polars_text_offset": lambda f, d: pl.from_pandas(f).with_columns(pl.col("date_avail").dt.strftime("%Y-%m-%dT%H:%M:%S-0800")),
    "polars_text_compact": lambda f, d: pl.from_pandas(f).with_columns(pl.col("date_sig").dt.strftime("%Y%m%d")),
    "polars_zone": lambda f, d: pl.from_pandas(f).with_columns(
        pl.col("date_sig").dt.replace_time_zone("Asia/Tokyo"), pl.col("date_avail").dt.replace_time_zone("Asia/Tokyo")
    ),
    "table": lambda f, d: pa.Table.from_pandas(f, preserve_index=False),
    "table_chunks": lambda f, d: pa.concat_tables(
        [pa.Table.from_pandas(f.iloc[:700], preserve_index=False), pa.Table.from_pandas(f.iloc[700:], preserve_index=False)]
    ),
    "table_slice": lambda f, d: pa.Table.from_pandas(pd.concat([f.head(3), f]), preserve_index=False).slice(3),
    "table_date32": lambda f, d: pa.Table.from_pandas(f, preserve_index=False).set_column(
        1, "date_sig", pa.array(f["date_sig"].dt.date, pa.date32())
    ),
    "table_date64": lambda f, d: pa.Table.from_pandas(f, preserve_index=False).set_column(
        1, "date_sig", pa.array(f["date_sig"].dt.date, pa.date64())
    ),
    "table_dictionary": lambda f, d: pa.Table.from_pandas(
        f.assign(date_sig=f["date_sig"].dt.strftime("%Y-%m-%d").astype("category")), preserve_index=False
    ),
    "record_batch": lambda f, d: pa.RecordBatch.from_pandas(f, preserve_index=False),
    "reader": lambda f, d: pa.Table.from_pandas(f, preserve_index=False).to_reader(max_chunksize=300),
    "numpy": lambda f, d: {c: f[c].to_numpy() for c in f},
    "numpy_big_endian": lambda f, d: {c: f[c].to_numpy().astype(f[c].to_numpy().dtype.newbyteorder(">")) for c in f},
    "numpy_masked": lambda f, d: {
        c: np.ma.array(f[c].fillna(f[c].dropna().iloc[0]).to_numpy(), mask=f[c].isna().to_numpy()) for c in f
    },
    "series": lambda f, d: {c: f[c] for c in f},
    "ipc_stream": lambda f, d: ipc(pa.Table.from_pandas(f, preserve_index=False), "stream"),
    "ipc_file": lambda f, d: ipc(pa.Table.from_pandas(f, preserve_index=False), "file"),
    "ipc_zstd": lambda f, d: ipc(pa.Table.from_pandas(f, preserve_index=False), "stream", "zstd"),
    "ipc_lz4": lambda f, d: ipc(pa.Table.from_pandas(f, preserve_index=False), "file", "lz4"),
    "parquet": lambda f, d: (f.to_parquet(d / "s.parquet"), d / "s.parquet")[1],
    "csv": lambda f, d: (f.to_csv(d / "s.csv", index=False), str(d / "s.csv"))[1],
    "feather": lambda f, d: (f.reset_index(drop=True).to_feather(d / "s.feather"), d / "s.feather")[1],
}


@pytest.mark.parametrize("form", FORMS)
def test_every_form_is_the_same_run(service, rows, tmp_path, form):
    want = service.run(rows, mincos=2)
    got = service.run(FORMS[form](rows, tmp_path), mincos=2)
    assert got.run_id == want.run_id
    pd.testing.assert_frame_equal(got.daily, want.daily, check_exact=True)
    pd.testing.assert_frame_equal(got.summary, want.summary, check_exact=True)


@pytest.mark.parametrize("form", FORMS)
def test_a_client_sends_what_is_read_here(service, rows, tmp_path, form, monkeypatch):
    """The body of a request has the same signal for every form, and the client makes it without pyarrow."""
    source = FORMS[form](rows, tmp_path)
    want = service.run(rows, mincos=2).run_id
    if not form.startswith(("table", "record_batch", "reader", "pandas_arrow")):
        monkeypatch.setitem(sys.modules, "pyarrow", None)
    body, kind, _ = _encode(source, ["signal"], {})
    form_of_kind = {"text/csv": "csv"}.get(kind, "arrow")
    sent = _core.signal_from_bytes(np.frombuffer(body, np.uint8), form_of_kind, ["signal"])
    config = _core.parse_config('{"mincos": 2}')
    assert _core.Backtester(_core.open_snapshot(service._folder, "v1"), None, None, True).run(sent, 0, config).run_id == want


def test_series_of_the_same_labels_are_aligned_and_others_refused_here_and_by_a_client(service, rows):
    columns = {name: rows[name] for name in rows}
    ordered = columns | {"signal": rows["signal"].sort_values()}
    assert service.run(ordered, mincos=2).run_id == service.run(rows, mincos=2).run_id
    assert _encode(ordered, ["signal"], {})[0] == _encode(rows, ["signal"], {})[0]
    others = {
        "labels": columns | {"signal": rows["signal"].set_axis(rows.index + 1)},
        "an array beside it": ordered | {"security_id": rows["security_id"].to_numpy()},
    }
    for source in others.values():
        for read in (service.run, lambda signal: _encode(signal, ["signal"], {})):
            with pytest.raises(fractile.SignalError, match=r"of one index.*signal") as error:
                read(source)
            assert error.value.code == "COLUMN_TYPE"


def test_masked_entries_are_missing(service, rows):
    mask = np.arange(len(rows)) % 3 == 0
    rows = rows.dropna(subset="signal")
    mask = mask[: len(rows)]
    plain = {name: rows[name].to_numpy() for name in rows}
    for name, cause in (("signal", "null_signal"), ("security_id", "null_key"), ("date_sig", "null_key")):
        found = service.run(plain | {name: np.ma.array(plain[name], mask=mask)}, mincos=2)
        assert found.diagnostics[cause] == mask.sum()


WHOLE = {
    "numpy": lambda values: values,
    "uint64": lambda values: values.astype(np.uint64),
    "pandas_nullable": lambda values: pd.array(values, dtype="Int64"),
    "pandas_arrow": lambda values: pd.Series(values, dtype="int64[pyarrow]"),
    "category": lambda values: pd.Categorical(values),
    "masked": lambda values: np.ma.array(values, mask=np.arange(len(values)) == 1),
    "arrow": None,
    "arrow_dictionary": None,
}


@pytest.mark.parametrize("kind", WHOLE)
def test_whole_signals_that_are_not_told_apart_are_refused(service, rows, kind):
    """float64 represents every integer below 2^53; of larger ones only those that it represents are read, as others would tie."""
    frame = rows[["security_id", "date_sig"]]
    for largest, is_refused in ((2**53 - 1, False), (2**53, False), (2**53 + 1, True), (2**60 + 1, True)):
        values = np.arange(len(rows))
        values[2] = largest if kind != "uint64" else abs(largest)
        if kind.startswith("arrow"):
            column = pa.array(values)
            column = column.dictionary_encode() if kind == "arrow_dictionary" else column
            source = pa.Table.from_pandas(frame, preserve_index=False).append_column("signal", column)
        else:
            source = {name: frame[name].to_numpy() for name in frame} | {"signal": WHOLE[kind](values)}
        if not is_refused:
            service.run(source, mincos=2)
            continue
        with pytest.raises(fractile.SignalError, match=r"2\^53.*signal.*row 2") as error:
            service.run(source, mincos=2)
        assert error.value.code == "COLUMN_TYPE"


@pytest.mark.parametrize("start", ["2300-01-04", "2262-03-01", "1650-01-03"])
def test_years_that_nanoseconds_do_not_reach(tmp_path, start):
    """One batch, two batches, texts and objects are one run; its dates read as they are written, also once pickled."""
    first = np.datetime64(start)
    days = np.array([first + k for k in range(30) if (first + k).astype(int) % 7 not in (2, 3)])
    n, random = 20 * len(days), np.random.default_rng(1)
    ids, dates = np.tile(np.arange(20), len(days)), np.repeat(days, 20)
    column = pa.array(dates.astype(int).astype("i4")).cast(pa.date32())
    panel = pa.table({"security_id": ids, "date": column, "ret": random.normal(0, 0.02, n)})
    fractile.create_snapshot("far", panel, root=tmp_path)
    service = fractile.BacktestService.get("far", root=tmp_path)
    signal = pa.table({"security_id": ids, "date_sig": column, "signal": random.normal(size=n)})
    want = service.run(signal, mincos=1)
    values = signal["signal"].to_numpy()
    forms = {
        "two batches": pa.concat_tables([signal.slice(0, n // 2), signal.slice(n // 2)]),
        "texts": signal.set_column(1, "date_sig", signal["date_sig"].cast(pa.string())),
        "pandas texts": pd.DataFrame({"security_id": ids, "date_sig": dates.astype(str), "signal": values}),
        "numpy days": {"security_id": ids, "date_sig": dates, "signal": values},
        "objects": {"security_id": ids, "date_sig": dates.astype(object), "signal": values},
    }
    for name, form in forms.items():
        assert service.run(form, mincos=1).run_id == want.run_id, name
    shown = [str(date)[:10] for date in want.daily["date"]]
    assert shown == [row["date"] for row in want.to_dict()["daily"]]
    pd.testing.assert_frame_equal(pickle.loads(pickle.dumps(want)).daily, want.daily)


BUFFERS = {
    "bytearray": bytearray,
    "memoryview": memoryview,
    "wider_items": lambda data: memoryview(data + bytes(-len(data) % 8)).cast("q"),
    "every_other": lambda data: memoryview(bytes(b for pair in zip(data, data) for b in pair))[::2],
    "pyarrow": pa.py_buffer,
}


@pytest.mark.parametrize("kind", BUFFERS)
def test_arrow_bytes_in_any_buffer(service, rows, kind):
    data = ipc(pa.Table.from_pandas(rows, preserve_index=False), "stream")
    assert service.run(BUFFERS[kind](data), mincos=2).run_id == service.run(rows, mincos=2).run_id


def test_arrow_bytes_are_viewed_not_copied(service, rows):
    sink = io.BytesIO()
    table = pa.Table.from_pandas(rows[["security_id", "date_sig", "signal"]].fillna(0.0), preserve_index=False)
    with pa.ipc.new_stream(sink, table.schema) as writer:
        writer.write_table(table)
    with mmap.mmap(-1, len(sink.getvalue())) as memory:
        memory.write(sink.getvalue())
        values = table["signal"].to_numpy()
        at = memory.find(values.tobytes(), 0)
        signal = read_signal(memory, ["signal"])
        config = _core.parse_config('{"mincos": 2}')
        run = _core.Backtester(_core.open_snapshot(service._folder, "v1"), None, None, True).run
        before = run(signal, 0, config).run_id
        memory[at : at + values.nbytes] = (-values).tobytes()
        assert run(signal, 0, config).run_id != before
        del signal


def test_duckdb_relation(service, rows):
    duckdb = pytest.importorskip("duckdb")
    relation = duckdb.sql("select * from rows")
    assert service.run(relation, mincos=2).run_id == service.run(rows, mincos=2).run_id


def one_object_per_value(values) -> pd.Series:
    own: dict = {}
    out = np.empty(len(values), dtype=object)
    out[:] = [own.setdefault(value, value) for value in values]
    return pd.Series(out)


@pytest.mark.parametrize("missing", [None, pd.NaT, pd.NA, float("nan")], ids=repr)
def test_date_objects_that_recur_are_the_dates(service, rows, missing):
    """As pandas reads a column of dates from Parquet: one object per day. Read three times, because the third one finds a cache."""
    days = [missing if i % 7 == 3 else day for i, day in enumerate(rows["date_sig"].dt.date)]
    want = service.run(rows.assign(date_sig=rows["date_sig"].where(rows.index % 7 != 3)), mincos=2)
    for objects in (one_object_per_value(days), pd.Series(days, dtype=object)):
        for _ in range(3):
            got = service.run(rows.assign(date_sig=objects), mincos=2)
            assert got.run_id == want.run_id
            assert got.diagnostics["null_key"] == want.diagnostics["null_key"] > 0
    changed, others = one_object_per_value(days), rows.drop(columns="date_avail")
    before = service.run(others.assign(date_sig=changed), mincos=2).run_id
    changed[0] = dt.date(2020, 3, 2)
    moved = service.run(others.assign(date_sig=pd.to_datetime(changed)), mincos=2).run_id
    assert service.run(others.assign(date_sig=changed), mincos=2).run_id == moved != before


class Workday(dt.date):
    """A date of another type."""


@pytest.mark.parametrize("other", ["a text", "a time", "a subclass", "a whole number"])
@pytest.mark.parametrize("place", [0, 7])
def test_dates_beside_other_objects(service, rows, other, place):
    day = rows["date_sig"].iloc[place]
    value = {
        "a text": str(day.date()),
        "a time": day.to_pydatetime() + dt.timedelta(hours=5),
        "a subclass": Workday(day.year, day.month, day.day),
        "a whole number": int(day.strftime("%Y%m%d")),
    }[other]
    objects = one_object_per_value(rows["date_sig"].dt.date)
    objects[place] = value
    assert service.run(rows.assign(date_sig=objects), mincos=2).run_id == service.run(rows, mincos=2).run_id


def test_dates_are_no_ids(service, rows):
    with pytest.raises(fractile.errors.SignalError, match="security_id"):
        service.run(rows.assign(security_id=one_object_per_value(rows["date_sig"].dt.date)), mincos=2)


def test_date_objects_of_one_row_each(service, rows):
    many = pd.concat([rows] * 90, ignore_index=True)
    assert len(many) > 2 * 2**16
    objects = pd.Series([day.date() for day in many["date_sig"]], dtype=object)
    assert service.run(many.assign(date_sig=objects), mincos=2).run_id == service.run(many, mincos=2).run_id


@pytest.mark.parametrize("missing", [None, float("nan"), pd.NaT, ""])
@pytest.mark.parametrize("kind", ["text", "date"])
def test_a_missing_date_is_a_null_key(service, rows, kind, missing):
    dates = rows["date_sig"].dt.strftime("%Y-%m-%d") if kind == "text" else rows["date_sig"].dt.date
    dates = dates.astype(object)
    if kind == "date" and missing == "":
        missing = np.datetime64("NaT")
    dates.iloc[[0, 5]] = missing
    result = service.run(rows.assign(date_sig=dates), mincos=2)
    assert result.diagnostics["null_key"] == 2
    assert [example["row"] for example in result.diagnostics["examples"]["null_key"]] == [0, 5]


@pytest.mark.parametrize(
    ("change", "code", "words"),
    [
        (lambda f: f.rename(columns={"signal": "sig"}), "UNKNOWN_COLUMN", 'sigvar="sig"'),
        (lambda f: f.drop(columns="security_id"), "UNKNOWN_COLUMN", '"security_id"'),
        (lambda f: f.assign(security_id=f["security_id"] + 0.5), "COLUMN_TYPE", "whole numbers"),
        (lambda f: f.assign(security_id="AAPL"), "COLUMN_TYPE", "security_id"),
        (lambda f: f.assign(signal="high"), "COLUMN_TYPE", "signal"),
        (lambda f: f.assign(signal=True), "COLUMN_TYPE", "bool"),
        (lambda f: f.assign(date_sig=2020010), "COLUMN_TYPE", "2020010"),
        (lambda f: f.assign(date_sig="01/02/2020x"), "COLUMN_TYPE", "ISO"),
        (lambda f: f.head(0), "EMPTY_SIGNAL", "found 0"),
        (lambda f: pl.from_pandas(f).lazy(), "COLUMN_TYPE", "collect()"),
        (lambda f: pl.from_pandas(f).with_columns(pl.lit(dt.time(9)).alias("date_sig")), "COLUMN_TYPE", "date_sig"),
        (lambda f: 7, "COLUMN_TYPE", "int"),
        (lambda f: b"no arrow at all", "UNREADABLE_SIGNAL", "arrow"),
        (lambda f: "no/such/file.parquet", "UNREADABLE_SIGNAL", "no/such/file.parquet"),
        (lambda f: "signal.xls", "UNREADABLE_SIGNAL", ".parquet"),
        (lambda f: f.assign(security_id=np.uint64(2**63 + 5)), "COLUMN_TYPE", "9223372036854775813"),
    ],
)
def test_wrong_input_is_refused(service, rows, change, code, words):
    with pytest.raises(fractile.SignalError) as error:
        service.run(change(rows), mincos=2)
    assert error.value.code == code
    assert words in str(error.value)

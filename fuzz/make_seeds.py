# Copyright The fractile authors. Licensed under the Apache License, Version 2.0.
"""Writes the hand-made seeds: `python fuzz/make_seeds.py`. Seeds named found_* are inputs that once revealed a fault."""

from __future__ import annotations

import gzip
import io
import json
import pathlib
import random

import pyarrow as pa
import pyarrow.csv
import pyarrow.ipc

SEEDS = pathlib.Path(__file__).parent / "seeds"
DAYS = [18267, 18268, 18269, 18270, 18271]  # the first trading days of the fuzzers' markets


def write(target: str, name: str, content: bytes | str) -> None:
    folder = SEEDS / target
    folder.mkdir(parents=True, exist_ok=True)
    (folder / name).write_bytes(content.encode() if isinstance(content, str) else content)


def signal(n: int = 12) -> dict[str, pa.Array]:
    return {
        "security_id": pa.array([1 + i % 6 for i in range(n)]),
        "date_sig": pa.array([DAYS[i // 6 % 5] for i in range(n)], pa.date32()),
        "signal": pa.array([None if i == 7 else i / 4 - 1 for i in range(n)], pa.float64()),
    }


def panel(n: int = 12) -> dict[str, pa.Array]:
    return {
        "security_id": pa.array([1 + i % 6 for i in range(n)]),
        "date": pa.array([DAYS[i // 6] for i in range(n)], pa.date32()),
        "ret": pa.array([None if i == 3 else i / 100 for i in range(n)], pa.float64()),
        "cap": pa.array([1 + i % 3 for i in range(n)], pa.int8()),
        "country": pa.array(["US", None, "Österreich"] * (n // 3)).dictionary_encode(),
    }


def stream(
    columns: dict[str, pa.Array], batch_rows: int = 1 << 20, compression: str | None = None, is_file: bool = False
) -> bytes:
    table = pa.table(columns)
    sink = io.BytesIO()
    options = pa.ipc.IpcWriteOptions(compression=compression)
    make = pa.ipc.new_file if is_file else pa.ipc.new_stream
    with make(sink, table.schema, options=options) as writer:
        writer.write_table(table, max_chunksize=batch_rows)
    return sink.getvalue()


def csv(columns: dict[str, pa.Array]) -> bytes:
    sink = io.BytesIO()
    pa.csv.write_csv(
        pa.table({k: v.cast(pa.string()) if pa.types.is_dictionary(v.type) else v for k, v in columns.items()}), sink
    )
    return sink.getvalue()


def reading_seeds() -> None:
    rows = "security_id;date_sig;signal\n1;02/01/2020;1,5\n2;02/01/2020;N.M.\n3;03/01/2020;(2,5)\n"
    options = {"date_format": "%d/%m/%Y", "delimiter": ";", "decimal": ",", "null": {"signal": ["N.M.", "(2,5)"]}}
    write("read_options", "signal", json.dumps(options) + "\n" + rows)
    rows = "PERMNO,Date,RET,PRC\n1,20200102,1.5,1 000\n2,20200102,C,2 000\n1,20200103,-99,3 000\n"
    more = {"map": {"security_id": "PERMNO", "date": "Date", "ret": "RET"}, "null": "RET=C,-99", "scale": "ret=0.01"}
    write("read_options", "panel", json.dumps({**more, "thousands": " ", "text": ["PRC"]}) + "\n" + rows)
    write("read_options", "returns", json.dumps({"date_format": "%Y-%m", "decimal": ","}) + "\ndate;mkt;smb\n2020-01;0,01;\n")
    write(
        "read_options",
        "latin",
        json.dumps({"encoding": "latin-1"}).encode() + b"\nsecurity_id,date_sig,signal\n\xd6,2020-01-02,1\n",
    )
    write("date_format", "days", "%d/%m/%Y\n02/01/2020,13/01/2020\n31/12/1999")
    write("date_format", "times", "%m/%d/%Y %I:%M:%S %p\n01/02/2020 04:30:00 PM\n01/03/2020 12:00:00 AM")
    write("date_format", "names", "%d %b %Y %z\n02 Jan 2020 +09:00\n03 Feb 2020 Z")
    write("date_format", "unix", "unix_ms\n1577923200000\n1578009600000.5")
    part = "security_id,date,ret\n{},2020-01-02,0.01\n{},2020-01-03,0.02\n"
    files = {"year=2020/a.csv": part.format(1, 1), "year=2020/b.csv": part.format(2, 2), "_SUCCESS": ""}
    write("folder", "panel", "\0".join(f"{name}\0{text}" for name, text in files.items()))
    rows = "security_id,signal\n1,0.5\n2,1.5\n"
    files = {
        "date_sig=2020-01-06/a.csv": rows,
        "date_sig=2020%2D01%2D07/a.csv": rows,
        "date_sig=__HIVE_DEFAULT_PARTITION__/x.csv": rows,
    }
    write("folder", "signal", "\0".join(f"{name}\0{text}" for name, text in files.items()))
    files = {"x=1/a.csv": "x,security_id,date_sig,signal\n1.0,1,2020-01-06,1\n", "x=2/b.csv": "x,signal\n3,1\n"}
    write("folder", "keys", "\0".join(f"{name}\0{text}" for name, text in files.items()))


def arrow_seeds() -> None:
    write("arrow_ipc", "signal", stream(signal()))
    write("arrow_ipc", "signal_batches", stream(signal(), batch_rows=5))
    write("arrow_ipc", "signal_file", stream(signal(), is_file=True))
    write("arrow_ipc", "signal_lz4", stream(signal(), compression="lz4"))
    write("arrow_ipc", "signal_zstd", stream(signal(), compression="zstd"))
    texts = signal()
    dates = ["2020-01-06", "2020-01-07T09:30", "2020-01-08 16:00:00.5", None] * 3
    texts["date_sig"] = pa.array(dates)
    write("arrow_ipc", "signal_texts", stream(texts))
    texts["date_sig"] = pa.array(dates).dictionary_encode()
    texts["security_id"] = texts["security_id"].cast(pa.uint16()).dictionary_encode()
    write("arrow_ipc", "signal_dictionaries", stream(texts))
    texts["date_sig"] = pa.array([f"2020-01-{6 + i % 5:02}T00:00:00Z" for i in range(12)], pa.string_view())
    write("arrow_ipc", "signal_views", stream(texts))
    zoned = signal()
    zoned["date_sig"] = pa.array([day * 86400 for day in DAYS * 2 + DAYS[:2]], pa.timestamp("s", "America/New_York"))
    zoned["date_avail"] = pa.array([day * 86400000 + 36000000 for day in DAYS * 2 + DAYS[:2]], pa.timestamp("ms"))
    zoned["date_ret"] = pa.array([day * 86400000 + 3 * 86400000 for day in DAYS * 2 + DAYS[:2]], pa.date64())
    zoned["signal"] = zoned["signal"].cast(pa.float16())
    write("arrow_ipc", "signal_times", stream(zoned))
    write("arrow_ipc", "panel", stream(panel()))
    write("arrow_ipc", "panel_file", stream(panel(), batch_rows=7, is_file=True))
    write("csv", "signal", csv(signal()))
    write("csv", "signal_quoted", '"signal","security_id","date_sig"\r\n"0.5","1","2020-01-06"\r\n"-1e-3","2","2020-01-07"\r\n')
    write("csv", "signal_times", "security_id,date_sig,date_avail,signal\n1,2020-01-06,2020-01-06T09:30:00,1\n2,2020-01-06,,2\n")
    write("csv", "panel", csv(panel()))
    write("csv", "panel_codes", "date,security_id,ret,industry_id\n2020-01-06,-5,0.25,40\n2020-01-07,-5,,1e3\n")


def request_seeds() -> None:
    rows = [{"security_id": 1 + i % 6, "date_sig": "2020-01-07", "signal": i / 4} for i in range(6)]
    columns = {key: [row[key] for row in rows] for key in rows[0]}
    write("json_request", "records", json.dumps({"signal": rows, "config": {"mincos": 1, "lag": 1}}))
    write("json_request", "columns", json.dumps({"config": {"mincos": 1, "sigvar": "signal"}, "signal": columns}))
    write("json_request", "suite", json.dumps({"signal": columns, "lags": [0, 2], "resid_modes": ["off", "industry"]}))
    write("json_request", "path", '{"signal_path":"a.parquet"}')
    write("json_request", "missing", '{"signal":[{"security_id":null,"signal":1e5},{"date_sig":null,"date_ret":"2020-01-09"}]}')
    odd = {
        "byvar_list": ["cap", "year"],
        "universe": {"country": ["CH"], "adv": {"min": 1}},
        "analysis": ["ic"],
        "fractile": [20, 80],
    }
    write("json_request", "options", json.dumps({"signal": columns, "config": {**odd, "keep_weights": True, "mincos": 1}}))
    write("query", "plain", "/run")
    write("query", "config", "/run?config=%7B%22lag%22%3A1%2C%22mincos%22%3A1%7D&orient=split")
    write("query", "suite", '/suite?lags=[0,1]&resid_modes=["off","factor"]&config={"mincos":1}')
    write("query", "plus", "/run?config=%7B+%22mincos%22:+2+%7D")
    write("query", "twice", "/run?orient=split&orient=records")
    write("query", "cut", "/run?config=%7")


def config_seeds() -> None:
    write("config", "packaged", (SEEDS.parent.parent / "api" / "backtest_config.yaml").read_bytes())
    write("config", "sections", "snapshot: a\ndate_range: {start: 2020-01-01, end: null}\nmemory: {compact: no, cache_size: 3}\n")
    write("config", "server", "server:\n  port: 0\n  max_body_mb: 0.5\n  cors_origins: [http://a, 'b']\n  workers: 2\n")
    write(
        "config", "defaults", "defaults:\n  resid: off\n  fractile: [20, 80]\n  tc_level: {big: 1}\n  universe: {cap: [1, 2]}\n"
    )
    write("config", "anchors", "defaults: &a\n  byvar_list: &b [overall, year]\n  analysis: [ic]\n")
    options = {
        "byvar_list": ["overall", "cap"],
        "fractile": [5, 95.5],
        "universe": {"adv": {"min": 1e6, "max": None}, "country": ["CH", "US"]},
        "tc_level": {"big": 1, "small": 3},
        "tc_model": "power_law",
        "tc_value": [0.3, 0.5],
        "threads": 2,
    }
    write("config", "options", json.dumps(options))
    write(
        "config", "double_sort", '{"sort_method":"double","double_var":"cap","double_frac":4,"resid":true,"resid_style":"factor"}'
    )


def encoded_seeds() -> None:
    text = b"security_id,date_sig,signal\n" * 20
    write("content_encoding", "gzip", b"\x00\x07" + gzip.compress(text, mtime=0))
    write("content_encoding", "gzip_members", b"\x00\x02" + gzip.compress(text, mtime=0) + gzip.compress(b"x", mtime=0))
    write("content_encoding", "gzip_bomb", b"\x00\xff" + gzip.compress(bytes(1 << 21), mtime=0))
    zstd = pa.Codec("zstd")
    write("content_encoding", "zstd", b"\x01\x05" + zstd.compress(text).to_pybytes())
    write("content_encoding", "zstd_bomb", b"\x01\xff" + zstd.compress(bytes(1 << 21)).to_pybytes())


def random_seeds() -> None:
    drawn = random.Random(1)
    for k, size in enumerate([40, 60, 90, 140, 200, 300, 400, 600]):
        write("aligner", f"random_{k}", drawn.randbytes(size))
    for k in range(6):
        write("snapshot_open", f"random_{k}", drawn.randbytes(30))


if __name__ == "__main__":
    arrow_seeds()
    request_seeds()
    config_seeds()
    encoded_seeds()
    reading_seeds()
    random_seeds()

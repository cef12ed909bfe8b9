# Copyright The fractile authors. Licensed under the Apache License, Version 2.0.
"""False, broken and exploding bodies: each gets its 4xx, nothing runs, and the server survives."""

from __future__ import annotations

import io
import json
import os
import random
import urllib.parse

import pyarrow as pa
import pytest
from support.raw_http import exchange, request
from support.server_market import (
    FILE,
    STREAM,
    json_body,
    make_root,
    make_rows,
    refused,
    to_columns,
    to_ipc,
    to_records,
    to_table,
    unharmed,
)
from support.server_process import serving

pytestmark = pytest.mark.alone

ROWS = make_rows()
RECORDS = to_records(ROWS)
GOOD = json_body(RECORDS, mincos=2)
CSV = ROWS.to_csv(index=False).encode()
CONFIG = "/run?config=" + urllib.parse.quote(json.dumps({"mincos": 2}))
LIMIT_MB = 64
BAD = (400, 422)


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    folder = tmp_path_factory.mktemp("abuse_bodies")
    signals = make_signal_folder(folder)
    configuration = {"server": {"workers": 2, "max_body_mb": LIMIT_MB, "signal_dir": str(signals)}}
    with serving(folder / "server", make_root(folder / "snapshots"), configuration) as running:
        for body, kind in ((GOOD, "application/json"), (CSV, "text/csv"), (to_ipc(to_table(ROWS)), STREAM)):
            assert exchange(running.port, request(target=CONFIG, body=body, content_type=kind)).status in (200, 400, 422)
        yield running


@pytest.fixture(autouse=True)
def _unharmed(server):
    with unharmed(server):
        yield


def make_signal_folder(folder):
    signals = folder / "signals"
    (signals / "sub").mkdir(parents=True)
    for name in ("good.csv", "sub/good.csv"):
        (signals / name).write_bytes(CSV)
    (folder / "secret.csv").write_bytes(CSV)
    (folder / "signals_more").mkdir()
    (folder / "signals_more" / "secret.csv").write_bytes(CSV)
    (signals / "link.csv").symlink_to(folder / "secret.csv")
    (signals / "outside").symlink_to(folder)
    (signals / "loop.csv").symlink_to("loop.csv")
    (signals / "null.csv").symlink_to("/dev/zero")
    os.mkfifo(signals / "fifo.csv")
    (signals / "empty.csv").write_bytes(b"")
    (signals / "folder.csv").mkdir()
    (signals / "text.zip").write_bytes(CSV)
    return signals


def record(**values: str) -> bytes:
    """One record whose values are raw JSON."""
    fields = {"security_id": "1", "date_sig": '"2020-01-06"', "signal": "0.5"} | values
    return b'{"signal": [{' + ", ".join(f'"{k}": {v}' for k, v in fields.items()).encode() + b"}]}"


NO_JSON = {
    "nothing": b"",
    "space": b"  \n ",
    "half": GOOD[: len(GOOD) // 2],
    "rest": GOOD + b"}",
    "two": GOOD + GOOD,
    "comment": b"/* x */" + GOOD,
    "byte order mark only": b"\xef\xbb\xbf",
    "UTF-16": GOOD.decode().encode("utf-16"),
    "single quotes": GOOD.replace(b'"', b"'"),
    "trailing comma": GOOD[:-1] + b",}",
    "binary": bytes(range(256)) * 100,
    "wrong UTF-8 in a value": record(date_sig='"2020-01-06').replace(b"-06", b'-06\xff"'),
    "wrong UTF-8 in a key": GOOD.replace(b'"config"', b'"conf\xc3\x28"'),
    "overlong UTF-8": GOOD.replace(b'"mincos"', b'"minc\xc0\xafs"'),
    "lone surrogate": GOOD.replace(b'"mincos"', b'"\\ud800"'),
    "control character in a text": GOOD.replace(b'"mincos"', b'"min\ncos"'),
    "NaN": record(signal="NaN"),
    "Infinity": record(signal="Infinity"),
    "-Infinity": record(signal="-Infinity"),
    "hex": record(signal="0x10"),
    "leading zero": record(signal="01"),
    "plus": record(signal="+1"),
    "point only": record(signal="."),
    "1e": record(signal="1e"),
}


@pytest.mark.parametrize("name", NO_JSON)
def test_what_is_no_json(server, name):
    refused(server, NO_JSON[name], (400, 422) if name == "lone surrogate" else (400,) if name != "nothing" else BAD)


WRONG = {
    "null": b"null",
    "list": b"[]",
    "number": b"1",
    "text": b'"signal"',
    "no signal": b'{"config": {}}',
    "empty object": b"{}",
    "unknown key": b'{"signal": [], "confg": {}}',
    "signal is null": b'{"signal": null}',
    "signal is a number": b'{"signal": 1}',
    "signal is a text": b'{"signal": "x.csv"}',
    "no rows": b'{"signal": []}',
    "no columns": b'{"signal": {}}',
    "rows of nothing": b'{"signal": [{}]}',
    "rows are lists": b'{"signal": [[1, "2020-01-02", 0.5]]}',
    "rows are null": b'{"signal": [null]}',
    "rows of two kinds": b'{"signal": [{"security_id": 1, "date_sig": "2020-01-06", "signal": 1}, 3]}',
    "columns are no lists": b'{"signal": {"security_id": 1, "date_sig": "2020-01-06", "signal": 0.5}}',
    "columns of two lengths": b'{"signal": {"security_id": [1, 2], "date_sig": ["2020-01-06"], "signal": [0.5]}}',
    "a missing column": b'{"signal": {"security_id": [1], "signal": [0.5]}}',
    "config is null": b'{"signal": [], "config": null}',
    "config is a list": GOOD.replace(b'{"mincos": 2}', b"[]"),
    "config is a text": GOOD.replace(b'{"mincos": 2}', b'"mincos"'),
    "unknown option": GOOD.replace(b'"mincos"', b'"mincoss"'),
    "option of another type": GOOD.replace(b'{"mincos": 2}', b'{"mincos": "two"}'),
    "option is null": GOOD.replace(b'{"mincos": 2}', b'{"weight": null}'),
    "option is a list": GOOD.replace(b'{"mincos": 2}', b'{"lag": [1]}'),
    "option out of range": GOOD.replace(b'{"mincos": 2}', b'{"lag": -1}'),
    "option is huge": GOOD.replace(b'{"mincos": 2}', b'{"lag": 1e300}'),
    "option of 1e999": GOOD.replace(b'{"mincos": 2}', b'{"gmv_musd": 1e999}'),
    "huge lag": GOOD.replace(b'{"mincos": 2}', b'{"lag": 9223372036854775807}'),
    "huge hold": GOOD.replace(b'{"mincos": 2}', b'{"hold_days": 2147483647}'),
    "huge bins": GOOD.replace(b'{"mincos": 2}', b'{"n_fractile": 2000000000, "analysis": ["fractile"]}'),
    "unknown group": GOOD.replace(b'{"mincos": 2}', b'{"byvar_list": ["moon"]}'),
    "groups of numbers": GOOD.replace(b'{"mincos": 2}', b'{"byvar_list": [1]}'),
    "threads": GOOD.replace(b'{"mincos": 2}', b'{"threads": -5}'),
    "huge threads": GOOD.replace(b'{"mincos": 2}', b'{"threads": 1000000000}'),
    "1e999": record(signal="1e999"),
    "-1e999": record(signal="-1e999"),
    "a number of 100,000 digits": record(signal="9" * 100_000),
    "id of 2^64": record(security_id="18446744073709551616"),
    "id of 2^63": record(security_id="9223372036854775808"),
    "id of 1e30": record(security_id="1e30"),
    "id of 1.5": record(security_id="1.5"),
    "id is a text": record(security_id='"AAPL"'),
    "id is true": record(security_id="true"),
    "id is an object": record(security_id="{}"),
    "signal is true": record(signal="true"),
    "signal is text": record(signal='"high"'),
    "signal is a list": record(signal="[0.5]"),
    "date is a number": record(date_sig="20200106"),
    "date is a word": record(date_sig='"soon"'),
    "date with no such day": record(date_sig='"2020-02-30"'),
    "date of year 10^9": record(date_sig='"1000000000-01-01"'),
    "date with NUL": record(date_sig='"2020-01-06\\u0000"'),
    "signal twice": b'{"signal": [], ' + GOOD[1:],
    "config twice": GOOD[:-1] + b', "config": {"mincos": 1}}',
    "option twice": GOOD.replace(b'"mincos": 2', b'"mincos": 2, "mincos": 1'),
    "column twice": b'{"signal": {"security_id": [1], "date_sig": ["2020-01-06"], "signal": [1], "signal": [2]}}',
    "signal and signal_path": GOOD[:-1] + b', "signal_path": "good.csv"}',
}


@pytest.mark.parametrize("name", WRONG)
def test_json_of_another_shape(server, name):
    refused(server, WRONG[name], (400, 413, 422) if name in ("1e999", "-1e999") else BAD)


FEW = ROWS.head(40)
OPTIONS = {"mincos": 1, "universe": {"cap": [1, 2]}, "tc_level": {"big": 1.5}, "byvar_list": ["overall"], "fractile": [20, 80]}


@pytest.mark.parametrize("form", ["records", "columns", "config", "csv"])
def test_broken_texts(server, form):
    """Bytes are changed, dropped, doubled and swapped at random places: the server refuses the body or runs its contents."""
    body = {
        "records": json_body(to_records(FEW), mincos=1),
        "columns": json_body(to_columns(FEW), **OPTIONS),
        "config": json_body(to_records(FEW.head(2)), **OPTIONS),
        "csv": FEW.to_csv(index=False).encode(),
    }[form]
    chooser = random.Random(f"texts {form}")
    spice = [b'"', b"\\", b"{", b"}", b"[", b"]", b",", b":", b"-", b"e", b"0", b"9" * 30, b"null", b"\n", b"\0", b"\xc3", b"NaN"]
    for _ in range(200):
        broken = bytearray(body)
        for _ in range(chooser.choice([1, 1, 2, 5])):
            at, end = chooser.randrange(len(broken)), chooser.randrange(len(broken))
            match chooser.randrange(5):
                case 0:
                    broken[at] ^= 1 << chooser.randrange(8)
                case 1:
                    del broken[at : at + chooser.randrange(20)]
                case 2:
                    broken[at:at] = broken[end : end + 20]
                case 3:
                    broken[at : at + 1] = chooser.choice(spice)
                case 4:
                    broken[at], broken[end] = broken[end], broken[at]
        kind, target = ("text/csv", CONFIG) if form == "csv" else ("application/json", "/run")
        refused(server, bytes(broken), (200, 400, 422), target, kind)


DEEP = 10_000


@pytest.mark.parametrize("opening", [b"[", b'{"a":'])
@pytest.mark.parametrize("before", [b"", b'{"signal": ', b'{"config": {"universe": ', b'{"config": '])
def test_nesting(server, opening, before):
    refused(server, before + opening * DEEP)
    refused(server, before + opening * (8 << 20))
    closing = {b"[": b"]", b'{"a":': b"}"}[opening]
    refused(server, before + opening * DEEP + b"1" + closing * DEEP + b"}" * before.count(b"{"))


def test_nesting_in_the_query(server):
    refused(server, CSV, (400, 414, 422, 431), "/run?config=" + "%5B" * 1500 + "%5D" * 1500, "text/csv")


def test_many_columns(server):
    """Other columns are ignored; a very large number of them may be refused, within seconds."""
    names = [f"c{k}" for k in range(20_000)]
    columns = to_columns(ROWS.head(3)) | {name: [1.0, 2.0, 3.0] for name in names}
    refused(server, json_body(columns), (200, 400, 413, 422))
    table = pa.table(columns | {"date_sig": ROWS["date_sig"].head(3).to_numpy()})
    refused(server, to_ipc(table), (200, 400, 413, 422), kind=STREAM)
    refused(server, to_ipc(table, "file"), (200, 400, 413, 422), kind=FILE)
    sink = io.BytesIO()
    table.to_pandas().to_csv(sink, index=False)
    refused(server, sink.getvalue(), (200, 400, 413, 422), kind="text/csv")


def test_many_keys(server):
    refused(server, b'{"signal": [{' + b",".join(b'"k%d":1' % k for k in range(500_000)) + b"}]}")
    refused(server, b'{"signal": [], "config": {' + b",".join(b'"k%d":1' % k for k in range(100_000)) + b"}}")


CSVS = {
    "nothing": b"",
    "header only": b"security_id,date_sig,signal\n",
    "no columns we know": b"a,b\n1,2\n",
    "ragged": b"security_id,date_sig,signal\n1,2020-01-06\n",
    "too many cells": b"security_id,date_sig,signal\n1,2020-01-06,0.5,7\n",
    "open quote": b'security_id,date_sig,signal\n1,2020-01-06,"0.5\n' + b"x" * 100_000,
    "wrong UTF-8": b"security_id,date_sig,signal\n1,2020-01-06,\xff\xfe\n",
    "wrong UTF-8 in the header": b"security_id,date_sig,sig\xffnal\n1,2020-01-06,1\n",
    "NUL": b"security_id,date_sig,signal\n1,2020-01-06,\x00\n",
    "text for a number": b"security_id,date_sig,signal\n1,2020-01-06,high\n",
    "infinite": b"security_id,date_sig,signal\n1,2020-01-06,inf\n",
    "UTF-16": CSV.decode().encode("utf-16"),
    "same column twice": b"security_id,date_sig,signal,signal\n1,2020-01-06,1,2\n",
    "JSON": GOOD,
    "one line of 8 MB": b"security_id,date_sig,signal" + b"x" * (8 << 20),
    "8 M commas": b"," * (8 << 20),
    "8 M empty lines": b"\n" * (8 << 20),
}


@pytest.mark.parametrize("name", CSVS)
def test_bad_csv(server, name):
    refused(server, CSVS[name], target=CONFIG, kind="text/csv")


PATHS = [
    "../secret.csv", "sub/../../secret.csv", "..", ".", "", "/", "/etc/passwd", "//etc/passwd", "../signals_more/secret.csv",
    "link.csv", "outside/secret.csv", "loop.csv", "null.csv", "fifo.csv", "folder.csv", "sub", "sub/", "empty.csv", "missing.csv",
    "good.csv\0", "good.csv\0.csv", "../signals/../secret.csv", "a" * 5000, "a/" * 3000, "/dev/zero", "/dev/stdin",
    "/proc/self/environ", "/proc/self/fd/0", "~/secret.csv", "file:///etc/passwd", "%2e%2e/secret.csv", "..\\secret.csv",
    "good.csv/", "good.csv/..", "./../secret.csv", "text.zip", "http://127.0.0.1/", "*.csv", "\ud83d\ude00.csv", "$HOME/x.csv",
]  # fmt: skip


@pytest.mark.parametrize("path", PATHS)
def test_no_way_out_of_the_signal_folder(server, path):
    with unharmed(server, peak_mb=50):
        refused(server, json.dumps({"signal_path": path, "config": {"mincos": 2}}).encode(), (400, 403, 404, 422), seconds=5)


@pytest.mark.parametrize("path", [1, None, ["good.csv"], {"a": "good.csv"}, True])
def test_a_path_that_is_no_text(server, path):
    refused(server, json.dumps({"signal_path": path}).encode())


def test_paths_that_are_there(server):
    want = exchange(server.port, request(body=GOOD)).json()["run_id"]
    for path in ("good.csv", "sub/good.csv", "./good.csv", "sub/../good.csv"):
        body = json.dumps({"signal_path": path, "config": {"mincos": 2}}).encode()
        answer = exchange(server.port, request(body=body))
        if path in ("good.csv", "sub/good.csv"):
            assert answer.status == 200, answer.body[:500]
        else:
            assert answer.status in (200, *BAD)
        if answer.status == 200:
            assert answer.json()["run_id"] == want


def test_suites_of_rubbish(server):
    for more in (
        '"lags": 1', '"lags": []', '"lags": ["a"]', '"lags": [0.5]', '"lags": [-1]', '"lags": [1e99]', '"lags": null',
        '"resid_modes": "off"', '"resid_modes": ["sometimes"]', '"resid_modes": [1]', '"resid_modes": []', '"lagz": [0]',
    ):  # fmt: skip
        refused(server, GOOD[:-1] + b", " + more.encode() + b"}", target="/suite")
    refused(server, GOOD[:-1] + b', "lags": [' + b",".join([b"0"] * 1_000_000) + b"]}", (400, 413, 422), target="/suite")

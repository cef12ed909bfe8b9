# Copyright The fractile authors. Licensed under the Apache License, Version 2.0.
"""The requests of a soak: good ones in every form with their expected answers, and bad ones with their refusals."""

from __future__ import annotations

import dataclasses
import gzip
import io
import json
import math
import pathlib
import random
import urllib.parse
import warnings
import zlib
from collections.abc import Iterator
from typing import Any

import fractile
import pandas as pd
import pyarrow as pa
from fractile import BacktestService
from oracle.markets import make_panel, make_signal

from support.raw_http import Answer, request
from support.server_market import FILE, STREAM, assert_refusal, to_columns, to_ipc, to_records, to_table

LIMIT_MB = 16  # server.max_body_mb
N_SIGNALS = 3
# The first is that of bodies compressed as a whole, which hold their options.
CONFIGS: list[dict[str, Any]] = [
    {"mincos": 2},
    {"mincos": 2, "byvar_list": ["overall", "year", "cap"], "weight": "value"},
    {"mincos": 1, "resid": "all", "lag": 1, "hold_days": 3, "drift": True},
    {"mincos": 2, "analysis": ["ic", "fractile", "coverage"], "n_fractile": 4, "keep_weights": True},
    {"mincos": 2, "tc_model": "power_law", "tc_value": [0.3, 0.5], "gmv_musd": 1000},
    {"mincos": 1, "sort_method": "double", "double_var": "score", "double_frac": 2},
]
SUITES: list[dict[str, Any]] = [{"lags": [0, 1], "resid_modes": ["off", "industry"]}, {"lags": [0, 2, 5], "resid_modes": ["all"]}]
SUITE_CONFIG = {"mincos": 2}
N_FLIPPED = 40
Body = dict[str, Any]


class Market:
    """Panels that differ only in their returns, and signals that fit all of them."""

    def __init__(self, seed: int, n_days: int, n_names: int) -> None:
        self.seed = seed
        self._panel = make_panel(seed, n_days, n_names)
        self.signals = [make_signal(self._panel, seed + k, messy=k == 1) for k in range(N_SIGNALS)]

    def create(self, root: pathlib.Path, number: int, name: str = "") -> str:
        """Makes the snapshot of that number and returns its id."""
        name = name or f"v{number:04}"
        panel = self._panel.assign(ret=self._panel["ret"] * (1 + number / 100))
        fractile.create_snapshot(name, panel, root=root, dtype="both")
        return name


@dataclasses.dataclass(frozen=True)
class Form:
    """A way to send a signal."""

    kind: str
    rows: bytes  # of JSON: the value of "signal"
    coding: str | None = None

    def request(self, config: Body, accept: str = "application/json") -> bytes:
        """A POST of /run on a connection that stays open."""
        query = "" if self.kind == "application/json" else "?config=" + urllib.parse.quote(json.dumps(config))
        headers = {"Accept": accept} | ({"Content-Encoding": self.coding} if self.coding else {})
        body = self.rows
        if self.kind == "application/json" and not self.coding:
            body = with_config(self.rows, config)
        return keep(request(target="/run" + query, body=body, content_type=self.kind, headers=headers))


def keep(data: bytes) -> bytes:
    return data.replace(b"Connection: close\r\n", b"", 1)


def with_config(rows: bytes, config: Body) -> bytes:
    return b'{"signal": ' + rows + b', "config": ' + json.dumps(config).encode() + b"}"


def pack(data: bytes, coding: str) -> bytes:
    return gzip.compress(data, 3) if coding == "gzip" else pa.compress(data, "zstd", asbytes=True)


def make_forms(rows: pd.DataFrame) -> dict[str, Form]:
    table, csv = to_table(rows), rows.to_csv(index=False).encode()
    records, columns = (json.dumps(rows_of(rows), allow_nan=False).encode() for rows_of in (to_records, to_columns))
    forms = {
        "stream": Form(STREAM, to_ipc(table)),
        "stream, lz4": Form(STREAM, to_ipc(table, "stream", "lz4")),
        "file, zstd": Form(FILE, to_ipc(table, "file", "zstd")),
        "records": Form("application/json", records),
        "columns": Form("application/json", columns),
        "csv": Form("text/csv", csv),
    }
    for coding in ("gzip", "zstd"):
        forms |= {
            f"records in {coding}": Form("application/json", pack(with_config(records, CONFIGS[0]), coding), coding),
            f"stream in {coding}": Form(STREAM, pack(to_ipc(table), coding), coding),
            f"csv in {coding}": Form("text/csv", pack(csv, coding), coding),
        }
    return forms


def suite_request(rows: bytes, suite: Body, config: Body) -> bytes:
    query = urllib.parse.urlencode({name: json.dumps(value) for name, value in {"config": config, **suite}.items()})
    return keep(request(target=f"/suite?{query}", body=rows, content_type=STREAM))


def flip(body: bytes, number: int) -> bytes:
    """Flips a few bits, others for each number; half of them in the lengths."""
    chooser, broken = random.Random(f"flip {number}"), bytearray(body)
    for _ in range(chooser.choice([1, 1, 8])):
        broken[chooser.randrange(1500 if number % 2 else len(body))] ^= 1 << chooser.randrange(8)
    return bytes(broken)


def without_times(body: Body) -> Body:
    return {name: value for name, value in body.items() if name not in ("elapsed_seconds", "timings")}


class Wanted:
    """The expected answers of a snapshot, computed by a service of this process, which is then closed."""

    def __init__(self, root: pathlib.Path, snapshot: str, market: Market) -> None:
        self.snapshot = snapshot
        first = to_ipc(to_table(market.signals[0]))
        with warnings.catch_warnings(), BacktestService.get(snapshot, root=root) as service:
            warnings.simplefilter("ignore")

            def body_of(result: fractile.BacktestResult) -> Body:
                return without_times(json.loads(result.to_json()))

            self.runs = [[body_of(service.run(rows, **config)) for config in CONFIGS] for rows in market.signals]
            self.suites = [
                {name: body_of(result) for name, result in service.run_suite(first, **suite, **SUITE_CONFIG).items()}
                for suite in SUITES
            ]
            # The answer to a body with flipped bits: a normal run, or the code of its refusal.
            self.flipped = [outcome(service, flip(first, number)) for number in range(N_FLIPPED)]


def outcome(service: BacktestService, signal: Any) -> str:
    try:
        return service.run(signal, **CONFIGS[0]).run_id
    except fractile.FractileError as error:
        return error.code


def read_streams(data: bytes) -> Iterator[pa.Table]:
    """The tables of an Arrow answer, one stream after the other."""
    source = io.BytesIO(data)
    while source.tell() < len(data):
        with pa.ipc.open_stream(source) as reader:
            yield reader.read_all()


def plain(value: Any) -> Any:
    return None if isinstance(value, float) and math.isnan(value) else value


def check_run(answer: Answer | None, wants: list[Body]) -> None:
    """Checks that the answer equals, to the bit, that of one of the snapshots that may be loaded."""
    assert answer is not None, "expected 200, found a closed connection"
    assert answer.status == 200, f"expected 200, found {answer.status}: {answer.body[:300]!r}"
    if answer.headers["content-type"] == STREAM:
        tables = {table.schema.metadata[b"fractile:table"].decode(): table for table in read_streams(answer.body)}
        first = next(iter(tables.values()))
        got = json.loads(first.schema.metadata[b"fractile:result"])
        want = want_of(got, wants)
        assert {table.schema.metadata[b"fractile:run_id"].decode() for table in tables.values()} == {want["run_id"]}
        summary = [{name: plain(value) for name, value in row.items()} for row in tables["summary"].to_pylist()]
        assert summary == want["summary"], f"expected the summary of run {want['run_id']}, found {summary}"
        return
    check_body(answer.json(), wants)


def want_of(got: Body, wants: list[Body]) -> Body:
    want = next((want for want in wants if want["snapshot"] == got["snapshot"]), None)
    assert want is not None, f"expected snapshot {[want['snapshot'] for want in wants]}, found {got['snapshot']}"
    assert got["run_id"] == want["run_id"], f"expected run {want['run_id']}, found {got['run_id']}"
    return want


def check_body(got: Body, wants: list[Body]) -> None:
    want, got = want_of(got, wants), without_times(got)
    differing = [name for name in want.keys() | got.keys() if got.get(name) != want.get(name)]
    assert not differing, f"expected the answer of run {want['run_id']}, found others in {differing}"


def check_suite(answer: Answer | None, wants: list[dict[str, Body]]) -> None:
    assert answer is not None and answer.status == 200, f"expected 200, found {answer and (answer.status, answer.body[:300])}"
    got = answer.json()
    assert list(got) == list(wants[0]), f"expected cells {list(wants[0])}, found {list(got)}"
    for name, body in got.items():
        check_body(body, [want[name] for want in wants])


@dataclasses.dataclass(frozen=True)
class Bad:
    """A bad request and its expected refusal.

    Attributes:
        status: Status of the refusal. 0: the connection is closed without an answer.
        code: Code of the refusal.
        may_close: A closed connection is right too (the reset may have destroyed the answer).
        may_be_busy: 503 is right too: the size is known only on arrival, when other bodies may fill the memory.
        finish: The sending half is closed after the request.
        is_alone: Its connection must have no other request.
    """

    data: bytes
    status: int
    code: str = "BAD_REQUEST"
    may_close: bool = False
    may_be_busy: bool = False
    finish: bool = False
    is_alone: bool = True

    def check(self, answer: Answer | None) -> None:
        if answer is None:
            assert self.status == 0 or self.may_close, f"expected {self.status}, found a closed connection"
            return
        if self.may_be_busy and answer.status == 503:
            assert b"SERVER_BUSY" in answer.body, f"expected SERVER_BUSY, found {answer.body[:300]!r}"
            return
        assert self.status, f"expected a closed connection, found {answer.status}: {answer.body[:300]!r}"
        assert_refusal(answer, (self.status,))
        assert answer.json()["error"]["code"] == self.code, f"expected {self.code}, found {answer.body[:300]!r}"


def bomb(n_mb: int) -> bytes:
    packer = zlib.compressobj(9, zlib.DEFLATED, 31)
    return b"".join(packer.compress(b" " * (1 << 20)) for _ in range(n_mb)) + packer.flush()


def make_bad(market: Market) -> dict[str, Bad]:
    # A list: one bad request after the other.
    rows = market.signals[0].head(200)
    records, csv, stream = to_records(rows), rows.to_csv(index=False).encode(), to_ipc(to_table(rows), chunk=50)
    good = with_config(json.dumps(records).encode(), CONFIGS[0])
    target = "/run?config=" + urllib.parse.quote(json.dumps(CONFIGS[0]))

    def body(data: bytes, status: int = 400, code: str = "BAD_REQUEST", kind: str = "application/json", **headers: str) -> Bad:
        path = "/run" if kind == "application/json" else target
        data = keep(request(target=path, body=data, content_type=kind, headers=headers))
        return Bad(data, status, code, is_alone=False)

    def option(config: str, code: str) -> Bad:
        return body(good.replace(b'{"mincos": 2}', config.encode()), 422, code)

    def record(**values: Any) -> bytes:
        return with_config(json.dumps([records[0] | values]).encode(), CONFIGS[0])

    def head(text: bytes, data: bytes = b"") -> bytes:
        return b"POST /run HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\n" + text + b"\r\n" + data

    def chunked(data: bytes) -> Bad:
        return Bad(head(b"Transfer-Encoding: chunked\r\n", data), 400, may_close=True, finish=True)

    def get(path: str) -> bytes:
        return keep(request("GET", path))

    too_large = LIMIT_MB + 1 << 20
    return {
        "half of JSON": body(good[: len(good) // 2]),
        "JSON and a rest": body(good + b"}"),
        "no body": body(b""),
        "single quotes": body(good.replace(b'"', b"'")),
        "NaN": body(good.replace(b'{"mincos": 2}', b'{"mincos": NaN}')),
        "wrong UTF-8": body(good.replace(b'"mincos"', b'"minc\xc3\x28"')),
        "nesting": body(b'{"signal": ' + b"[" * 100_000),
        "another shape": body(b"[]"),
        "unknown option": option('{"mincoss": 2}', "UNKNOWN_OPTION"),
        "option of another type": option('{"mincos": "two"}', "INVALID_VALUE"),
        "option out of range": option('{"lag": -1}', "INVALID_VALUE"),
        "unknown group": option('{"byvar_list": ["moon"]}', "MISSING_PANEL_COLUMN"),
        "unknown key": body(good.replace(b'"config"', b'"confg"'), 422, "UNKNOWN_OPTION"),
        "id is a text": body(record(security_id="AAPL"), 422, "COLUMN_TYPE"),
        "no such day": body(record(date_sig="2020-02-30"), 422, "COLUMN_TYPE"),
        "no rows": body(b'{"signal": []}', 422, "EMPTY_SIGNAL"),
        "unknown names alone": body(record(security_id=10**9), 422, "NO_USABLE_ROWS"),
        "CSV without a column": body(csv.replace(b"signal", b"sig", 1), 422, "UNKNOWN_COLUMN", "text/csv"),
        "half of Arrow": body(stream[: len(stream) // 2 - 3], 422, "UNREADABLE_SIGNAL", STREAM),
        "no Arrow": body(b"no arrow at all", 422, "UNREADABLE_SIGNAL", STREAM),
        "an Arrow file without its end": body(to_ipc(to_table(rows), "file")[:-9], 422, "UNREADABLE_SIGNAL", FILE),
        "half of gzip": body(gzip.compress(good)[:-20], **{"Content-Encoding": "gzip"}),
        "half of zstd": body(pack(good, "zstd")[:-5], **{"Content-Encoding": "zstd"}),
        "plain said to be gzip": body(good, **{"Content-Encoding": "gzip"}),
        "gzip that explodes": dataclasses.replace(
            body(bomb(4 * LIMIT_MB), 413, "BODY_TOO_LARGE", **{"Content-Encoding": "gzip"}), may_be_busy=True
        ),
        "unknown coding": body(good, 415, "UNSUPPORTED_MEDIA_TYPE", **{"Content-Encoding": "br"}),
        "unknown type": body(good, 415, "UNSUPPORTED_MEDIA_TYPE", "text/html"),
        "half of a query": Bad(keep(request(target="/run?config=%7B", body=csv, content_type="text/csv")), 400, is_alone=False),
        "wrong path": Bad(get("/nowhere"), 404, "NOT_FOUND", is_alone=False),
        "path of another folder": Bad(get("/docs/../../etc/passwd"), 404, "NOT_FOUND", is_alone=False),
        "wrong method": Bad(get("/run"), 405, "METHOD_NOT_ALLOWED", is_alone=False),
        "unknown method": Bad(request("BREW", "/health"), 405, "METHOD_NOT_ALLOWED"),
        "a length over the limit": Bad(head(b"Content-Length: %d\r\n" % too_large), 413, "BODY_TOO_LARGE"),
        "a body over the limit": Bad(request(body=b" " * too_large), 413, "BODY_TOO_LARGE", may_close=True),
        "chunks over the limit": Bad(
            head(b"Transfer-Encoding: chunked\r\n", (b"100000\r\n" + b" " * (1 << 20) + b"\r\n") * (LIMIT_MB + 1)),
            413,
            "BODY_TOO_LARGE",
            may_close=True,
            may_be_busy=True,
        ),
        "a chunk of no size": chunked(b"zz\r\n{}\r\n0\r\n\r\n"),
        "a chunk of 2^63": chunked(b"7fffffffffffffff\r\n{}\r\n0\r\n\r\n"),
        "a chunk without an end": chunked(b"2\r\n{}0\r\n\r\n"),
        "chunks that end early": Bad(
            head(b"Transfer-Encoding: chunked\r\n", b"%x\r\n" % len(good) + good + b"\r\n"), 400, may_close=True, finish=True
        ),
        "two lengths": Bad(head(b"Content-Length: 14\r\nContent-Length: 5\r\n", b'{"signal": []}'), 400, may_close=True),
        "a length and chunks": Bad(
            head(b"Content-Length: 4\r\nTransfer-Encoding: chunked\r\n", b"0\r\n\r\n"), 400, may_close=True
        ),
        "a negative length": Bad(head(b"Content-Length: -1\r\n"), 400, may_close=True),
        "no host": Bad(b"GET /health HTTP/1.1\r\n\r\n", 400, may_close=True),
        "a long head": Bad(head(b"X-Long: " + b"a" * 65_536 + b"\r\n"), 431, "HEADER_TOO_LARGE", may_close=True),
        "a hello of TLS": Bad(bytes.fromhex("16030100c8010000c40303") + bytes(range(190)), 400, may_close=True, finish=True),
        "zeros": Bad(b"\0" * 4000, 400, may_close=True, finish=True),
        "half a head": Bad(head(b"Content-Le")[:-2], 400, may_close=True, finish=True),
        "half a body": Bad(request(body=good)[: -len(good) // 2], 400, may_close=True, finish=True),
        "nothing": Bad(b"", 0, finish=True),
    }


def make_poison(market: Market, folder: pathlib.Path) -> list[tuple[Any, str]]:
    """Signals that every worker refuses, and the code of each refusal."""
    rows = market.signals[0]
    data = to_ipc(to_table(rows))
    return [
        (b"", "UNREADABLE_SIGNAL"),
        (b"no arrow at all", "UNREADABLE_SIGNAL"),
        (data[: len(data) // 2], "UNREADABLE_SIGNAL"),
        (to_ipc(to_table(rows.assign(signal=math.inf))), "INFINITE_SIGNAL"),
        (to_ipc(to_table(rows.rename(columns={"signal": "other"}))), "UNKNOWN_COLUMN"),
        (to_ipc(to_table(rows.assign(security_id=10**9))), "NO_USABLE_ROWS"),
        (folder / "none.csv", "UNREADABLE_SIGNAL"),
    ]

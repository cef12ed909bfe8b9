# Copyright The fractile authors. Licensed under the Apache License, Version 2.0.
"""A small market for tests of the server, its signal in every form of a body, and checks of refusals."""

from __future__ import annotations

import contextlib
import io
import json
import math
import os
import pathlib
import time
from collections.abc import Iterator
from typing import Any

import fractile
import pandas as pd
import pyarrow as pa
from oracle.markets import make_panel, make_signal

from support.raw_http import Answer, exchange, request
from support.server_process import ServerProcess, eventually

SNAPSHOT = "small"
SEED = 5
STREAM, FILE = "application/vnd.apache.arrow.stream", "application/vnd.apache.arrow.file"

# Allowed growth: allocators retain some memory, and a sanitizer's quarantine retains more.
USUAL_SLACK_MB = 96
SLACK_MB = float(os.environ.get("FRACTILE_RSS_SLACK_MB", USUAL_SLACK_MB))
# Deadlines of tests are for a release build; a sanitizer makes the server slower by this factor.
SLOWER = float(os.environ.get("FRACTILE_SLOWER", "1"))


def make_root(folder: pathlib.Path) -> pathlib.Path:
    """A folder of snapshots that holds `small`."""
    fractile.create_snapshot(SNAPSHOT, make_panel(SEED), root=folder, dtype="both")
    return folder


def make_rows(messy: bool = False) -> pd.DataFrame:
    return make_signal(make_panel(SEED), SEED, messy=messy)


def to_table(rows: pd.DataFrame) -> pa.Table:
    return pa.Table.from_pandas(rows, preserve_index=False)


def to_ipc(table: pa.Table, kind: str = "stream", compression: str | None = None, chunk: int = 500) -> bytes:
    sink = io.BytesIO()
    new = pa.ipc.new_stream if kind == "stream" else pa.ipc.new_file
    with new(sink, table.schema, options=pa.ipc.IpcWriteOptions(compression=compression)) as writer:
        writer.write_table(table, max_chunksize=chunk)
    return sink.getvalue()


def _plain(value: Any) -> Any:
    if value is None or value is pd.NA or value is pd.NaT or (isinstance(value, float) and math.isnan(value)):
        return None
    if isinstance(value, pd.Timestamp):
        return value.isoformat() if value != value.normalize() else value.strftime("%Y-%m-%d")
    return value


def to_columns(rows: pd.DataFrame) -> dict[str, list]:
    """Columns of plain values: dates as ISO text, missing values as None."""
    return {name: [_plain(value) for value in rows[name].astype(object)] for name in rows}


def to_records(rows: pd.DataFrame) -> list[dict[str, Any]]:
    columns = to_columns(rows)
    return [dict(zip(columns, values, strict=True)) for values in zip(*columns.values(), strict=True)]


def json_body(signal: Any, **config: Any) -> bytes:
    return json.dumps({"signal": signal, "config": config}, allow_nan=False).encode()


def assert_refusal(answer: Answer | None, allowed: tuple[int, ...], *secrets: str) -> None:
    """A status of `allowed` with the error body of every refusal, which names no path and no stack."""
    assert answer is not None, f"expected status {allowed}, found a closed connection"
    shown = answer.body[:600]
    assert answer.status in allowed, f"expected status {allowed}, found {answer.status}: {shown!r}"
    if answer.status < 400:
        return
    body = answer.json()
    error = body["error"]
    assert {"code", "message", "detail"} <= error.keys(), shown
    assert body["detail"] == error["message"], shown
    assert error["code"] == error["code"].upper() and error["message"].startswith(error["code"] + ": "), shown
    text = answer.body.decode()
    for word in (*secrets, "terminate called", "what():", ".cpp", "std::", "0x7f", "nlohmann", "parse_error"):
        assert word not in text, f"expected no {word!r} in a refusal, found {shown!r}"
    assert len(answer.body) < 20_000, "expected a short refusal"


def refused(
    server: ServerProcess,
    body: bytes,
    allowed: tuple[int, ...] = (400, 422),
    target: str = "/run",
    kind: str = "application/json",
    seconds: float = 20,
    **headers: str,
) -> None:
    """A POST of `body` is refused with a status of `allowed` within `seconds`."""
    began = time.monotonic()
    answer = exchange(server.port, request(target=target, body=body, content_type=kind, headers=headers), timeout=60)
    assert_refusal(answer, allowed, str(server.folder.parent))
    assert time.monotonic() - began < seconds * SLOWER


@contextlib.contextmanager
def unharmed(server: ServerProcess, slack_mb: float = SLACK_MB, peak_mb: float | None = None) -> Iterator[None]:
    """Checks that the block leaves the server healthy, with memory and file descriptors near their former level."""
    memory, fds = server.memory_mb(), server.fds()
    server.forget_peak()
    peak = server.memory_mb("VmHWM")
    yield
    assert server.is_running, f"expected a server that lives, found exit status {server.wait(1)}:\n{server.log()[-4000:]}"
    assert server.is_healthy(), "expected 200 of /health"
    if peak_mb is not None:
        used = server.memory_mb("VmHWM") - peak
        peak_mb += SLACK_MB - USUAL_SLACK_MB
        assert used < peak_mb, f"expected up to {peak_mb} MB more at the peak, found {used:.0f}"
    assert eventually(lambda: server.fds() <= fds + 2), f"expected {fds} file descriptors again, found {server.fds()}"
    assert eventually(lambda: server.memory_mb() < memory + slack_mb), (
        f"expected about {memory:.0f} MB again, found {server.memory_mb():.0f}"
    )


def make_files(folder: pathlib.Path) -> pathlib.Path:
    """The signal in a folder: as CSV, with foreign names as CSV, and both as Parquet."""
    rows = make_rows()
    rows.to_csv(folder / "signal.csv", index=False)
    rows.rename(columns={"security_id": "ticker", "date_sig": "day", "signal": "my score"}).to_csv(
        folder / "foreign.csv", index=False
    )
    rows.to_parquet(folder / "signal.parquet")
    pd.read_csv(folder / "foreign.csv", parse_dates=["day"]).to_parquet(folder / "foreign.parquet")
    return folder

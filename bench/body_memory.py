# Copyright The fractile authors. Licensed under the Apache License, Version 2.0.
"""Memory cost of a body: the server's peak resident memory during one request, beyond its level before, by form.

    PYTHONPATH=tests .venv/bin/python bench/body_memory.py SNAPSHOT ROOT [ROWS]

The signal is ROOT/SNAPSHOT-signal.parquet. All forms must have one run_id, except JSON records, which pandas rounds. Earlier
runs of the same rows allocate the engine's own memory and map the snapshot.
"""

from __future__ import annotations

import gzip
import json
import pathlib
import sys
import tempfile
import time

import pandas as pd
import pyarrow as pa
from support.raw_http import Connection, request
from support.server_process import ServerProcess, serving

STREAM, FILE = "application/vnd.apache.arrow.stream", "application/vnd.apache.arrow.file"
IDLE_SECONDS = 5  # after which the server has released the memory of past bodies


def to_ipc(table: pa.Table, is_file: bool = False, compression: str | None = None, chunk: int | None = None) -> bytes:
    sink = pa.BufferOutputStream()
    options = pa.ipc.IpcWriteOptions(compression=compression)
    with (pa.ipc.new_file if is_file else pa.ipc.new_stream)(sink, table.schema, options=options) as writer:
        writer.write_table(table, max_chunksize=chunk)
    return sink.getvalue().to_pybytes()


def send(server: ServerProcess, body: bytes, kind: str, headers: dict[str, str]) -> str:
    with Connection(server.port, 300) as connection:
        connection.send(request(target="/run", body=body, content_type=kind, headers=headers))
        answer = connection.read_answer()
    assert answer is not None and answer.status == 200, answer and answer.body[:300]
    return json.loads(answer.body)["run_id"]


def main() -> None:
    snapshot, root, rows = sys.argv[1], sys.argv[2], int(sys.argv[3]) if len(sys.argv) > 3 else 10**9
    signal = pd.read_parquet(f"{root}/{snapshot}-signal.parquet").head(rows)
    signal["date_sig"] = pd.to_datetime(signal["date_sig"]).astype("datetime64[ns]")
    table = pa.Table.from_pandas(signal, preserve_index=False)
    text = signal.assign(date_sig=signal["date_sig"].dt.strftime("%Y-%m-%d"))
    columns = {name: [None if x != x else x for x in text[name].tolist()] for name in text}
    stream = to_ipc(table)
    forms = {
        "Arrow stream, one batch": (stream, STREAM, {}, len(stream)),
        "Arrow stream, batches of 65,536 rows": (to_ipc(table, chunk=65536), STREAM, {}, len(stream)),
        "Arrow file": (to_ipc(table, is_file=True), FILE, {}, len(stream)),
        "Arrow stream, zstd inside": (to_ipc(table, compression="zstd"), STREAM, {}, len(stream)),
        "Arrow stream, gzip around": (gzip.compress(stream, 1), STREAM, {"Content-Encoding": "gzip"}, len(stream)),
        "CSV": (body := text.to_csv(index=False).encode(), "text/csv", {}, len(body)),
        "JSON columns": (body := json.dumps({"signal": columns}).encode(), "application/json", {}, len(body)),
        "JSON records": (body := f'{{"signal":{text.to_json(orient="records")}}}'.encode(), "application/json", {}, len(body)),
    }
    with (
        tempfile.TemporaryDirectory() as folder,
        serving(pathlib.Path(folder), root, {"snapshot": snapshot, "server": {"workers": 2, "max_body_mb": 2048}}) as server,
    ):
        expected = [send(server, stream, STREAM, {}) for _ in range(3)][-1]
        print(f"{'form':38s} {'body, MB':>9s} {'decoded, MB':>12s} {'peak more, MB':>14s} {'times':>6s}")
        for name, (body, kind, headers, decoded) in forms.items():
            time.sleep(IDLE_SECONDS)
            before = server.memory_mb("VmRSS")
            server.forget_peak()
            found = send(server, body, kind, headers)
            assert found == expected or name == "JSON records", f"expected run {expected} from {name}, found {found}"
            more = server.memory_mb("VmHWM") - before
            print(f"{name:38s} {len(body) / 2**20:9.1f} {decoded / 2**20:12.1f} {more:14.1f} {more / decoded * 2**20:6.2f}")


if __name__ == "__main__":
    main()

# Copyright The fractile authors. Licensed under the Apache License, Version 2.0.
"""Load on `fractile serve`, both ends on this machine; every answer is checked by its run_id.

PYTHONPATH=tests .venv/bin/python bench/server.py [--seconds 120] [--connections 8] [--root DIR] [--json FILE]

Runs of the demo signal (W2) as Arrow over persistent connections; `/health` per second (with wrk if it is installed); one run over
HTTP against the same run in process, on two years and, in a server of its own, on ten (W10); the start. The server's CPU seconds beyond the engine's are what HTTP costs.
"""

from __future__ import annotations

import argparse
import json
import os
import pathlib
import re
import shutil
import statistics
import subprocess
import sys
import tempfile
import threading
import time
import urllib.parse

import numpy as np
import pandas as pd
import pyarrow as pa
from fractile import BacktestService
from markets import FOLDER, make_market, read_signal
from support.raw_http import Answer, Connection, request
from support.server_process import ServerProcess, serving, start_server

SNAPSHOT = "W2"
STREAM = "application/vnd.apache.arrow.stream"
# Allowed time of an answer over HTTP beyond the run in process: both bodies at this speed, plus these milliseconds.
BYTES_PER_SECOND = 1.2e9
EXTRA_MS = 10
REPETITIONS = 15
# Options that change the run_id but not the cost, so that no two requests of a round share a run.
GMVS = range(10, 42)


def to_stream(signal: pd.DataFrame) -> bytes:
    table = pa.Table.from_pandas(signal, preserve_index=False)
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, table.schema) as writer:
        writer.write_table(table)
    return sink.getvalue().to_pybytes()


def run_request(body: bytes, gmv: int, **more: bool) -> bytes:
    config = urllib.parse.quote(json.dumps({"gmv_musd": gmv} | more))
    data = request(target=f"/run?config={config}", body=body, content_type=STREAM, headers={"Accept": STREAM})
    return data.replace(b"Connection: close\r\n", b"", 1)


def check(answer: Answer | None, run_id: str) -> None:
    assert answer is not None and answer.status == 200, answer and (answer.status, answer.body[:500])
    found = answer.headers.get("x-run-id", "").encode() + answer.body
    assert run_id.encode() in found, f"expected run {run_id} in the answer"


def percentile(values: list[float], share: float) -> float:
    return float(np.percentile(values, share)) if values else float("nan")


def engine_seconds(server: ServerProcess) -> float | None:
    """CPU seconds of the engine itself, if /metrics counts them."""
    with Connection(server.port) as connection:
        connection.send(request("GET", "/metrics"))
        text = connection.read_answer().body.decode()
    found = re.search(r"^fractile_engine_cpu_seconds_total(?:\{[^}]*\})? (\S+)$", text, re.M)
    return float(found.group(1)) if found else None


def load(server: ServerProcess, body: bytes, run_ids: dict[int, str], connections: int, seconds: float) -> dict[str, float]:
    """Sends runs over persistent connections for the given seconds."""
    # One loop per connection shares the counts, so it stands inside.
    requests = {gmv: run_request(body, gmv) for gmv in run_ids}
    times: list[float] = []
    errors: list[str] = []
    refused = [0]
    lock = threading.Lock()
    end = time.monotonic() + seconds

    def work(number: int) -> None:
        gmvs = list(run_ids)
        turn = number * 5
        with Connection(server.port, 60) as connection:
            while time.monotonic() < end:
                gmv = gmvs[turn % len(gmvs)]
                turn += 1
                began = time.perf_counter()
                try:
                    connection.send(requests[gmv])
                    answer = connection.read_answer()
                    if answer is not None and answer.status in (429, 503):
                        with lock:
                            refused[0] += 1
                        time.sleep(float(answer.headers["retry-after"]))
                        continue
                    check(answer, run_ids[gmv])
                except Exception as error:
                    with lock:
                        errors.append(repr(error)[:300])
                    if len(errors) > 20:
                        return
                    continue
                with lock:
                    times.append((time.perf_counter() - began) * 1e3)

    cpu, engine = server.cpu_seconds(), engine_seconds(server)
    server.forget_peak()
    began = time.monotonic()
    threads = [threading.Thread(target=work, args=(number,)) for number in range(connections)]
    for thread in threads:
        thread.start()
    time.sleep(seconds / 4)  # until every connection has sent requests
    memory = server.memory_mb()
    for thread in threads:
        thread.join()
    took = time.monotonic() - began
    for error in sorted(set(errors))[:5]:
        print(f"error: {error}", file=sys.stderr)
    figures = {
        f"runs from {connections} connections": len(times),
        "errors": len(errors),
        "asked to come again (429, 503)": refused[0],
        "runs a second": len(times) / took,
        "p50 (ms)": percentile(times, 50),
        "p99 (ms)": percentile(times, 99),
        "longest (ms)": max(times, default=float("nan")),
        "anonymous memory after a quarter of the time (MB)": memory,
        "anonymous memory at the end (MB)": server.memory_mb(),
        "peak resident, mapped snapshot included (MB)": server.memory_mb("VmHWM"),
    }
    used = server.cpu_seconds() - cpu
    figures["server CPU a run (ms)"] = used / max(len(times), 1) * 1e3
    after = engine_seconds(server)
    if engine is not None and after is not None:
        figures["server CPU outside the engine, a run (ms)"] = (used - (after - engine)) / max(len(times), 1) * 1e3
    return figures


def health_rate(server: ServerProcess) -> dict[str, float]:
    """Requests of /health per second over persistent connections."""
    wrk = shutil.which("wrk")
    if wrk:
        done = subprocess.run([wrk, "-t1", "-c32", "-d5s", f"{server.url}/health"], capture_output=True, text=True, check=True)
        assert "Non-2xx" not in done.stdout and "Socket errors" not in done.stdout, done.stdout
        return {"/health a second (wrk, 32 connections)": float(re.search(r"Requests/sec:\s+(\S+)", done.stdout).group(1))}
    count, end = 0, time.monotonic() + 5
    with Connection(server.port) as connection:
        while time.monotonic() < end:
            connection.send(b"GET /health HTTP/1.1\r\nHost: a\r\n\r\n" * 50)
            for _ in range(50):
                assert connection.read_answer().status == 200
            count += 50
    return {"/health a second (1 connection, 50 in a row)": count / 5}


def one_run(
    server: ServerProcess, service: BacktestService, signal: pd.DataFrame, body: bytes, keep_weights: bool = False
) -> dict[str, float]:
    """Alternates runs over HTTP and in process, so that both see the same machine. With weights the answer is large."""
    local, remote = [], []
    with Connection(server.port, 60) as connection:
        for k in range(REPETITIONS + 2):
            # Each run has other options, so that no answer can be cached.
            gmv = 1000 + k
            began = time.perf_counter()
            want = service.run(signal, gmv_musd=gmv, keep_weights=keep_weights)
            if keep_weights:
                assert len(want.weights)
            middle = time.perf_counter()
            data = run_request(body, gmv, keep_weights=keep_weights)
            sending = time.perf_counter()
            connection.send(data)
            answer = connection.read_answer()
            end = time.perf_counter()
            check(answer, want.run_id)
            if k >= 2:
                local.append((middle - began) * 1e3)
                remote.append((end - sending) * 1e3)
    n_bytes = len(body) + len(answer.body)
    allowed = statistics.median(local) + n_bytes / BYTES_PER_SECOND * 1e3 + EXTRA_MS
    return {
        "one run in process (ms)": statistics.median(local),
        "one run over HTTP, Arrow (ms)": statistics.median(remote),
        "what it may take: in process + body and answer at 1.2 GB/s + 10 ms": allowed,
        "over HTTP within that (1: yes)": float(statistics.median(remote) <= allowed),
        "body (MB)": len(body) / 1e6,
        "answer (MB)": len(answer.body) / 1e6,
    }


def start_times(folder: pathlib.Path, root: pathlib.Path) -> dict[str, float]:
    """Time from the start of the process to the first 200 of /health, files in the cache."""
    times = []
    for k in range(5):
        server = start_server(folder / f"start{k}", root, {"snapshot": SNAPSHOT})
        times.append(server.start_seconds * 1e3)
        server.stop()
    return {"start to 200 of /health (ms)": statistics.median(times)}


def ten_years(folder: pathlib.Path, root: pathlib.Path) -> dict[str, float]:
    make_market("W10", root)
    signal = read_signal("W10", root)
    with serving(folder / "ten", root, {"snapshot": "W10"}) as server:
        figures = one_run(server, BacktestService.get("W10", root=root), signal, to_stream(signal))
    return {f"ten years: {name}": value for name, value in figures.items()}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=float, default=120)
    parser.add_argument("--connections", type=int, default=8)
    parser.add_argument("--workers", type=int, help="runs computed at once; default: the server's own")
    parser.add_argument("--root", default=str(FOLDER))
    parser.add_argument("--json", help="write the figures here")
    arguments = parser.parse_args()
    root = pathlib.Path(arguments.root).resolve()
    make_market(SNAPSHOT, root)
    signal = read_signal(SNAPSHOT, root)
    body = to_stream(signal)
    service = BacktestService.get(SNAPSHOT, root=root)
    run_ids = {gmv: service.run(signal, gmv_musd=gmv).run_id for gmv in GMVS}
    configuration = {"snapshot": SNAPSHOT, "server": {"max_queue": 64}, "defaults": {"byvar_list": ["overall"]}}
    if arguments.workers:
        configuration["server"]["workers"] = arguments.workers
    figures: dict[str, float] = {"cores": os.cpu_count() or 0, "signal rows": len(signal)}
    with tempfile.TemporaryDirectory() as name:
        folder = pathlib.Path(name)
        figures |= start_times(folder, root)
        with serving(folder / "server", root, configuration) as server:
            figures |= health_rate(server)
            figures |= one_run(server, service, signal, body)
            weights = one_run(server, service, signal, body, keep_weights=True)
            figures |= {f"with weights: {name}": value for name, value in weights.items()}
            figures |= load(server, body, run_ids, arguments.connections, arguments.seconds)
        figures |= ten_years(folder, root)
    for label, value in figures.items():
        print(f"{value:12.1f}  {label}")
    if arguments.json:
        pathlib.Path(arguments.json).write_text(json.dumps(figures, indent=2) + "\n")


if __name__ == "__main__":
    main()

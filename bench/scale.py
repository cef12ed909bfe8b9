# Copyright The fractile authors. Licensed under the Apache License, Version 2.0.
"""Sweeps measured: cost per signal and cell, overhead over the batch, per task and executor, memory, resume; and what follows for
a million signals on 64 nodes. Writes docs/scale.md with --write.

PYTHONPATH=tests .venv/bin/python bench/scale.py [--quick] [--write] [--json FILE]
"""

from __future__ import annotations

import argparse
import concurrent.futures
import itertools
import json
import math
import os
import pathlib
import platform
import resource
import statistics
import subprocess
import sys
import tempfile
import time
import warnings
from collections.abc import Callable, Iterator
from typing import Any

import fractile
import numpy as np
import pandas as pd
import pyarrow as pa
from fractile import _core
from fractile.executors import open_executor
from fractile.sweep.cells import make_cells
from fractile.sweep.keys import Keys, key_text
from fractile.sweep.plan import Plan
from fractile.sweep.signals import read_items
from fractile.sweep.store import Store
from markets import FOLDER, make_market, read_signal
from oracle.markets import make_panel, make_signal

ROOT = pathlib.Path(__file__).resolve().parents[1]
PAGE = ROOT / "docs" / "scale.md"
GRID = {"lag": [0, 1], "resid": ["off", "all"]}
SEED = 3


def seconds_of(function: Callable[[], Any]) -> float:
    began = time.perf_counter()
    function()
    return time.perf_counter() - began


def measure_run(market: str) -> dict[str, float]:
    """Seconds per signal and cell of one market, one thread: first signal on its keys, and further columns on the same keys."""
    make_market(market)
    signal = read_signal(market, FOLDER)
    columns = {f"s{number}": np.random.default_rng(number).permutation(signal["signal"].to_numpy()) for number in range(6)}
    service = fractile.BacktestService.get(market, root=FOLDER)
    service.run(signal, threads=1)
    wide = signal[["security_id", "date_sig"]].assign(**columns)
    warm = seconds_of(lambda: service.run_batch(wide, sigvars=list(columns), threads=1)) / len(columns)
    shifted = [signal.iloc[:-number] for number in (1, 2, 3)]
    fresh = min(seconds_of(lambda frame=frame: service.run(frame, threads=1)) for frame in shifted)
    folder = pathlib.Path(FOLDER) / market
    return {
        "rows": len(signal),
        "warm_s": warm,
        "fresh_s": fresh,
        "signal_bytes": len(pa.ipc.serialize_pandas(signal)),
        "snapshot_bytes": sum(path.stat().st_size for path in folder.rglob("*") if path.is_file()),
    }


def measure_overhead(folder: pathlib.Path, n_signals: int) -> dict[str, float]:
    """The sweep's time over that of the in-process batch on as many threads, same signals and cells; medians of turns."""
    panel = make_panel(SEED)
    frames = [make_signal(panel, number, messy=False) for number in range(50)]
    signals = {
        f"s{number}": frames[number % 50].assign(signal=frames[number % 50]["signal"] + number) for number in range(n_signals)
    }
    service = fractile.BacktestService.get("v1", root=folder)
    cells = [{"lag": lag, "resid": resid} for lag in GRID["lag"] for resid in GRID["resid"]]

    def batch() -> None:
        def run(frame: pd.DataFrame) -> None:
            service.run_suite(frame, lags=GRID["lag"], resid_modes=GRID["resid"], mincos=2, threads=1)

        with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
            list(pool.map(run, signals.values()))

    def sweep() -> None:
        fractile.sweep(signals, GRID, root=folder, mincos=2, progress=False)

    batch()
    ratios = [seconds_of(sweep) / seconds_of(batch) for _ in range(5)]
    return {"overhead": statistics.median(ratios) - 1, "signals": n_signals, "cells": len(cells)}


def measure_tasks(names: list[str], n_tasks: int) -> dict[str, dict[str, float]]:
    """Start of an executor, and seconds per empty call of many in flight and one after the other."""
    found = {}
    for name in names:
        began = time.perf_counter()
        with open_executor(name) as executor:
            executor.submit(int).result()
            start = time.perf_counter() - began
            window: list[concurrent.futures.Future[Any]] = []

            def many(executor: Any = executor, window: list[Any] = window) -> None:
                for _ in range(n_tasks):
                    window.append(executor.submit(int))
                    if len(window) >= 4 * executor.workers:
                        window.pop(0).result()
                concurrent.futures.wait(window)

            found[name] = {
                "start_s": start,
                "task_s": seconds_of(many) / n_tasks,
                "turn_s": min(seconds_of(lambda executor=executor: executor.submit(int).result()) for _ in range(20)),
            }
    return found


MEMORY = """
import re, sys
import fractile
from oracle.markets import make_panel, make_signal
root, store, n = sys.argv[1], sys.argv[2], int(sys.argv[3])
frame = make_signal(make_panel(3), 0, messy=False)
frame = frame[frame["date_sig"] == frame["date_sig"].iloc[len(frame) // 2]]
values = frame["signal"].to_numpy()
def signals():
    for number in range(n):
        yield f"s{number}", {"security_id": frame["security_id"].to_numpy(), "date_sig": frame["date_sig"].to_numpy(), "signal": values + number}
fractile.sweep(signals(), root=root, store=store, mincos=2, progress=False)
# The peak of this program: that of getrusage() begins with its parent's.
print(int(re.search(r"VmHWM:\\s+(\\d+)", open("/proc/self/status").read())[1]) / 1024)
"""


def measure_memory(folder: pathlib.Path, state: pathlib.Path, counts: list[int]) -> dict[str, float]:
    """Peak resident MB of the driver by the number of tiny signals from a generator."""
    found = {}
    for count in counts:
        words = [sys.executable, "-W", "ignore", "-c", MEMORY, str(folder), str(state / f"memory{count}"), str(count)]
        began = time.perf_counter()
        done = subprocess.run(words, capture_output=True, text=True, check=True)
        found[str(count)] = float(done.stdout)
        found[f"seconds_{count}"] = time.perf_counter() - began
    return found


def measure_resume(folder: pathlib.Path, state: pathlib.Path, n_rows: int) -> dict[str, float]:
    """A store of many rows: seconds to open it in DuckDB and polars, and of a sweep that finds the few rows that are missing."""
    import duckdb
    import polars as pl

    n_cells = 20
    n_signals = n_rows // n_cells
    frame = make_signal(make_panel(SEED), 0, messy=False)
    frame = frame[frame["date_sig"] == frame["date_sig"].iloc[len(frame) // 2]]
    ids, days, values = (frame[name].to_numpy() for name in ("security_id", "date_sig", "signal"))
    grid = {"lag": list(range(n_cells))}

    def signals() -> Iterator[tuple[str, Any]]:
        for number in range(n_signals):
            yield f"s{number}", {"security_id": ids, "date_sig": days, "signal": values + number}

    # The rows of one signal, written again under the keys of the others: the engine's time is not measured here.
    one = fractile.sweep([next(signals())], grid, root=folder, mincos=2, progress=False).arrow
    service = {"start_date": None, "end_date": None, "compact": True}
    content = _core.list_snapshots(str(folder))[0]["content_hash"]
    keys = Keys(Plan(service, content, tuple(make_cells(grid, {"mincos": 2})), 1, one.schema))
    store = state / "resume"
    filled = Store(store, one.schema)
    for item in itertools.islice(read_items(signals(), "signal", None)[0], n_signals - 5):
        table = one
        own = keys.of(item)
        texts = [key_text(own, number) for number in range(n_cells)]
        for name, column in {"signal": pa.array([item.name] * n_cells), "key": pa.array(texts)}.items():
            table = table.set_column(table.schema.get_field_index(name), name, column)
        filled.add(table, {})
    filled.flush()
    rows = f"{store}/*.parquet"
    open_duckdb = seconds_of(lambda: duckdb.sql(f"select lag, avg(sharpe_ret), count(*) from '{rows}' group by all").fetchall())
    open_polars = seconds_of(lambda: pl.scan_parquet(rows).group_by("lag").agg(pl.col("sharpe_ret").mean()).collect())
    began = time.perf_counter()
    result = fractile.sweep(signals(), grid, root=folder, store=store, mincos=2, progress=False)
    total = time.perf_counter() - began
    assert result.computed == 5 * n_cells, result
    return {"rows": n_rows, "duckdb_s": open_duckdb, "polars_s": open_polars, "resume_s": total, "signals": n_signals}


def plan(measured: dict[str, Any]) -> dict[str, Any]:
    """A million signals over 25 years on 64 nodes of 32 processors, from the measured figures; a year of 365 days has one failure per node."""
    n_signals, n_nodes, n_processors, bytes_per_second, failures_per_node_year = 1_000_000, 64, 32, 1.25e9, 1.0
    run, task = measured["runs"]["WFull"], measured["tasks"].get("ray", measured["tasks"]["processes"])["task_s"]
    cells = 4
    own_keys = n_signals * (run["fresh_s"] + (cells - 1) * run["warm_s"])
    same_keys = n_signals * cells * run["warm_s"]
    n_workers = n_nodes * n_processors
    seconds = {"same keys": same_keys / n_workers, "own keys": own_keys / n_workers}
    # A worker asks for a chunk per chunk_seconds, and the driver has one processor: half of it is for calls.
    chunk_seconds = math.ceil(n_workers * task / 0.5)
    return {
        "rows": n_signals * cells,
        "chunk_s": chunk_seconds,
        "processor_hours_same": same_keys / 3600,
        "processor_hours_own": own_keys / 3600,
        "hours_same": seconds["same keys"] / 3600,
        "hours_own": seconds["own keys"] / 3600,
        "driver_share": n_workers * task / chunk_seconds,
        "ship_s": run["snapshot_bytes"] / bytes_per_second * math.ceil(math.log2(n_nodes + 1)),
        "snapshot_bytes": run["snapshot_bytes"],
        "signal_bytes": n_signals * run["signal_bytes"],
        "signal_bytes_per_second": n_signals * run["signal_bytes"] / seconds["own keys"],
        "failures": n_nodes * failures_per_node_year * seconds["own keys"] / (365 * 86400),
        "lost_s": 4.0 * n_processors * chunk_seconds,
    }


def render(measured: dict[str, Any]) -> str:
    """The page."""
    runs, tasks, memory, resume, planned = (measured[name] for name in ("runs", "tasks", "memory", "resume", "plan"))
    lines = [
        "# Scale",
        "",
        f"Measured with `make bench-scale` on {measured['machine']}; the script writes this page (`bench/scale.py --write`).",
        "[Sweeps](how_to_sweep.md) explains the words.",
        "",
        "## One signal, one cell, one processor",
        "",
        "| market | signal rows | on keys seen before | on keys of its own | signal as Arrow | snapshot |",
        "|---|---|---|---|---|---|",
    ]
    for name, run in runs.items():
        lines.append(
            f"| {name} | {run['rows']:,} | {run['warm_s'] * 1e3:.0f} ms | {run['fresh_s'] * 1e3:.0f} ms | "
            f"{run['signal_bytes'] / 1e6:.0f} MB | {run['snapshot_bytes'] / 1e6:,.0f} MB |"
        )
    lines += [
        "",
        "## The sweep around it",
        "",
        f"- {measured['overhead']['signals']:,} small signals with {measured['overhead']['cells']} cells on threads take "
        f"{1 + measured['overhead']['overhead']:.2f} times the time of the in-process batch on the same processors (median of five turns).",
        f"- The driver's peak memory with {', '.join(f'{int(n):,}' for n in memory if n.isdigit())} tiny signals from a generator is "
        f"{', '.join(f'{mb:.0f}' for n, mb in memory.items() if n.isdigit())} MB.",
        f"- A store of {resume['rows']:,} rows opens in DuckDB in {resume['duckdb_s']:.2f} s and in polars in {resume['polars_s']:.2f} s "
        f"(mean Sharpe ratio by lag). A call that lacks 100 of these rows finds and computes them in {resume['resume_s']:.1f} s, "
        f"hashing {resume['signals']:,} signals on the way.",
        "",
        "| executor | start | per call, many in flight | per call, one by one |",
        "|---|---|---|---|",
    ]
    for name, task in tasks.items():
        lines.append(f"| {name} | {task['start_s']:.1f} s | {task['task_s'] * 1e6:,.0f} µs | {task['turn_s'] * 1e3:.2f} ms |")
    lines += [
        "",
        f"A chunk has about a second of work; a call costs up to {100 * max(task['task_s'] for task in tasks.values()):.1f} % of that.",
        "",
        "## A million signals over 25 years on 64 nodes",
        "",
        "Computed by the script from the figures above, for 4 cells per signal, nodes of 32 processors like the measured one, a network of 1.25 GB/s, and one "
        "failure per node and year. It was not run.",
        "",
        "| | |",
        "|---|---|",
        f"| rows | {planned['rows']:,} |",
        f"| work, all signals on the same keys | {planned['processor_hours_same']:,.0f} processor hours, {planned['hours_same']:.1f} h on 2,048 processors |",
        f"| work, every signal on keys of its own | {planned['processor_hours_own']:,.0f} processor hours, {planned['hours_own']:.1f} h |",
        f"| the snapshot to all nodes | {planned['snapshot_bytes'] / 1e9:.1f} GB each, {planned['ship_s']:.0f} s if nodes pass it on |",
        f"| signals, if they travel | {planned['signal_bytes'] / 1e12:.1f} TB, {planned['signal_bytes_per_second'] / 1e9:.1f} GB/s: make them on the nodes, or share one wide table |",
        f"| chunks, so that calls take half of the driver's processor | `chunk_seconds={planned['chunk_s']}`: {100 * planned['driver_share']:.0f} % of it |",
        f"| nodes that fail meanwhile | {planned['failures']:.3f} expected; each repeats up to {planned['lost_s']:.0f} s of processor work |",
        "",
    ]
    return "\n".join(lines)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="Small counts, to see that it runs")
    parser.add_argument("--write", action="store_true", help="Write docs/scale.md")
    parser.add_argument("--json", type=pathlib.Path)
    parser.add_argument("--executors", default="threads,processes,joblib,dask,ray")
    given = parser.parse_args()
    warnings.simplefilter("ignore")
    scale = 0.01 if given.quick else 1.0
    names = [name for name in given.executors.split(",") if name != "ray" or has_ray()]
    with tempfile.TemporaryDirectory() as name:
        state = pathlib.Path(name)
        fractile.create_snapshot("v1", make_panel(SEED), root=state, dtype="both")
        measured: dict[str, Any] = {
            "machine": f"{os.cpu_count()} processors, Python {platform.python_version()}, fractile {fractile.__version__}",
            "runs": {market: measure_run(market) for market in (["W2"] if given.quick else ["W2", "W10", "WFull"])},
            "overhead": measure_overhead(state, int(2000 * max(scale, 0.1))),
            "tasks": measure_tasks(names, int(5000 * max(scale, 0.05))),
            "memory": measure_memory(state, state, [int(n * scale) for n in (1_000, 10_000, 100_000)]),
            "resume": measure_resume(state, state, int(1_000_000 * scale)),
        }
    if not given.quick:
        measured["plan"] = plan(measured)
    measured["driver_peak_mb"] = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    text = json.dumps(measured, indent=1)
    print(text)
    if given.json:
        given.json.write_text(text + "\n")
    if given.write and not given.quick:
        PAGE.write_text(render(measured))


def has_ray() -> bool:
    try:
        import ray  # noqa: F401
    except ImportError:
        return False
    return True


if __name__ == "__main__":
    main()

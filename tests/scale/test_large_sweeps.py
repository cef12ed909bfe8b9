# Copyright The fractile authors. Licensed under the Apache License, Version 2.0.
"""Sweeps of thousands of signals: the same bits on every executor and after 50 kills, and memory that does not grow."""

from __future__ import annotations

import hashlib
import os
import random
import subprocess
import sys
import textwrap
import time

import duckdb
import polars as pl
import psutil
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from support.ray_cluster import two_nodes
from support.sweeps import SEED, make_folder, rows_of, run_sweep, start_driver, wait_for_part

N_SIGNALS = int(os.environ.get("FRACTILE_SWEEP_SIGNALS", "2000"))
N_TINY = int(os.environ.get("FRACTILE_SWEEP_TINY", "100000"))
N_KILLS = 50


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return make_folder(tmp_path_factory.mktemp("large"), N_SIGNALS)


@pytest.fixture(scope="module")
def whole(folder):
    result = run_sweep(folder, chunk_seconds=1.0)
    assert len(result) == (N_SIGNALS + 2) * 4
    return rows_of(result)


@pytest.mark.parametrize("name", ["processes", "joblib", "dask"])
def test_every_executor_gives_the_same_bits(folder, whole, name):
    assert rows_of(run_sweep(folder, executor=name, chunk_seconds=1.0)) == whole


def test_two_nodes_of_ray_give_the_same_bits(folder, whole, tmp_path):
    with two_nodes([tmp_path / "a", tmp_path / "b"]):
        result = run_sweep(folder, executor="ray", chunk_seconds=1.0)
    assert rows_of(result) == whole
    assert len(set(result.table["worker"].dropna())) >= 2


def test_fifty_kills_of_drivers_and_workers_lose_no_row(folder, whole, tmp_path):
    """Each driver loses a worker at a random moment and is killed at another; the next one resumes. A full store is compared."""
    draw = random.Random(7)
    kills = completed = 0
    stores = iter(tmp_path / str(number) for number in range(N_KILLS))
    store = next(stores)
    while kills < N_KILLS:
        driver = start_driver(folder, store, "processes")
        wait_for_part(driver, store)
        time.sleep(draw.uniform(0, 0.2))
        workers = driver.children(recursive=True) if driver.poll() is None else []
        if workers:
            draw.choice(workers).kill()
            kills += 1
            time.sleep(draw.uniform(0, 0.3))
        if driver.poll() is None and kills < N_KILLS:
            driver.kill()
            kills += 1
        if driver.wait(120) == 0:
            assert rows_of(run_sweep(folder, store=store)) == whole
            completed, store = completed + 1, next(stores)
        psutil.wait_procs(workers, timeout=30)
        assert not [worker for worker in workers if worker.is_running()]  # a killed driver leaves no worker behind
    assert rows_of(run_sweep(folder, store=store, executor="processes")) == whole
    assert completed < N_KILLS // 2  # over half of the drivers were killed before they ended


MEMORY = textwrap.dedent("""
    import sys, fractile, psutil
    from oracle.markets import make_panel, make_signal
    root, store, n = sys.argv[1], sys.argv[2], int(sys.argv[3])
    frame = make_signal(make_panel({seed}), 0, messy=False)
    frame = frame[frame["date_sig"] == frame["date_sig"].iloc[len(frame) // 2]]
    ids, days, values = (frame[name].to_numpy() for name in ("security_id", "date_sig", "signal"))
    me = psutil.Process()

    def signals():
        for number in range(n):
            if number % (n // 10) == n // 10 - 1:
                print(me.memory_info().rss / 2**20, flush=True)
            yield f"s{{number}}", {{"security_id": ids, "date_sig": days, "signal": values + number}}

    result = fractile.sweep(signals(), root=root, store=store, mincos=2, progress=False)
    assert len(result) == n
""")


def test_memory_of_the_driver_is_flat(folder, tmp_path):
    """RSS at every tenth of the signals: from the second tenth on it grows by less than 40 MB."""
    words = [sys.executable, "-W", "ignore", "-c", MEMORY.format(seed=SEED), str(folder), str(tmp_path), str(N_TINY)]
    environment = {**os.environ, "PYTHONPATH": "tests"}
    done = subprocess.run(words, capture_output=True, text=True, check=False, env=environment)
    assert done.returncode == 0, done.stderr
    steps = [float(line) for line in done.stdout.split()]
    print("RSS in MB by tenths:", [round(step) for step in steps])
    assert len(steps) == 10
    assert max(steps[2:]) - steps[1] < 40, steps
    assert duckdb.sql(f"select count(distinct signal) from '{tmp_path}/*.parquet'").fetchall() == [(N_TINY,)]


def test_a_store_of_a_million_rows_is_read_and_resumed(folder, tmp_path):
    """The rows of a sweep, copied under other keys and names until there are a million; a sweep finds that its own are there."""
    run_sweep(folder, store=tmp_path)
    table = pa.concat_tables([pq.read_table(part) for part in sorted(tmp_path.glob("part-*.parquet"))])
    n_own, copies = table.num_rows, 1_000_000 // table.num_rows + 1
    names = table["signal"].to_pylist()
    width = len(table["key"][0].as_py())
    for copy in range(copies):
        keys = [hashlib.blake2b(f"{copy} {row}".encode()).hexdigest()[:width] for row in range(n_own)]
        others = {"key": keys, "signal": [f"{copy} {name}" for name in names]}
        columns = [pa.array(others[f.name], f.type) if f.name in others else table[f.name] for f in table.schema]
        pq.write_table(pa.table(columns, schema=table.schema), tmp_path / f"part-9{copy:08d}.parquet")
    expected = n_own * (copies + 1)
    counted = duckdb.sql(f"select count(*), count(distinct key) from '{tmp_path}/part-*.parquet'").fetchall()[0]
    assert counted == (expected, expected)
    assert pl.scan_parquet(f"{tmp_path}/part-*.parquet").select(pl.len()).collect().item() == expected
    began = time.monotonic()
    result = run_sweep(folder, store=tmp_path)
    print(f"{expected} rows: a sweep of {n_own} finds that none is missing in {time.monotonic() - began:.1f} s")
    assert (result.computed, result.resumed) == (0, n_own)

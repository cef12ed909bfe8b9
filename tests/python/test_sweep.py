# Copyright The fractile authors. Licensed under the Apache License, Version 2.0.
"""Sweeps: the same rows on every executor, after every kind of death, and as a single run has them."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import textwrap
import threading
import time

import fractile
import pytest
from fractile.executors.processes import ProcessesExecutor
from fractile.sweep.columns import COUNTS, TIMES
from oracle.markets import make_panel, make_signal

GRID = {"lag": [0, 1], "resid": ["off", "all"]}


@pytest.fixture(scope="module")
def root(tmp_path_factory):
    folder = tmp_path_factory.mktemp("sweep")
    panel = make_panel(3)
    fractile.create_snapshot("v1", panel, root=folder, dtype="both")
    (folder / "signals").mkdir()
    for number in range(60):
        make_signal(panel, number, messy=False).to_parquet(folder / "signals" / f"s{number:03d}.parquet")
    (folder / "signals" / "bad.parquet").write_bytes(b"no parquet")
    return folder


def run(root, **arguments):
    given = {"grid": GRID, "mincos": 2, "chunk_seconds": 0.02, **arguments}
    return fractile.sweep(str(root / "signals"), root=root, progress=False, **given)


def rows_of(result):
    return result.arrow.drop_columns(list(TIMES))


@pytest.fixture(scope="module")
def whole(root):
    return run(root)


def test_a_row_has_the_bits_of_the_single_run(root, whole):
    table = whole.table
    assert len(table) == 61 * 4
    row = table[(table["signal"] == "s007") & (table["cell"] == 3)].iloc[0]
    single = fractile.BacktestService.get("v1", root=root).run(root / "signals" / "s007.parquet", lag=1, resid="all", mincos=2)
    assert (row["lag"], row["resid"], row["run_id"]) == (1, "all", single.run_id)
    assert row["sharpe_ret"] == single.sharpe
    assert {name: int(row[name]) for name in COUNTS} == {k: v for k, v in single.diagnostics.items() if isinstance(v, int)}


def test_an_unreadable_file_is_error_rows_and_the_others_run(whole):
    assert set(whole.errors["signal"]) == {"bad"}
    assert set(whole.errors["error"]) == {"UNREADABLE_SIGNAL"}
    assert list(whole.errors["cell"]) == [0, 1, 2, 3]


def test_a_killed_driver_leaves_a_store_that_resumes(root, whole, tmp_path):
    script = textwrap.dedent(f"""
        import os, signal, fractile
        from fractile.sweep import store
        store._PATIENCE_SECONDS = 0.0
        flush, flushed = store.Store.flush, []
        def flush_and_die(self):
            flush(self)
            flushed.append(1)
            if len(flushed) == 3:
                os.kill(os.getpid(), signal.SIGKILL)
        store.Store.flush = flush_and_die
        fractile.sweep({str(root / "signals")!r}, {GRID!r}, store={str(tmp_path)!r}, root={str(root)!r}, mincos=2, chunk_seconds=0.02)
    """)
    assert subprocess.run([sys.executable, "-c", script], check=False).returncode == -signal.SIGKILL
    resumed = run(root, store=tmp_path)
    assert resumed.resumed > 0
    assert resumed.computed > 0
    assert rows_of(resumed).equals(rows_of(whole))
    assert run(root, store=tmp_path).computed == 0


def test_a_killed_worker_loses_no_row(root, whole):
    with ProcessesExecutor(2) as executor:
        executor.submit(os.getpid).result()

        def kill() -> None:
            time.sleep(0.05)
            os.kill(next(iter(executor.pids.values())), signal.SIGKILL)

        killer = threading.Thread(target=kill)
        killer.start()
        result = run(root, executor=executor)
        killer.join()
    assert rows_of(result).equals(rows_of(whole))


def test_two_sweeps_do_not_write_to_one_store(root, tmp_path):
    def signals():
        with pytest.raises(fractile.ConfigError, match="no other sweep"):
            run(root, store=tmp_path)
        yield "s000", root / "signals" / "s000.parquet"

    result = fractile.sweep(signals(), store=tmp_path, root=root, mincos=2, grid=GRID, progress=False)
    assert result.computed == 4

# Copyright The fractile authors. Licensed under the Apache License, Version 2.0.
"""The ledger under many processes, forks and kills: it counts exactly, and never breaks.

`make ledger` runs it in full: 50 kills, 8 processes of 500 runs.
"""

from __future__ import annotations

import multiprocessing
import os
import random
import signal
import sqlite3
import subprocess
import sys
import time
from concurrent.futures import ProcessPoolExecutor

import fractile
import pytest
from oracle.markets import make_panel, make_signal

KILLS = int(os.environ.get("FRACTILE_LEDGER_KILLS", "10"))
RUNS = int(os.environ.get("FRACTILE_LEDGER_RUNS", "60"))
PROCESSES = int(os.environ.get("FRACTILE_LEDGER_PROCESSES", "4"))


pytestmark = pytest.mark.filterwarnings("ignore:FEW_PERIODS")


@pytest.fixture(scope="module")
def market(tmp_path_factory):
    root = tmp_path_factory.mktemp("processes")
    panel = make_panel(8, n_days=40, n_names=30)
    fractile.create_snapshot("v1", panel, root=root)
    rows = make_signal(panel, 8, messy=False)
    rows.to_parquet(root / "signal.parquet", index=False)
    return root, rows


@pytest.fixture
def service(market, tmp_path, monkeypatch):
    monkeypatch.setenv("FRACTILE_LEDGER", str(tmp_path / "ledger.sqlite"))
    monkeypatch.delenv("FRACTILE_STUDY", raising=False)
    return fractile.BacktestService.get("v1", root=market[0])


def count(name: str = "s") -> int:
    frame = fractile.studies().set_index("study")
    return int(frame["trials"].get(name, 0))


def make_runs(service, rows, first: int, n: int) -> int:
    """Runs that differ in a number that no result depends on: all are trials of their own."""
    for k in range(first, first + n):
        service.run(rows, mincos=1, gmv_musd=1.0 + k, threads=1, study="s")
    return n


def check_whole(path) -> None:
    with sqlite3.connect(path) as connection:
        assert connection.execute("PRAGMA integrity_check").fetchone() == ("ok",)
        assert connection.execute("PRAGMA foreign_key_check").fetchall() == []
    connection.close()


SCRIPT = """
import sys, fractile, pandas
service = fractile.BacktestService.get("v1", root=sys.argv[1])
rows = pandas.read_parquet(sys.argv[1] + "/signal.parquet")
first, n = int(sys.argv[2]), int(sys.argv[3])
for k in range(first, first + n):
    service.run(rows, mincos=1, gmv_musd=1.0 + k, threads=1, study="s")
    service.run(rows, mincos=1, gmv_musd=1.0 + k, threads=1, study="common")
"""


def test_many_processes_count_exactly_the_trials_that_were_made(service, market, tmp_path):
    """Every other process repeats the runs of the one before it; all of them begin on a ledger that does not exist."""
    started = [
        subprocess.Popen([sys.executable, "-c", SCRIPT, str(market[0]), str(p // 2 * RUNS), str(RUNS)]) for p in range(PROCESSES)
    ]
    assert [process.wait(600) for process in started] == [0] * PROCESSES
    assert count("s") == count("common") == PROCESSES // 2 * RUNS
    trials = fractile.study("s").trials()
    assert trials["run_id"].is_unique and (trials["periods"] > 0).all()
    check_whole(tmp_path / "ledger.sqlite")


def test_kills_lose_at_most_the_last_second_and_nothing_breaks(service, market, tmp_path):
    """A child runs and says when; it is killed at a random moment, and what it had said a second before must be there."""
    rng = random.Random(5)
    path, next_run, expected = tmp_path / "ledger.sqlite", 0, 0
    for _ in range(KILLS):
        reader, writer = os.pipe()
        child = os.fork()
        if child == 0:
            os.close(reader)
            try:
                for k in range(next_run, next_run + 100_000):
                    make_runs(service, market[1], k, 1)
                    os.write(writer, f"{time.monotonic()}\n".encode())
            finally:
                os._exit(1)
        os.close(writer)
        time.sleep(rng.uniform(0.0, 0.4))
        killed = time.monotonic()
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)
        with os.fdopen(reader) as lines:
            done = [float(line) for line in lines.read().split("\n")[:-1]]
        before = count()
        sure = sum(moment < killed - 1.0 for moment in done)
        assert expected + sure <= before <= expected + len(done) + 1
        # Younger trials may be lost: those that were being written.
        assert before >= expected + len(done) - 40
        expected, next_run = before, next_run + len(done) + 1
        check_whole(path)
    assert expected > KILLS


def test_a_fork_leaves_both_sides_their_trials(service, market):
    """The parent writes what it has queued, once; the child has a connection and a writer of its own."""
    for round_number in range(10):
        make_runs(service, market[1], 100 * round_number, 5)
        child = os.fork()
        if child == 0:
            status = 1
            try:
                make_runs(service, market[1], 100 * round_number + 50, 5)
                # The child sees its own trials.
                status = 0 if count() >= 10 * round_number + 5 else 2
            finally:
                os._exit(status)
        make_runs(service, market[1], 100 * round_number + 20, 5)
        assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
        assert count() == 15 * (round_number + 1)


def _task(first: int) -> int:
    service = next(iter(fractile.BacktestService._shared.values()))
    return make_runs(service, _task.rows, first, 3)


@pytest.mark.parametrize("kind", ["pool", "executor"])
def test_the_workers_of_multiprocessing_count(service, market, kind):
    """A pool of multiprocessing ends its workers by SIGTERM as soon as it has their results."""
    fractile.BacktestService.reset()
    fractile.BacktestService.get("v1", root=market[0])
    _task.rows = market[1]
    firsts = list(range(0, 60, 3))
    context = multiprocessing.get_context("fork")
    if kind == "pool":
        with context.Pool(4) as pool:
            assert sum(pool.map(_task, firsts)) == 60
    else:
        with ProcessPoolExecutor(4, mp_context=context) as executor:
            assert sum(executor.map(_task, firsts)) == 60
    assert count() == 60


def test_a_process_that_ends_by_itself_has_written_all(service, market):
    """Also when the last run is its last statement, and when it ends by an exception."""
    endings = {"": 0, "raise SystemExit(3)": 3, "1/0": 1}
    started = [
        subprocess.Popen([sys.executable, "-c", SCRIPT + ending, str(market[0]), str(3 * k), "3"], stderr=subprocess.DEVNULL)
        for k, ending in enumerate(endings)
    ]
    assert [process.wait(600) for process in started] == list(endings.values())
    assert count() == 9


def test_a_locked_ledger_is_waited_for(service, market, tmp_path):
    make_runs(service, market[1], 0, 1)
    assert count() == 1
    connection = sqlite3.connect(tmp_path / "ledger.sqlite", isolation_level=None)
    connection.execute("BEGIN IMMEDIATE")
    began = time.perf_counter()
    make_runs(service, market[1], 1, 20)
    assert time.perf_counter() - began < 10  # runs do not wait for the lock
    connection.execute("COMMIT")
    connection.close()
    assert count() == 21

# Copyright The fractile authors. Licensed under the Apache License, Version 2.0.
"""Sweeps: the same rows on every executor, after every kind of death, and as a single run has them."""

from __future__ import annotations

import concurrent.futures
import json
import multiprocessing
import os
import signal
import subprocess
import sys
import textwrap
import threading
import time

import duckdb
import fractile
import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pyarrow.dataset as ds
import pyarrow.parquet as pq
import pytest
from fractile.executors.processes import ProcessesExecutor
from fractile.executors.threads import ThreadsExecutor
from fractile.sweep import chunks, driver
from fractile.sweep.columns import COUNTS
from oracle.markets import make_panel, make_signal
from support.sweeps import GRID, SEED, make_folder, rows_of, run_sweep

N_SIGNALS = 30


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return make_folder(tmp_path_factory.mktemp("sweep"), N_SIGNALS)


@pytest.fixture(scope="module")
def whole(folder):
    return run_sweep(folder)


@pytest.fixture(scope="module")
def service(folder):
    return fractile.BacktestService.get("v1", root=folder)


def wide_signal():
    base = make_signal(make_panel(SEED), 0, messy=False)
    return base.assign(a=base["signal"], b=-base["signal"], c=base["signal"] ** 2)


def test_a_row_has_the_bits_of_the_single_run(folder, whole, service):
    table = whole.table
    assert len(table) == (N_SIGNALS + 2) * 4
    row = table[(table["signal"] == "s0007") & (table["cell"] == 3)].iloc[0]
    single = service.run(folder / "signals" / "s0007.parquet", lag=1, resid="all", mincos=2)
    assert (row["lag"], row["resid"], row["run_id"]) == (1, "all", single.run_id)
    for name in single.summary.columns[2:]:
        assert row[name] == single.summary[name].iloc[0] or pd.isna(row[name])
    assert {name: int(row[name]) for name in COUNTS} == {k: v for k, v in single.diagnostics.items() if isinstance(v, int)}


def test_what_cannot_run_is_one_error_row_per_cell(whole):
    errors = whole.errors
    assert list(errors["signal"]) == ["unknown_ids"] * 4 + ["unreadable"] * 4
    assert list(errors["error"]) == ["NO_USABLE_ROWS"] * 4 + ["UNREADABLE_SIGNAL"] * 4
    assert list(errors["cell"]) == [0, 1, 2, 3] * 2


@pytest.mark.parametrize("name", ["processes", "joblib", "dask", "futures"])
def test_every_executor_gives_the_same_bits(folder, whole, name):
    if name != "futures":
        pytest.importorskip({"dask": "distributed"}.get(name, "fractile"))
        assert rows_of(run_sweep(folder, executor=name)) == rows_of(whole)
        return
    with concurrent.futures.ProcessPoolExecutor(2, multiprocessing.get_context("spawn")) as executor:
        assert rows_of(run_sweep(folder, executor=executor)) == rows_of(whole)


def test_chunks_and_workers_change_no_bit(folder, whole):
    for workers, seconds in ((1, 100.0), (3, 1e-6)):
        with ThreadsExecutor(workers) as executor:
            assert rows_of(run_sweep(folder, executor=executor, chunk_seconds=seconds)) == rows_of(whole)


def test_a_killed_driver_leaves_a_store_that_resumes(folder, whole, tmp_path):
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
        signals, root = {str(folder / "signals")!r}, {str(folder)!r}
        fractile.sweep(signals, {GRID!r}, store={str(tmp_path)!r}, root=root, mincos=2, chunk_seconds=0.02, keep="daily")
    """)
    assert subprocess.run([sys.executable, "-c", script], check=False).returncode == -signal.SIGKILL
    (tmp_path / "daily" / "part-0-remains.parquet").write_bytes(b"of a part whose rows were not written")
    (tmp_path / ".part-0.tmp").write_bytes(b"half a part")
    resumed = run_sweep(folder, store=tmp_path, executor="processes", keep="daily")
    assert resumed.resumed > 0
    assert resumed.computed > 0
    assert rows_of(resumed) == rows_of(whole)
    again = run_sweep(folder, store=tmp_path, keep="daily")
    assert (again.computed, again.resumed) == (0, len(whole))
    assert again.read("daily").equals(run_sweep(folder, keep="daily").read("daily"))
    assert not list(tmp_path.rglob("*remains*")) + list(tmp_path.rglob("*.tmp"))


def test_rows_that_no_sweep_wrote_are_left_out(folder, whole, tmp_path):
    run_sweep(folder, store=tmp_path)
    part = pq.read_table(next(tmp_path.glob("part-*.parquet")))
    strange = [None, "", "f" * 31, "z" * 32, "\u00fc" * 16]
    rows = part.slice(0, len(strange)).set_column(part.schema.get_field_index("key"), "key", pa.array(strange))
    pq.write_table(rows, tmp_path / "part-9-strange.parquet")
    again = run_sweep(folder, store=tmp_path)
    assert (again.computed, again.resumed) == (0, len(whole))
    assert rows_of(again) == rows_of(whole)


def test_a_killed_worker_loses_no_row(folder, whole):
    with ProcessesExecutor(2) as executor:
        executor.submit(os.getpid).result()

        def kill() -> None:
            time.sleep(0.05)
            os.kill(next(iter(executor.pids.values())), signal.SIGKILL)

        killer = threading.Thread(target=kill)
        killer.start()
        result = run_sweep(folder, executor=executor)
        killer.join()
    assert rows_of(result) == rows_of(whole)


class PoisonedExecutor(ThreadsExecutor):
    """Calls that have the signal "s0003" fail as if their worker had died."""

    def submit(self, function, /, *arguments):
        if any(task.item.name == "s0003" for task in arguments[1]):
            failed: concurrent.futures.Future = concurrent.futures.Future()
            failed.set_exception(concurrent.futures.BrokenExecutor("dead"))
            self.failures = getattr(self, "failures", 0) + 1
            return failed
        return super().submit(function, *arguments)


def test_a_poisoned_signal_alone_is_at_fault(folder, whole, monkeypatch):
    """The first chunk has all signals, so that it has to be halved until the signal is alone."""
    monkeypatch.setattr(driver.Driver, "_cut", lambda self, tasks: driver.Chunk(found) if (found := list(tasks)) else None)
    with PoisonedExecutor(2) as executor:
        result = run_sweep(folder, executor=executor)
    poisoned = result.table["signal"] == "s0003"
    assert set(result.errors["error"]) == {"WORKER_DIED", "UNREADABLE_SIGNAL", "NO_USABLE_ROWS"}
    assert list(result.table[poisoned]["error"]) == ["WORKER_DIED"] * 4
    want = whole.table[whole.table["signal"] != "s0003"].reset_index(drop=True)
    found = result.table[~poisoned].reset_index(drop=True)
    columns = want.columns.drop(["seconds", "worker"])
    assert found[columns].equals(want[columns])
    assert executor.failures <= 3 + 5 + 3  # the whole chunk, its halves of halves, the signal alone


def test_a_lost_snapshot_is_said_once(folder, monkeypatch):
    """Threads see what the driver sees, so a snapshot that they lack cannot be shipped to them."""
    monkeypatch.setattr(chunks, "find_root", lambda plan: (_ for _ in ()).throw(driver.SnapshotMissing("v1")))
    with pytest.raises(fractile.SnapshotNotFoundError, match="ships no files"):
        run_sweep(folder)


def test_two_sweeps_do_not_write_to_one_store(folder, tmp_path):
    def signals():
        with pytest.raises(fractile.ConfigError, match="no other sweep"):
            run_sweep(folder, store=tmp_path)
        assert fractile.sweep_status(tmp_path)["is_running"]
        yield "s0000", folder / "signals" / "s0000.parquet"

    assert run_sweep(folder, signals(), store=tmp_path).computed == 4
    assert not fractile.sweep_status(tmp_path)["is_running"]


def test_every_form_of_many_signals_is_the_same_rows(tmp_path, folder):
    wide = wide_signal()
    names = ["a", "b", "c"]
    wide.to_parquet(tmp_path / "wide.parquet")
    (tmp_path / "parts").mkdir()
    half = len(wide) // 2
    wide[:half].to_parquet(tmp_path / "parts" / "0.parquet")
    wide[half:].to_parquet(tmp_path / "parts" / "1.parquet")
    want = rows_of(run_sweep(folder, wide, sigvars=names))
    assert want["signal"] == [name for name in names for _ in range(4)]
    relation = duckdb.connect().from_arrow(pa.Table.from_pandas(wide))
    forms = [pl.from_pandas(wide), pa.Table.from_pandas(wide), relation, tmp_path / "wide.parquet", tmp_path / "parts"]
    for form in [*forms, ds.dataset(tmp_path / "parts")]:
        assert rows_of(run_sweep(folder, form, sigvars=names)) == want
    single = {name: wide[["security_id", "date_sig"]].assign(signal=wide[name]) for name in names}
    for form in (single, list(single.items()), iter(single.items())):
        found = rows_of(run_sweep(folder, form))
        assert {name: found[name] for name in found if name not in ("key", "signal_hash")} == {
            name: want[name] for name in want if name not in ("key", "signal_hash")
        }


def test_a_generator_may_write_each_signal_into_the_same_memory(folder):
    frame = make_signal(make_panel(SEED), 0, messy=False)
    keys = {name: frame[name].to_numpy() for name in ("security_id", "date_sig")}
    first = frame["signal"].to_numpy()

    def in_one_place():
        values = first.copy()
        for number in range(12):
            values[:] = np.roll(first, number)
            yield f"s{number}", {**keys, "signal": values}

    apart = {f"s{number}": {**keys, "signal": np.roll(first, number)} for number in range(12)}
    assert rows_of(run_sweep(folder, in_one_place())) == rows_of(run_sweep(folder, apart))


def test_a_generator_is_read_as_fast_as_workers_take_it(folder):
    frame = wide_signal()[["security_id", "date_sig", "signal"]]
    given, done, ahead = 0, 0, []

    def signals():
        nonlocal given
        for number in range(60):
            given += 1
            ahead.append(given - done)
            yield str(number), frame

    class Counting(ThreadsExecutor):
        def submit(self, function, /, *arguments):
            future = super().submit(function, *arguments)

            def count(_):
                nonlocal done
                done += len(arguments[1])

            future.add_done_callback(count)
            return future

    with Counting(2) as executor:
        assert len(run_sweep(folder, signals(), executor=executor, chunk_seconds=1e-6)) == 240
    assert max(ahead) <= 4 * 2 + 1


def test_stores_open_in_other_readers(folder, whole, tmp_path):
    result = run_sweep(folder, store=tmp_path, keep="all", analysis=["ic"])
    rows, daily = f"{tmp_path}/*.parquet", f"{tmp_path}/daily/*.parquet"
    assert duckdb.sql(f"select count(*) from '{rows}' where error is null").fetchall() == [(N_SIGNALS * 4,)]
    assert pl.scan_parquet(rows).select(pl.len()).collect().item() == len(whole)
    assert pd.read_parquet(tmp_path / "daily")["ret"].count() == pl.read_parquet(daily)["ret"].count()
    stored = {path.name for path in tmp_path.iterdir() if path.is_dir() and any(path.iterdir())}
    assert stored == {"summary", "daily", "daily_by_group", "turnover", "tc", "ic", "ic_summary"}
    assert len(result.read("ic_summary")) == N_SIGNALS * 4
    with pytest.raises(fractile.ConfigError, match="expected the keep of the store"):
        run_sweep(folder, store=tmp_path, analysis=["ic"])
    with pytest.raises(fractile.ConfigError, match="resume=False"):
        run_sweep(folder, store=tmp_path, keep="all", resume=False, analysis=["ic"])


def test_stored_daily_returns_are_those_of_the_runs_and_can_be_tested(folder, service):
    result = run_sweep(folder, keep="daily", grid={"lag": [1]})
    wide = result.daily_returns()
    assert list(wide.columns) == [f"s{number:04d}" for number in range(N_SIGNALS)]
    single = service.run(folder / "signals" / "s0002.parquet", lag=1, mincos=2).daily.set_index("date")["ret_net"]
    assert wide["s0002"].dropna().to_numpy().tolist() == single.to_numpy().tolist()
    found = result.multiple_testing(draws=100, short="drop")
    want = fractile.multiple_testing(wide, draws=100, short="drop", periods_per_year=252)
    assert found.equals(want)
    assert len(run_sweep(folder, keep="daily").daily_returns().columns) == N_SIGNALS * 4
    with pytest.raises(fractile.ConfigError, match='the table "daily"'):
        run_sweep(folder).multiple_testing()


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        ({"executor": "slurm"}, "expected executor=None, threads, processes"),
        ({"grid": {"lag": 1}}, "expected a list of values for lag"),
        ({"grid": {"lag": [0]}, "lag": 1}, "found both"),
        ({"grid": {"lag": [-1]}}, "INVALID_VALUE: expected lag"),
        ({"grid": {"lags": [1]}}, 'Did you mean "lag"'),
        ({"keep": "weekly"}, "expected keep=None"),
        ({"chunk_seconds": 0}, "expected chunk_seconds=seconds above 0"),
        ({"on_error": "ignore"}, "expected on_error="),
        ({"on_error": "raise"}, "UNREADABLE_SIGNAL|NO_USABLE_ROWS"),
        ({"snapshot": "v9"}, 'expected snapshot "v9"'),
    ],
)
def test_wrong_arguments_are_refused(folder, arguments, text):
    with pytest.raises(fractile.FractileError, match=text):
        run_sweep(folder, **arguments)


def test_the_command_line_sweeps_and_says_the_state(executable, folder, whole, tmp_path):
    def run(*words: str) -> subprocess.CompletedProcess[str]:
        environment = {**os.environ, "FRACTILE_PYTHON": sys.executable}
        return subprocess.run([executable, "sweep", *words], capture_output=True, text=True, check=False, env=environment)

    grid = [word for name, values in GRID.items() for word in ("--grid", f"{name}={','.join(map(str, values))}")]
    command = [str(folder / "signals"), "--root", str(folder), "--mincos", "2", *grid, "--store", str(tmp_path)]
    done = run(*command, "--executor", "processes")
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith(f"{len(whole):,} rows in {tmp_path}: {len(whole):,} computed in")
    assert rows_of(run_sweep(folder, store=tmp_path)) == rows_of(whole)
    status = run("--status", str(tmp_path)).stdout
    assert f"rows     {len(whole)} of {N_SIGNALS + 2} signals" in status
    assert "UNREADABLE_SIGNAL 4" in status
    for words, text, code in [
        ((*command, "--weight", "nothing"), "nothing", 2),
        ((*command, "--address", "x:1"), "REFUSED_COMBINATION", 2),
        ((), "expected SIGNALS and --store", 2),
        (("--status", str(tmp_path / "none")), "expected the store of a sweep", 1),
    ]:
        refused = run(*words)
        assert (refused.returncode, text in refused.stderr) == (code, True), refused.stderr
    assert all(f"--{name}" in run("--help").stdout for name in ("grid", "keep", "lag", "tc-model"))
    without = {name: value for name, value in os.environ.items() if name != "FRACTILE_PYTHON"}
    alone = subprocess.run([executable, "sweep", "x"], capture_output=True, text=True, check=False, env=without)
    assert "found the executable alone" in alone.stderr


def test_ctrl_c_leaves_a_store_that_resumes(executable, folder, whole, tmp_path):
    words = [executable, "sweep", str(folder / "signals"), "--root", str(folder), "--mincos", "2", "--store", str(tmp_path)]
    words += ["--grid", json.dumps(GRID["lag"]).join(["lag=", ""]), "--grid", "resid=off,all", "--chunk-seconds", "0.0001"]
    process = subprocess.Popen(words, stderr=subprocess.PIPE, text=True, env={**os.environ, "FRACTILE_PYTHON": sys.executable})
    deadline = time.monotonic() + 60
    while not (tmp_path / ".lock").exists() and time.monotonic() < deadline:
        time.sleep(0.01)
    time.sleep(0.05)
    process.send_signal(signal.SIGINT)
    error = process.communicate(timeout=60)[1]
    assert process.returncode in (0, 130), error
    assert ("interrupted: the same command resumes" in error) == (process.returncode == 130)
    assert rows_of(run_sweep(folder, store=tmp_path)) == rows_of(whole)


def write_foreign_files(folder) -> None:
    """Signals as other systems write them: own names, days first, decimal commas, -99 for what is missing."""
    base = make_signal(make_panel(SEED), 0, messy=False)
    for number in range(3):
        values = (base["signal"] + number).mask(base.index % 7 == 0, -99).map("{:.6f}".format).str.replace(".", ",")
        days = pd.to_datetime(base["date_sig"]).dt.strftime("%d/%m/%Y")
        table = pd.DataFrame({"permno": base["security_id"], "day": days, "score": values})
        table.to_csv(folder / f"f{number}.csv", sep=";", index=False)


def test_options_of_reading_reach_the_files(executable, folder, service, tmp_path):
    write_foreign_files(tmp_path)
    renamed = {"security_id": "permno", "date_sig": "day"}
    reading = {"map": renamed, "date_format": "%d/%m/%Y", "decimal": ",", "delimiter": ";"}
    reading["null"] = r"score=-99\,000000"
    want = run_sweep(folder, tmp_path, sigvar="score", **reading)
    assert not len(want.errors), want.errors["message"].iloc[0]
    single = service.run(tmp_path / "f1.csv", "score", mincos=2, **reading)
    row = want.table[(want.table["signal"] == "f1") & (want.table["cell"] == 0)].iloc[0]
    assert (row["run_id"], row["null_signal"]) == (single.run_id, single.diagnostics["null_signal"])
    assert row["null_signal"] > 0
    assert rows_of(run_sweep(folder, tmp_path, sigvar="score", executor="dask", **reading)) == rows_of(want)
    other = run_sweep(folder, tmp_path, sigvar="score", **{**reading, "null": "score=-98"})
    assert not set(other.table["key"]) & set(want.table["key"])
    words = [f"--{name.replace('_', '-')}={value}" for name, value in reading.items() if name != "map"]
    words += [f"--map={name}={column}" for name, column in renamed.items()]
    command = [executable, "sweep", str(tmp_path), "--sigvar", "score", "--root", str(folder), "--mincos", "2", "--quiet", *words]
    command += ["--grid", "lag=0,1", "--grid", "resid=off,all", "--store", str(tmp_path / "store")]
    environment = {**os.environ, "FRACTILE_PYTHON": sys.executable}
    done = subprocess.run(command, capture_output=True, text=True, check=False, env=environment)
    assert done.returncode == 0, done.stderr
    stored = run_sweep(
        folder, tmp_path, store=tmp_path / "store", sigvar="score", **{**reading, "map": "security_id=permno,date_sig=day"}
    )
    assert {name: rows_of(stored)[name] for name in ("run_id", "signal")} == {
        name: rows_of(want)[name] for name in ("run_id", "signal")
    }
    with pytest.raises(fractile.ConfigError, match="abs_price"):
        run_sweep(folder, tmp_path, sigvar="score", abs_price=True)


def test_own_factors_are_columns(folder):
    signals = {"a": str(folder / "signals" / "s0007.parquet")}
    found = run_sweep(folder, signals, grid={"factors": [["size"], ["mcap"]]})
    assert found.table["mcap"].notna().tolist() == [False, True]

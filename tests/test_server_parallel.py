# Copyright The fractile authors. Licensed under the Apache License, Version 2.0.
"""The worker pool (fractile.pool), under the name by which the published API page imports it, and its tests."""

from __future__ import annotations

import concurrent.futures
import contextlib
import os
import pathlib
import random
import signal
import subprocess
import sys
import textwrap
import threading
import time

import fractile
import numpy as np
import pandas as pd
import pytest
from fractile.executors.processes import ProcessesExecutor
from fractile.pool import BacktestWorkerPool, serialize_signal_arrow

pytestmark = pytest.mark.alone

ROOT = pathlib.Path(__file__).resolve().parents[1]
PATIENCE = 30.0  # seconds, after which a call counts as hanging


def wait_until(condition, what: str):
    deadline = time.monotonic() + PATIENCE
    while time.monotonic() < deadline:
        value = condition()
        if value:
            return value
        time.sleep(0.005)
    raise AssertionError(f"waited {PATIENCE:g} s for {what}")


def state_of(pid: int) -> str | None:
    """The state of a process (R, S, T, Z, ...); None if it does not exist."""
    try:
        return pathlib.Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except OSError:
        return None


def is_gone(pid: int) -> bool:
    return state_of(pid) in (None, "Z", "X")


def traces() -> tuple[set[str], set[int], set[str], set[str]]:
    """The resources that a pool could leak: shared memory, children (zombies too), open sockets and memory, threads."""
    from support.soak_watch import (  # here: the API page's import finds no module of the tests
        children,
        descriptors,
        shared_memory,
    )

    threads = {thread.name for thread in threading.enumerate() if thread.name == "fractile-pool"}
    return shared_memory(), set(children()), descriptors(), threads


@pytest.fixture(autouse=True)
def _nothing_left():
    before = traces()
    yield
    assert traces() == before


@pytest.fixture(scope="module")
def root(tmp_path_factory):
    from oracle.markets import make_panel

    folder = tmp_path_factory.mktemp("pool")
    fractile.create_snapshot("v1", make_panel(7), root=folder)
    return folder


@pytest.fixture(scope="module")
def signals():
    from oracle.markets import make_panel, make_signal

    base = make_signal(make_panel(7), 7, messy=False)
    rng = np.random.default_rng(7)
    return [base.assign(signal=rng.normal(size=len(base))) for _ in range(6)]


@pytest.fixture(scope="module")
def wanted(root, signals):
    service = fractile.BacktestService.get("v1", root=root)
    return [service.run(frame, mincos=2).sharpe for frame in signals]


def make_pool(root, n_workers=2, **options):
    return BacktestWorkerPool(n_workers, root=root, **{"mincos": 2, **options})


@pytest.fixture
def fifo(tmp_path):
    """A path at which a worker blocks for ever, because no process writes there."""
    path = tmp_path / "never.csv"
    os.mkfifo(path)
    return path


@pytest.mark.parametrize("sequential", [True, False])
def test_results_equal_those_in_process(root, signals, wanted, tmp_path, sequential):
    pool = make_pool(root)
    pool.start(sequential=sequential)
    assert sorted(pool.worker_pids) == [0, 1]
    tasks, want = [], []
    for i, frame in enumerate(signals):
        frame.to_csv(tmp_path / f"{i}.csv", index=False)
        frame.to_parquet(tmp_path / f"{i}.parquet")
        data = serialize_signal_arrow(frame)
        forms = [data, memoryview(data), str(tmp_path / f"{i}.csv"), tmp_path / f"{i}.parquet", frame]
        tasks += [pool.submit(form) for form in forms]
        want += [wanted[i]] * len(forms)
    results = pool.collect_all(progress=True)
    assert [r[0] for r in results] == tasks == list(range(len(tasks)))
    assert [r[2] for r in results] == want
    assert {r[1] for r in results} <= {0, 1}
    assert all(r[3] > 0 and np.isfinite(r[4]) for r in results)
    assert pool.errors == {}
    pids = pool.worker_pids.values()
    pool.shutdown()
    assert all(is_gone(pid) for pid in pids)
    pool.shutdown()


def test_collect_one_takes_results_as_they_finish(root, signals, wanted, fifo):
    with make_pool(root) as pool:
        blocked = pool.submit(fifo)
        tasks = {pool.submit(serialize_signal_arrow(frame)): value for frame, value in zip(signals, wanted, strict=True)}
        for _ in signals:
            task, _, sharpe, _, _ = pool.collect_one(timeout=PATIENCE)
            assert sharpe == tasks.pop(task)
        assert blocked not in tasks and pool.running.keys() == {blocked}
        with pytest.raises(TimeoutError, match=r"within 0\.01 s"):
            pool.collect_one(timeout=0.01)


def test_a_run_configuration_reaches_the_workers(root, signals):
    frame = signals[0].rename(columns={"signal": "alpha"})
    options = {"sigvar": "alpha", "lag": 1, "fractile": (20, 80), "weight": "value", "mincos": 1}
    want = fractile.BacktestService.get("v1", "2020-01-15", "2020-02-20", root=root).run(frame, **options).sharpe
    with make_pool(root, 1, start_date="2020-01-15", end_date=np.datetime64("2020-02-20"), **options) as pool:
        pool.submit(serialize_signal_arrow(frame))
        assert [r[2] for r in pool.collect_all()] == [want]


def test_a_poisoned_signal_is_nan_in_its_place(root, signals, wanted, tmp_path):
    data = serialize_signal_arrow(signals[0])
    poison = {
        b"": "UNREADABLE_SIGNAL",
        b"no arrow at all": "UNREADABLE_SIGNAL",
        data[: len(data) // 2]: "UNREADABLE_SIGNAL",
        serialize_signal_arrow(signals[0].assign(signal=np.inf)): "INFINITE_SIGNAL",
        serialize_signal_arrow(signals[0].rename(columns={"signal": "other"})): "UNKNOWN_COLUMN",
        serialize_signal_arrow(signals[0].assign(security_id=10**9)): "NO_USABLE_ROWS",
        str(tmp_path / "none.csv"): "UNREADABLE_SIGNAL",
    }
    with make_pool(root) as pool:
        expected = {}
        for bad, code in poison.items():
            expected[pool.submit(bad)] = code
            pool.submit(data)
        results = pool.collect_all()
    assert {task: error.code for task, error in pool.errors.items()} == expected
    assert all(type(error) is fractile.SignalError for error in pool.errors.values())
    for task, _, sharpe, _, _ in results:
        assert np.isnan(sharpe) if task in expected else sharpe == wanted[0]


def test_warnings_of_a_run_reach_the_caller(root, signals):
    dates = signals[0]["date_sig"]
    early = signals[0].assign(date_avail=dates + pd.Timedelta(days=30), date_ret=dates + pd.offsets.BDay(1))
    with pytest.warns(UserWarning, match="trade_before_avail") as direct:
        want = fractile.BacktestService.get("v1", root=root).run(early, mincos=2).sharpe
    with make_pool(root, 1) as pool:
        pool.submit(early)
        with pytest.warns(UserWarning, match="trade_before_avail") as caught:
            assert pool.collect_one()[2] == want
    assert [str(w.message) for w in caught] == [str(w.message) for w in direct]


def test_a_worker_that_dies_is_replaced_and_its_task_tried_again(root, signals, wanted):
    with make_pool(root, 1) as pool:
        first = pool.worker_pids[0]
        os.kill(first, signal.SIGSTOP)
        wait_until(lambda: state_of(first) == "T", "the worker to stop")
        task = pool.submit(serialize_signal_arrow(signals[0]))
        wait_until(lambda: pool.running, "the task to be handed out")
        os.kill(first, signal.SIGKILL)
        assert pool.collect_one(timeout=PATIENCE)[:3] == (task, 0, wanted[0])
        assert pool.worker_pids[0] != first
        os.kill(pool.worker_pids[0], signal.SIGKILL)  # idle
        pool.submit(serialize_signal_arrow(signals[1]))
        assert pool.collect_one(timeout=PATIENCE)[2] == wanted[1]
        assert pool.errors == {}


def test_a_task_that_kills_twice_is_an_error(root, signals, wanted, fifo):
    with make_pool(root, 1) as pool:
        killer = pool.submit(fifo)
        pool.submit(serialize_signal_arrow(signals[0]))
        killed = set()
        for _ in range(2):
            pid = wait_until(
                lambda: killer in pool.running and next((p for p in pool.worker_pids.values() if p not in killed), None),
                "the task",
            )
            os.kill(pid, signal.SIGKILL)
            killed.add(pid)
        (first, _, nan, _, _), (_, _, sharpe, _, _) = pool.collect_all()
        assert first == killer and np.isnan(nan) and sharpe == wanted[0]
        assert pool.errors[killer].code == "WORKER_DIED"
        assert "SIGKILL" in str(pool.errors[killer])


def test_submit_waits_while_the_queue_is_full(root, signals, fifo):
    data = serialize_signal_arrow(signals[0])
    with make_pool(root, 1) as pool:
        pool.submit(fifo)
        wait_until(lambda: pool.running, "the task to be handed out")
        for _ in range(4):
            pool.submit(data)
        late = threading.Thread(target=pool.submit, args=(data,))
        late.start()
        late.join(0.3)
        assert late.is_alive()
        with pytest.raises(TimeoutError):
            pool.collect_one(timeout=0)
        fifo.rename(fifo.with_name("moved.csv"))
        with open(fifo.with_name("moved.csv"), "w"):
            late.join(PATIENCE)
        assert not late.is_alive()
        assert len(pool.collect_all()) == 6
        assert list(pool.errors) == [0]


def test_results_do_not_fill_the_queue(root, signals, wanted):
    data = serialize_signal_arrow(signals[0])
    with make_pool(root, 1) as pool:
        for _ in range(50):
            pool.submit(data)
        assert [r[2] for r in pool.collect_all()] == [wanted[0]] * 50


def test_shutdown_wakes_who_waits(root, signals, fifo):
    pool = make_pool(root, 1).start()
    pool.submit(fifo)
    for _ in range(4):
        pool.submit(serialize_signal_arrow(signals[0]))
    codes = []

    def note(call):
        try:
            call()
        except fractile.FractileError as error:
            codes.append(error.code)

    waiters = [threading.Thread(target=note, args=(call,)) for call in (lambda: pool.submit(fifo), pool.collect_one)]
    for waiter in waiters:
        waiter.start()
    time.sleep(0.1)
    pool.shutdown()
    for waiter in waiters:
        waiter.join(PATIENCE)
    assert sorted(codes) == ["NOTHING_PENDING", "POOL_CLOSED"]


def test_chaos(root, signals, wanted):
    """200 tasks, a worker killed every 20: every result arrives and is right."""
    chooser = random.Random(1)
    data = [serialize_signal_arrow(frame) for frame in signals]
    with make_pool(root) as pool:
        for i in range(200):
            assert pool.submit(data[i % len(data)]) == i
            if i % 20 == 10:
                with contextlib.suppress(ProcessLookupError, IndexError):
                    os.kill(chooser.choice(list(pool.worker_pids.values())), signal.SIGKILL)
        results = pool.collect_all()
        assert [r[2] for r in results] == [wanted[i % len(wanted)] for i in range(200)]
        assert pool.errors == {}


def test_many_threads_share_a_pool(root, signals, wanted):
    data = [serialize_signal_arrow(frame) for frame in signals]
    tasks: dict[int, int] = {}
    with make_pool(root) as pool:

        def submit_some(k):
            for _ in range(20):
                tasks[pool.submit(data[k])] = k

        threads = [threading.Thread(target=submit_some, args=(k,)) for k in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        results = pool.collect_all()
    assert [r[0] for r in results] == list(range(80))
    assert all(sharpe == wanted[tasks[task]] for task, _, sharpe, _, _ in results)


SCRIPT = """
import os, sys
from fractile.pool import BacktestWorkerPool
pool = BacktestWorkerPool(2, root=sys.argv[1])
pool.start(sequential=False)
for _ in range(5):
    pool.submit(sys.argv[2])
while len(pool.running) < 2:
    pass
print(*pool.worker_pids.values(), flush=True)
pool.collect_all()
"""


def run_script(root, fifo, tmp_path):
    """A script without a main guard, whose workers are busy for ever."""
    script = tmp_path / "script.py"
    script.write_text(SCRIPT)
    process = subprocess.Popen(
        [sys.executable, script, root, fifo], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, process_group=0
    )
    pids = [int(pid) for pid in process.stdout.readline().split()]
    assert len(pids) == 2 and not any(map(is_gone, pids))
    return process, pids


def test_ctrl_c_leaves_no_worker(root, fifo, tmp_path):
    process, pids = run_script(root, fifo, tmp_path)
    os.killpg(process.pid, signal.SIGINT)
    _, errors = process.communicate(timeout=PATIENCE)
    assert process.returncode != 0
    assert errors.count("KeyboardInterrupt") == 1, errors
    assert all(map(is_gone, pids))


def test_a_killed_parent_leaves_no_worker(root, fifo, tmp_path):
    process, pids = run_script(root, fifo, tmp_path)
    process.kill()
    process.communicate(timeout=PATIENCE)
    wait_until(lambda: all(map(is_gone, pids)), "the workers to end")


def test_a_pool_that_is_dropped_ends(root):
    pool = make_pool(root, 1).start()
    (pid,) = pool.worker_pids.values()
    del pool
    wait_until(lambda: is_gone(pid), "the worker to end")


def test_a_forked_child_does_not_end_the_pool(root, signals, wanted):
    with make_pool(root, 1) as pool:
        child = os.fork()
        if child == 0:
            pool.shutdown()
            os._exit(0)
        assert os.waitpid(child, 0)[1] == 0
        pool.submit(serialize_signal_arrow(signals[0]))
        assert pool.collect_one(timeout=PATIENCE)[2] == wanted[0]


def test_a_bad_snapshot_is_raised_by_start(root, tmp_path, monkeypatch):
    with pytest.raises(fractile.SnapshotNotFoundError) as error:
        BacktestWorkerPool(2, snapshot="v2", root=root).start()
    assert error.value.code == "SNAPSHOT_NOT_FOUND"
    with pytest.raises(fractile.SnapshotError) as error:
        BacktestWorkerPool(2, start_date="2031-01-01", root=root).start(sequential=False)
    assert error.value.code == "NO_TRADING_DAYS"
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("FRACTILE_SNAPSHOTS", raising=False)
    with pytest.raises(FileNotFoundError, match="No snapshots found"):
        BacktestWorkerPool(2).start()


def test_a_pool_whose_workers_cannot_be_replaced_fails_its_tasks(root, signals, fifo, monkeypatch):
    from fractile.pool import process

    with make_pool(root, 1) as pool:
        pool.submit(fifo)
        pool.submit(serialize_signal_arrow(signals[0]))
        wait_until(lambda: pool.running, "the task to be handed out")
        monkeypatch.setattr(process, "worker_environment", lambda: {"PYTHONPATH": "", "PYTHONHOME": "/nowhere"})
        os.kill(pool.worker_pids[0], signal.SIGKILL)
        results = pool.collect_all()
        assert [np.isnan(r[2]) for r in results] == [True, True]
        assert [pool.errors[task].code for task in (0, 1)] == ["WORKER_DIED"] * 2
        with pytest.raises(fractile.FractileError, match="WORKER_DIED"):
            pool.submit(serialize_signal_arrow(signals[0]))


def test_wrong_use_is_refused(root, signals):
    with pytest.raises(fractile.ConfigError, match="Did you mean"):
        make_pool(root, minco=3)
    for n_workers in (0, -1, 1.5, True):
        with pytest.raises(fractile.ConfigError, match="n_workers"):
            make_pool(root, n_workers)
    pool = make_pool(root, 1)
    for call in (lambda: pool.submit(b""), pool.collect_one, pool.collect_all):
        with pytest.raises(fractile.FractileError, match="POOL_CLOSED"):
            call()
    with make_pool(root, 1, use_arrow=False) as pool:
        assert pool.start() is pool
        assert pool.collect_all() == []
        with pytest.raises(fractile.FractileError, match="NOTHING_PENDING"):
            pool.collect_one()
        with pytest.raises(fractile.SignalError, match="use_arrow=False"):
            pool.submit(serialize_signal_arrow(signals[0]))
    with make_pool(root, 1) as pool, pytest.raises(fractile.SignalError, match="COLUMN_TYPE"):
        pool.submit(7)
    with pytest.raises(fractile.FractileError, match="POOL_CLOSED"):
        pool.submit(b"")


def test_serialized_signals_keep_their_run_id(root, signals):
    pl = pytest.importorskip("polars")
    pa = pytest.importorskip("pyarrow")
    service = fractile.BacktestService.get("v1", root=root)
    frame = signals[0].assign(date_avail=signals[0]["date_sig"], other=1, name="x")
    frame.loc[[3, 9], "date_sig"] = None
    frame.loc[5, "signal"] = None
    want = service.run(frame, mincos=2)
    for form in (frame, pl.from_pandas(frame), {c: frame[c].to_numpy() for c in frame}):
        assert service.run(serialize_signal_arrow(form), mincos=2).run_id == want.run_id
    table = pa.ipc.open_stream(serialize_signal_arrow(frame)).read_all()
    assert table.column_names == ["security_id", "date_sig", "date_avail", "signal", "other"]
    assert table["date_sig"].null_count == 2
    # Dates without a time take half the bytes; hours are preserved.
    assert table.schema.field("date_sig").type == pa.date32()
    assert table["date_sig"].to_pylist()[0] == frame["date_sig"][0].date()
    hours = frame.assign(date_avail=frame["date_avail"] + pd.Timedelta(hours=9))
    table = pa.ipc.open_stream(serialize_signal_arrow(hours)).read_all()
    assert pa.types.is_timestamp(table.schema.field("date_avail").type)
    assert table["date_avail"].to_pandas().astype(hours["date_avail"].dtype).equals(hours["date_avail"])
    days = pa.Table.from_pandas(frame, preserve_index=False).set_column(1, "date_sig", table["date_sig"])
    assert service.run(serialize_signal_arrow(days), mincos=2).run_id == want.run_id


def test_the_snippets_of_the_how_to_page_run_from_the_root_of_the_repository(demo_folder):
    page = (ROOT / "docs" / "how_to_pool.md").read_text()
    snippets = [part.split("```")[0] for part in page.split("```python\n")[1:]]
    assert len(snippets) == 4 and "from tests.test_server_parallel import" in snippets[0]
    before = """
        import sys
        import pandas as pd
        demo = pd.read_parquet(sys.argv[1] + "/2026-02-10-v1-signal.parquet")
        signals = [demo.assign(signal=demo["signal"] * k) for k in (1.0, -1.0)]
    """
    environment = {**os.environ, "FRACTILE_SNAPSHOTS": str(demo_folder / "snapshots")}
    code = "\n".join([textwrap.dedent(before), *snippets])
    command = [sys.executable, "-c", code, demo_folder / "snapshots"]
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    first, second, last = done.stdout.splitlines()
    assert first.startswith("Task 0: sharpe=") and second.startswith("Task 1: sharpe=-")
    assert last == "0 UNREADABLE_SIGNAL"


def test_whole_results_come_back(root, signals):
    service = fractile.BacktestService.get("v1", root=root)
    options = {"byvar_list": ["overall", "year"], "analysis": ["ic"]}
    with make_pool(root, whole_results=True, **options) as pool:
        tasks = [pool.submit(frame) for frame in signals[:3]]
        bad = pool.submit(b"no signal")
        sharpes = {task: sharpe for task, _, sharpe, _, _ in pool.collect_all()}
    assert set(pool.results) == set(tasks)
    assert set(pool.errors) == {bad}
    for task, frame in zip(tasks, signals):
        want = service.run(frame, mincos=2, **options)
        assert pool.results[task].run_id == want.run_id
        assert sharpes[task] == want.sharpe
        for name in ("summary", "daily", "turnover", "ic"):
            assert getattr(pool.results[task], name).equals(getattr(want, name))


def test_calls_return_values_and_raise_exceptions():
    with ProcessesExecutor(2) as executor:
        assert {executor.submit(os.getpid).result() for _ in range(20)} <= set(executor.pids.values())
        assert executor.submit(divmod, 7, 2).result() == (3, 1)
        with pytest.raises(ZeroDivisionError):
            executor.submit(divmod, 7, 0).result()
        dying = executor.submit(os.kill, 0, signal.SIGKILL)  # its process group: itself alone
        assert executor.submit(divmod, 9, 2).result() == (4, 1)
        with pytest.raises(concurrent.futures.BrokenExecutor, match="SIGKILL"):
            dying.result()
        last = executor.submit(time.sleep, PATIENCE)
    with pytest.raises(concurrent.futures.BrokenExecutor, match="shut down"):
        last.result()

# Copyright The fractile authors. Licensed under the Apache License, Version 2.0.
"""Snapshots that are cut, replaced or removed while a service, threads or a server use them.

$FRACTILE_DAMAGE_TRIES: number of tries (default 6).
"""

from __future__ import annotations

import functools
import os
import pathlib
import random
import re
import shutil
import signal
import subprocess
import sys
import threading

import fractile
import pytest
from oracle.markets import make_panel, make_signal
from support import python_environment
from support.raw_http import exchange, request
from support.server_market import SEED, SLOWER, assert_refusal, json_body, make_rows, to_records
from support.server_process import eventually, serving

pytestmark = pytest.mark.alone

TRIES = int(os.environ.get("FRACTILE_DAMAGE_TRIES", "6"))
CONFIG = {"mincos": 2, "resid": "all", "weight": "value", "byvar_list": ["overall", "cap"]}


def data_files(snapshot: pathlib.Path) -> list[pathlib.Path]:
    return sorted(path for path in snapshot.rglob("*") if path.is_file() and path.name != "manifest.json")


def comparable(result: fractile.BacktestResult) -> str:
    body = result.to_dict()
    for name in ("elapsed_seconds", "timings", "snapshot", "run_id"):
        body.pop(name)
    return repr(body)


@pytest.fixture
def root(tmp_path) -> pathlib.Path:
    """Two equal snapshots, "cut" and "other"."""
    for name in ("cut", "other"):
        fractile.create_snapshot(name, make_panel(SEED), root=tmp_path / "root")
    return tmp_path / "root"


SCRIPT = """
import faulthandler, os, pathlib, sys
if sys.argv[2] == "before":
    faulthandler.enable()
import fractile
from oracle.markets import make_panel, make_signal
root = sys.argv[1]
rows = make_signal(make_panel(5), 5, messy=False)
cut, other = (fractile.BacktestService.get(name, root=root) for name in ("cut", "other"))
want = other.run(rows, mincos=2).daily
assert cut.run(rows, mincos=2).daily.equals(want)
if sys.argv[2] == "after":
    faulthandler.enable()
for path in sorted(pathlib.Path(root, "cut").rglob("*.*")):
    if path.suffix == ".json":
        continue
    whole = path.read_bytes()
    cut = fractile.BacktestService.get("cut", root=root, force_reload=True)
    os.truncate(path, 0)
    for options in ({}, {"resid": "all"}, {"byvar_list": ["overall", "cap", "country"]}):
        try:
            cut.run(rows, mincos=2, **options)
            raise AssertionError(f"expected an error, found an answer: {path}")
        except fractile.SnapshotError as error:
            assert error.code == "CORRUPT_SNAPSHOT", error
    assert other.run(rows, mincos=2).daily.equals(want)
    path.write_bytes(whole)
assert fractile.BacktestService.get("cut", root=root, force_reload=True).run(rows, mincos=2).daily.equals(want)
print("alive")
"""


@pytest.mark.parametrize("compact", [True, False])
def test_columns_in_memory_do_not_need_the_files(tmp_path, compact):
    root = tmp_path / "root"
    fractile.create_snapshot("both", make_panel(SEED), root=root, dtype="both")
    rows = make_rows()
    get = functools.partial(fractile.BacktestService.get, "both", root=root, compact=compact)
    mapped, copied = get(), get(use_mmap=False)
    assert copied is not mapped
    assert get(use_mmap=False) is copied
    want = comparable(mapped.run(rows, **CONFIG))
    assert comparable(get(preload=True).run(rows, **CONFIG)) == want
    kept = "f32" if compact else "f64"
    for path in data_files(root / "both"):
        if path.name == "index.bin" or path.suffix.endswith((kept, "i32")):
            os.truncate(path, 0)
    assert comparable(copied.run(rows, **CONFIG)) == want
    with pytest.raises(fractile.SnapshotError, match="CORRUPT_SNAPSHOT"):
        mapped.run(rows, **CONFIG)
    with pytest.raises(fractile.SnapshotError, match="CORRUPT_SNAPSHOT"):
        get(use_mmap=False, force_reload=True)


def resident_kb(path: pathlib.Path) -> int:
    """The resident memory of a file's mappings in this process."""
    total, is_of_file = 0, False
    for line in pathlib.Path("/proc/self/smaps").read_text().splitlines():
        if re.match(r"[0-9a-f]+-[0-9a-f]+ ", line):
            is_of_file = line.endswith(str(path))
        elif is_of_file and line.startswith("Rss:"):
            total += int(line.split()[1])
    return total


def test_preload_reads_the_pages_of_what_runs_read(tmp_path):
    root = tmp_path / "root"
    fractile.create_snapshot("both", make_panel(SEED), root=root, dtype="both")
    read = {}
    for preload in (False, True):
        service = fractile.BacktestService.get("both", root=root, preload=preload)
        read[preload] = {path.name: resident_kb(path) for path in data_files(root / "both") if path.name.startswith("mcap.")}
        service.close()
    assert read[False] == {"mcap.f32": 0, "mcap.f64": 0}
    assert read[True]["mcap.f32"] > 0
    assert read[True]["mcap.f64"] == 0


@pytest.mark.parametrize("faulthandler", ["none", "before", "after"])
def test_a_cut_file_ends_no_python_process(root, faulthandler):
    """With and without Python's own crash handler, installed before or after ours."""
    command = [sys.executable, "-c", SCRIPT, str(root), faulthandler]
    timeout = 120 * SLOWER
    done = subprocess.run(command, capture_output=True, text=True, timeout=timeout, check=False, env=python_environment())
    assert done.returncode == 0, done.stderr
    assert done.stdout == "alive\n"
    assert "Fatal Python error" not in done.stderr


def test_a_crash_elsewhere_still_shows_where(root, tmp_path):
    """A SIGBUS outside our mappings ends the process as without fractile, with Python's traceback."""
    script = """
import faulthandler, mmap, os, sys
faulthandler.enable()
import fractile
snapshot = fractile.open_snapshot("cut", sys.argv[1])
file = open(sys.argv[2], "wb+")
file.write(b"x" * 8192)
file.flush()
mapped = mmap.mmap(file.fileno(), 8192)
os.truncate(sys.argv[2], 0)
mapped[5000]
"""
    command = [sys.executable, "-c", script, str(root), str(tmp_path / "file")]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60 * SLOWER, check=False)
    assert done.returncode == -signal.SIGBUS
    assert done.stderr.count("Fatal Python error: Bus error") == 1


def test_threads_see_their_own_snapshot_only(root):
    """Some threads run on a snapshot that is cut meanwhile, others on its twin: each gets the right bits or the error."""
    rows = make_rows()
    want = comparable(fractile.BacktestService.get("other", root=root).run(rows, **CONFIG))
    files = data_files(root / "cut")
    rng = random.Random(1)
    for _ in range(TRIES):
        services = {name: fractile.BacktestService.get(name, root=root, force_reload=True) for name in ("cut", "other")}
        stop = threading.Event()
        wrong: list[object] = []
        count = {"cut": 0, "other": 0, "refused": 0}

        def work(name: str, services=services, stop=stop, wrong=wrong, count=count) -> None:
            while not stop.is_set():
                try:
                    if comparable(services[name].run(rows, **CONFIG)) != want:
                        wrong.append(name)
                    count[name] += 1
                except fractile.SnapshotError as error:
                    count["refused"] += 1
                    if name == "other" or error.code != "CORRUPT_SNAPSHOT":
                        wrong.append(error)

        threads = [threading.Thread(target=work, args=(name,)) for name in ("cut", "other", "cut")]
        for thread in threads:
            thread.start()
        assert eventually(lambda count=count: count["cut"] > 1 and count["other"] > 1)
        path = rng.choice(files)
        whole = path.read_bytes()
        os.truncate(path, rng.randrange(len(whole)))
        assert eventually(lambda count=count: count["refused"] > 1)
        others = count["other"]
        assert eventually(lambda count=count, others=others: count["other"] > others + 1)
        stop.set()
        for thread in threads:
            thread.join()
        path.write_bytes(whole)
        assert wrong == []


def test_a_service_keeps_the_bytes_that_it_opened(root, tmp_path):
    """The snapshot is removed, replaced by another one, appended to, renamed and replaced by an empty folder meanwhile."""
    rows = make_rows()
    other = make_panel(SEED + 1)
    service = fractile.BacktestService.get("cut", root=root)
    want = comparable(service.run(rows, **CONFIG))
    rng = random.Random(2)
    for number in range(TRIES):
        action = rng.choice(["replace", "append", "rename", "nothing there"])
        if not (root / "cut" / "manifest.json").exists():
            shutil.rmtree(root / "cut", ignore_errors=True)
            fractile.create_snapshot("cut", make_panel(SEED), root=root)
            service = fractile.BacktestService.get("cut", root=root, force_reload=True)
        stop = threading.Event()
        answers: list[str] = []

        def work(service=service, stop=stop, answers=answers) -> None:
            while not stop.is_set() or len(answers) < 3:
                answers.append(comparable(service.run(rows, **CONFIG)))

        thread = threading.Thread(target=work)
        thread.start()
        if action == "append":
            fractile.append_snapshot("cut", other, f"more-{number}", root=root)
        elif action == "rename":
            (root / "cut").rename(root / f"moved-{number}")
        else:
            fractile.remove_snapshot("cut", root)
            if action == "replace":
                fractile.create_snapshot("cut", other, root=root)
            else:
                (root / "cut").mkdir()
        stop.set()
        thread.join()
        assert set(answers) == {want}, action
        if action == "replace":
            # A new service gets the new snapshot; the old service is unchanged.
            fresh = fractile.BacktestService.get("cut", root=root, force_reload=True)
            assert comparable(fresh.run(make_signal(other, 1, messy=False), **CONFIG)) != want
            assert comparable(service.run(rows, **CONFIG)) == want
            fractile.remove_snapshot("cut", root)
    fractile.verify_snapshot("other", root)


def test_a_server_answers_with_the_error_and_lives(tmp_path):
    """The snapshot is cut while requests run: the answers are right, or 500 with the code; then another snapshot is loaded."""
    root = tmp_path / "root"
    panel, rows = make_panel(SEED), make_rows()
    body = json_body(to_records(rows), **CONFIG)
    fractile.create_snapshot("v0", panel, root=root)
    rng = random.Random(3)
    with serving(tmp_path / "server", root, {"server": {"workers": 2}}) as server:
        right = exchange(server.port, request(body=body)).json()
        for number in range(1, TRIES + 1):
            stop = threading.Event()
            seen: list[tuple[int, object]] = []

            def ask(stop=stop, seen=seen) -> None:
                while not stop.is_set():
                    answer = exchange(server.port, request(body=body))
                    if answer.status != 200:
                        assert_refusal(answer, (500,), str(root))
                        seen.append((500, answer.json()["error"]["code"]))
                    else:
                        seen.append((200, answer.json()["daily"] == right["daily"]))

            threads = [threading.Thread(target=ask) for _ in range(3)]
            for thread in threads:
                thread.start()
            assert eventually(lambda seen=seen: len(seen) > 4)
            path = rng.choice(data_files(root / f"v{number - 1}"))
            os.truncate(path, rng.randrange(path.stat().st_size))
            assert eventually(lambda seen=seen: (500, "CORRUPT_SNAPSHOT") in seen, 20)
            assert server.is_healthy()
            fractile.create_snapshot(f"v{number}", panel, root=root)
            # Both were made in the same second, so the name would decide which is the newest; the old one is removed.
            fractile.remove_snapshot(f"v{number - 1}", root)
            server.send_signal(signal.SIGHUP)
            assert eventually(lambda number=number: server.get("/health")["snapshot"] == f"v{number}", 20)
            before = len(seen)
            assert eventually(lambda seen=seen, before=before: len(seen) > before + 6, 20)
            stop.set()
            for thread in threads:
                thread.join()
            assert set(seen) <= {(200, True), (500, "CORRUPT_SNAPSHOT")}
            assert seen[-1] == (200, True)

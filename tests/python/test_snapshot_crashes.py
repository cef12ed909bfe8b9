# Copyright The fractile authors. Licensed under the Apache License, Version 2.0.
"""Crashes, loss of power, full and read-only disks while snapshots are made, appended to and removed.

After each fault the catalog opens, lists only whole snapshots, and each of them verifies. If a command reported success, its effect persists.

$FRACTILE_CRASH_POINTS: number of tested points per command and kind (default 8).
"""

from __future__ import annotations

import contextlib
import os
import pathlib
import random
import shutil
import signal
import subprocess
import tempfile
import time

import fractile
import pytest
from oracle.markets import make_panel
from support.disk_faults import FaultyDisk, build_library

pytestmark = pytest.mark.alone

POINTS = int(os.environ.get("FRACTILE_CRASH_POINTS", "8"))
COLUMNS = ["security_id", "date", "ret", "cap", "size", "country"]


@pytest.fixture(scope="module")
def library(tmp_path_factory) -> pathlib.Path:
    return build_library(tmp_path_factory.mktemp("faults"))


@pytest.fixture(scope="module")
def panels(tmp_path_factory) -> pathlib.Path:
    """base.csv and new.csv: days that come after it, and restated ones."""
    folder = tmp_path_factory.mktemp("panels")
    panel = make_panel(9, n_days=280, n_names=8)[COLUMNS]
    days = sorted(panel["date"].unique())
    panel[panel["date"] < days[-3]].to_csv(folder / "base.csv", index=False)
    restated = panel[panel["date"] == days[5]].assign(ret=0.5)
    panel[panel["date"] >= days[-3]].to_csv(folder / "new.csv", index=False)
    with open(folder / "new.csv", "a") as file:
        restated.to_csv(file, index=False, header=False)
    return folder


@pytest.fixture
def folder():
    """A folder in memory if possible: each test makes many snapshots, and would wait for the disk for each file."""
    path = pathlib.Path(tempfile.mkdtemp(dir="/dev/shm" if os.access("/dev/shm", os.W_OK) else None))
    yield path
    shutil.rmtree(path)


@pytest.fixture
def disk(library, folder, panels):
    """A simulated disk whose root has the snapshot "base"."""
    root = folder / "root"
    fractile.create_snapshot("base", panels / "base.csv", root=root)
    return FaultyDisk(library, root)


def arguments(executable: str, panels: pathlib.Path, root: pathlib.Path, command: str) -> list[str]:
    what = {
        "create": ["create", "new", "--panel", str(panels / "base.csv")],
        "append": ["append", "base", "--panel", str(panels / "new.csv"), "--as", "new"],
        "remove": ["remove", "new"],
    }
    return [executable, "snapshot", *what[command], "--root", str(root)]


def check_catalog(root: pathlib.Path) -> set[str]:
    """Opens and verifies all snapshots; returns their ids."""
    names = {path.name for path in root.iterdir() if not path.name.startswith(".")}
    listed = set(fractile.list_snapshots(root)["id"])
    assert names == listed
    for name in listed:
        fractile.verify_snapshot(name, root)
        fractile.open_snapshot(name, root)
    return listed


def clear(root: pathlib.Path, panels: pathlib.Path, keep: set[str]) -> None:
    """The next build removes the leftovers of dead builders; only whole snapshots remain."""
    fractile.create_snapshot("next", panels / "new.csv", root=root)
    for name in {path.name for path in root.iterdir() if not path.name.startswith(".")} - keep:
        fractile.remove_snapshot(name, root)
    assert {path.name for path in root.iterdir()} == keep


@pytest.mark.parametrize("kind", ["kill", "power"])
@pytest.mark.parametrize("command", ["create", "append", "remove"])
def test_an_end_at_any_call(executable, panels, disk, command, kind):
    """The process is killed, or the machine loses power, at random calls, including the first and the last."""
    root = disk.folder
    run = arguments(executable, panels, root, command)
    if command == "remove":
        fractile.append_snapshot("base", panels / "new.csv", "new", root=root)
    total = disk.count(run)
    assert total >= 10
    rng = random.Random(f"{command} {kind}")
    points = [1, total, total + 1] + [rng.randint(1, total) for _ in range(max(POINTS - 3, 0))]
    present = 0
    for seed, at in enumerate(points):
        if command == "remove":
            with contextlib.suppress(fractile.SnapshotError):
                fractile.append_snapshot("base", panels / "new.csv", "new", root=root)
        elif (root / "new").exists():
            fractile.remove_snapshot("new", root)
        done = disk.run(run, kind, at, seed)
        assert done.returncode == (-signal.SIGKILL if at <= total else 0), done.stderr
        listed = check_catalog(root)
        assert "base" in listed and listed <= {"base", "new"}
        if at > total:
            assert ("new" in listed) == (command != "remove"), "expected what the command said was done"
        present += "new" in listed
        clear(root, panels, {"base"} | (listed & {"new"} if command == "remove" else set()))
    assert 0 < present < len(points)


def test_power_lost_after_the_first_snapshot_of_a_new_folder(executable, panels, library, folder):
    """The folder of the snapshots and the folders above it are synced to disk too."""
    disk = FaultyDisk(library, folder / "root")
    for seed in range(6):
        disk.folder.mkdir()
        root = disk.folder / "deep" / "er"
        done = disk.run(arguments(executable, panels, root, "create"), "power", 10_000, seed)
        assert done.returncode == 0, done.stderr
        assert check_catalog(root) == {"new"}, seed
        shutil.rmtree(disk.folder)


@pytest.mark.parametrize("command", ["create", "append"])
def test_kill_9_at_any_time(executable, panels, disk, command):
    root = disk.folder
    run = arguments(executable, panels, root, command)
    began = time.monotonic()
    subprocess.run(run, check=True, capture_output=True)
    whole = time.monotonic() - began
    rng = random.Random(command)
    for _ in range(POINTS):
        if (root / "new").exists():
            fractile.remove_snapshot("new", root)
        process = subprocess.Popen(run, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        time.sleep(rng.uniform(0, whole))
        process.kill()
        process.wait()
        assert check_catalog(root) - {"new"} == {"base"}
    clear(root, panels, {"base"})


@pytest.mark.parametrize(
    ("kind", "calls", "stays", "words"),
    [
        ("ENOSPC", "open,write,mkdir,link", True, "No space left on device"),
        ("EROFS", "open,write,mkdir,link,rename,renameat2,unlink", True, "Read-only file system"),
        ("EIO", "fsync", False, "Input/output error"),
    ],
)
@pytest.mark.parametrize("command", ["create", "append"])
def test_a_disk_that_fails(executable, panels, disk, command, kind, calls, stays, words):
    """The disk fails at one call or from it on: the error says so, no partial snapshot is listed, leftovers are removed."""
    root = disk.folder
    run = arguments(executable, panels, root, command)
    total = disk.count(run, calls)
    fractile.remove_snapshot("new", root)
    rng = random.Random(f"{command} {kind}")
    for at in [1, total] + [rng.randint(1, total) for _ in range(max(POINTS - 2, 0))]:
        done = disk.run(run, kind, at, calls=calls, stays=stays)
        listed = check_catalog(root)
        if done.returncode == 0:
            # The command can succeed only if the failing calls were links, or removals of others' leftovers.
            assert listed == {"base", "new"}
            continue
        assert done.returncode == 1, done.stderr
        assert done.stderr.startswith("IO_FAILURE: expected to "), done.stderr
        assert words in done.stderr
        if kind != "EIO" or at < total:  # the last fsync is of the parent folder, which has the name already
            assert listed == {"base"}
        if kind != "EROFS":
            assert {path.name for path in root.iterdir()} == listed
        clear(root, panels, {"base"})


def in_a_small_file_system(folder: pathlib.Path, script: str) -> str:
    """Runs sh in its own mount namespace, in which $1 is a file system in memory; returns the output."""
    if shutil.which("unshare") is None:
        pytest.skip("expected unshare(1) to mount a small file system, found none")
    outer = ["unshare", "--mount", "--map-root-user", "sh", "-c", 'mount -t tmpfs -o size=4k probe "$1"', "sh", str(folder)]
    if subprocess.run(outer, capture_output=True, check=False).returncode != 0:
        pytest.skip("expected the right to mount a small file system, found none")
    command = ["unshare", "--mount", "--map-root-user", "sh", "-c", script, "sh", str(folder)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_a_full_file_system(executable, panels, folder):
    """A real file system of every size, from too small for any file to large enough."""
    script = f"""
        for size in 16 32 48 64 80 96 112 128 160 192 256 512 1024; do
            mount -t tmpfs -o size=${{size}}k full "$1" || exit 1
            if {executable} snapshot create a --panel {panels}/base.csv --root "$1" 2> "$1"/../error > /dev/null; then
                {executable} snapshot verify a --root "$1" || exit 2
                if ! {executable} snapshot append a --panel {panels}/new.csv --as b --root "$1" 2> "$1"/../error > /dev/null; then
                    grep -q "IO_FAILURE.*No space left on device" "$1"/../error || exit 3
                    [ "$(ls -A "$1")" = a ] || exit 4
                    {executable} snapshot verify a --root "$1" > /dev/null || exit 5
                    echo "$size append refused"
                fi
            else
                grep -q "IO_FAILURE.*No space left on device" "$1"/../error || exit 6
                [ -z "$(ls -A "$1")" ] || exit 7
                echo "$size create refused"
            fi
            umount "$1"
        done
    """
    target = folder / "small"
    target.mkdir()
    out = in_a_small_file_system(target, script)
    assert "create refused" in out
    assert "append refused" in out
    assert "1024" not in out


def test_a_read_only_file_system(executable, panels, folder):
    script = f"""
        mount -t tmpfs -o size=8m frozen "$1" || exit 1
        {executable} snapshot create a --panel {panels}/base.csv --root "$1" > /dev/null || exit 2
        mount -o remount,ro "$1" || exit 3
        {executable} snapshot verify a --root "$1" || exit 4
        for command in "create b --panel {panels}/base.csv" "append a --panel {panels}/new.csv --as b" "remove a"; do
            {executable} snapshot $command --root "$1" && exit 5
        done
        {executable} snapshot verify a --root "$1" || exit 6
    """
    target = folder / "frozen"
    target.mkdir()
    assert in_a_small_file_system(target, script).count("every hash fits") == 2


def test_a_folder_without_permission(executable, panels, folder):
    """Runs as another user if the tests run as root, whom permissions do not stop."""
    root = folder / "root"
    fractile.create_snapshot("base", panels / "base.csv", root=root)
    root.chmod(0o555)
    folder.chmod(0o755)
    other = {"user": 65534, "group": 65534, "extra_groups": []} if os.geteuid() == 0 else {}
    try:
        probe = subprocess.run([executable, "snapshot", "list", "--root", str(root)], capture_output=True, check=False, **other)
    except PermissionError:
        pytest.skip("expected an executable that other users may run, found that its folder is closed to them")
    assert probe.returncode == 0, probe.stderr
    shutil.copytree(panels, folder / "panels")
    (folder / "panels").chmod(0o755)
    for command in ("create", "append"):
        run = arguments(executable, folder / "panels", root, command)
        done = subprocess.run(run, capture_output=True, text=True, check=False, **other)
        assert done.returncode == 1
        assert "IO_FAILURE" in done.stderr and "Permission denied" in done.stderr, done.stderr
    assert check_catalog(root) == {"base"}
    root.chmod(0o755)


def test_a_limit_of_file_sizes(executable, panels, disk):
    """ulimit -f: the write fails with an error of fractile instead of a signal that ends the process."""
    root = disk.folder
    command = ["sh", "-c", 'ulimit -f 16; exec "$@"', "sh"]
    done = subprocess.run([*command, *arguments(executable, panels, root, "create")], capture_output=True, text=True, check=False)
    assert done.returncode == 1, (done.returncode, done.stderr)
    assert "IO_FAILURE" in done.stderr and "File too large" in done.stderr
    assert {path.name for path in root.iterdir()} == {"base"}


def test_a_file_system_without_links(executable, panels, disk):
    """Without links the files are copied; the content is the same."""
    root = disk.folder
    linked = fractile.append_snapshot("base", panels / "new.csv", "linked", root=root)
    for at in (1, 2):
        done = disk.run(arguments(executable, panels, root, "append"), "EMLINK", at, calls="link", stays=True)
        assert done.returncode == 0, done.stderr
        assert fractile.open_snapshot("new", root).content_hash == linked["content_hash"]
        assert check_catalog(root) == {"base", "linked", "new"}
        assert fractile.diff_snapshots("linked", "new", root)["is_equal"]
        fractile.remove_snapshot("new", root)
    assert linked["bytes_shared"] > 0


def test_a_file_system_whose_renames_know_no_flags(executable, panels, disk):
    root = disk.folder
    run = arguments(executable, panels, root, "create")
    done = disk.run(run, "EINVAL", 1, calls="renameat2", stays=True)
    assert done.returncode == 0, done.stderr
    assert check_catalog(root) == {"base", "new"}
    done = disk.run(run, "EINVAL", 1, calls="renameat2", stays=True)
    assert done.returncode == 1
    assert "SNAPSHOT_EXISTS" in done.stderr
    done = disk.run(arguments(executable, panels, root, "remove"), "EINVAL", 1, calls="renameat2", stays=True)
    assert done.returncode == 0, done.stderr
    assert check_catalog(root) == {"base"}


def test_of_rivals_for_one_id_one_wins(executable, panels, disk):
    """Creators and appenders at once, while others list and remove."""
    root = disk.folder
    runs = [arguments(executable, panels, root, command) for command in ("create", "append", "create", "append")]
    for _ in range(max(POINTS // 2, 2)):
        rivals = [subprocess.Popen(run, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True) for run in runs]
        while any(rival.poll() is None for rival in rivals):
            assert set(fractile.list_snapshots(root)["id"]) <= {"base", "new"}
        errors = [rival.communicate()[1] for rival in rivals]
        assert sorted(rival.returncode for rival in rivals) == [0, 1, 1, 1], errors
        assert sum("SNAPSHOT_EXISTS" in error for error in errors) == 3
        assert check_catalog(root) == {"base", "new"}
        assert {path.name for path in root.iterdir()} == {"base", "new"}
        fractile.remove_snapshot("new", root)

# Copyright The fractile authors. Licensed under the Apache License, Version 2.0.
"""Sweeps of small signals that tests compare with each other."""

from __future__ import annotations

import contextlib
import dataclasses
import pathlib
import sys
import time
import warnings
from typing import Any

import fractile
import psutil
from fractile.sweep.columns import TIMES
from fractile.sweep.plan import Plan
from oracle.markets import make_panel, make_signal

GRID = {"lag": [0, 1], "resid": ["off", "all"]}
SEED = 3


def make_folder(folder: pathlib.Path, n_signals: int) -> pathlib.Path:
    """A folder with snapshot "v1", and signals/: of a market, one unreadable, one on ids that the snapshot lacks."""
    panel = make_panel(SEED)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        fractile.create_snapshot("v1", panel, root=folder, dtype="both")
    signals = folder / "signals"
    signals.mkdir()
    for number in range(n_signals):
        make_signal(panel, number, messy=False).to_parquet(signals / f"s{number:04d}.parquet")
    (signals / "unreadable.parquet").write_bytes(b"no parquet")
    strange = make_signal(panel, n_signals, messy=False)
    strange.assign(security_id=strange["security_id"] + 10_000_000).to_parquet(signals / "unknown_ids.parquet")
    return folder


def run_sweep(folder: pathlib.Path, signals: Any = None, **arguments: Any) -> fractile.SweepResult:
    """A sweep of the folder's signals over GRID, in chunks much smaller than usual."""
    given = {"grid": GRID, "mincos": 2, "chunk_seconds": 0.05, "root": folder, "progress": False, **arguments}
    return fractile.sweep(str(folder / "signals") if signals is None else signals, **given)


def rows_of(result: fractile.SweepResult) -> dict[str, list[Any]]:
    """All columns that do not tell where and when a row was made, with reals as their bits."""
    columns = result.arrow.drop_columns(list(TIMES)).to_pydict()
    return {name: [value.hex() if isinstance(value, float) else value for value in values] for name, values in columns.items()}


def hide_root(value: Any) -> Any:
    """The value as workers with another file system see it: the root of a plan does not exist there."""
    if isinstance(value, Plan):
        return dataclasses.replace(value, service={**value.service, "root": "/nowhere"})
    return value


def damage(cache: pathlib.Path) -> tuple[pathlib.Path, bytes]:
    """Flips one bit in the largest data file of a cache of snapshots; the path, and what it holds now."""
    path = max(cache.glob("*/v1/segments/*/*"), key=lambda path: path.stat().st_size)
    data = bytearray(path.read_bytes())
    data[-2000] ^= 1
    path.write_bytes(data)
    return path, bytes(data)


def workers_below_this_process(*titles: str) -> list[psutil.Process]:
    """Descendants of this process, never those of another test, whose command lines begin with one of the titles."""
    found = []
    for process in psutil.Process().children(recursive=True):
        with contextlib.suppress(psutil.NoSuchProcess):
            if " ".join(process.cmdline()).startswith(titles):
                found.append(process)
    return found


_DRIVER = """
import sys, fractile
from fractile.sweep import store
store._PATIENCE_SECONDS = 0.05  # parts are written often, so kills meet them
signals, root, folder, executor = sys.argv[1:]
fractile.sweep(signals, {grid!r}, executor, folder, root=root, mincos=2, chunk_seconds=0.02, progress=False)
"""


def start_driver(folder: pathlib.Path, store: pathlib.Path, executor: str) -> psutil.Popen:
    """A process that sweeps the signals of `folder` into a store, to be killed."""
    script = _DRIVER.format(grid=GRID)
    return psutil.Popen(
        [sys.executable, "-W", "ignore", "-c", script, str(folder / "signals"), str(folder), str(store), executor]
    )


def wait_for_part(driver: psutil.Popen, store: pathlib.Path) -> None:
    """Until the driver has written one more part, or ended."""
    before = len(list(store.glob("part-*.parquet")))
    deadline = time.monotonic() + 60
    while driver.poll() is None and len(list(store.glob("part-*.parquet"))) == before and time.monotonic() < deadline:
        time.sleep(0.005)

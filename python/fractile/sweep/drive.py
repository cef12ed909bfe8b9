# Copyright The fractile authors. Licensed under the Apache License, Version 2.0.
"""`fractile.sweep`: checks its arguments and drives the sweep."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Mapping, Sequence
from typing import Any

from fractile import _core
from fractile.errors import SnapshotNotFoundError
from fractile.executors import Executor, open_executor
from fractile.executors.threads import ThreadsExecutor
from fractile.frames import split_options
from fractile.ledger import LocalLedger, ledger_file, resolve_study
from fractile.progress import open_bar
from fractile.result import TABLES
from fractile.service import _as_date, parse_error
from fractile.sweep.cells import make_cells
from fractile.sweep.columns import make_schema
from fractile.sweep.driver import Driver
from fractile.sweep.keys import Keys
from fractile.sweep.plan import Plan
from fractile.sweep.result import SweepResult
from fractile.sweep.rows import Rows
from fractile.sweep.signals import read_items

_SERVICE = ("snapshot", "start_date", "end_date", "compact", "root")
_KEEP: dict[str | None, tuple[str, ...]] = {None: (), "daily": ("daily",), "all": tuple(TABLES)}


def sweep(
    signals: Any,
    grid: Mapping[str, Sequence[Any]] | None = None,
    executor: Any = None,
    store: str | os.PathLike[str] | None = None,
    resume: bool = True,
    progress: bool = True,
    chunk_seconds: float = 1.0,
    on_error: str = "return",
    *,
    keep: str | None = None,
    sigvar: str = "signal",
    sigvars: Sequence[str] | None = None,
    study: str | None = None,
    **config: Any,
) -> SweepResult:
    """Runs many signals under every combination of a grid of options.

    Args:
        signals: A folder, a glob or a list of paths; a list or dict of signals; a generator of signals, or of pairs of name and
            signal; or one wide frame, relation, file or folder of Parquet files with `sigvars`. A generator is read only as
            fast as workers take it.
        grid: Lists of values by option, such as ``{"lag": [0, 1], "resid": ["off", "all"]}``.
        executor: What `fractile.executors.open_executor` takes; None is threads of this process.
        store: Folder of the rows, as Parquet; None keeps them in memory.
        resume: Skip rows that the store has; False refuses a store that has rows.
        progress: Show a bar on a terminal.
        chunk_seconds: Seconds of work that travel together, as measured while running.
        on_error: "return" makes an error row; "raise" raises the first error, after storing what is done.
        keep: "daily" stores the daily returns of every row too, "all" every table; None stores the rows alone.
        sigvar: Value column of the signals.
        sigvars: Value columns of a wide signal.
        study: Name under which the ledger counts every run as a trial, as in `BacktestService.run`. Workers write to
            $FRACTILE_LEDGER, else to the folder of the snapshots, as each of them sees it.
        **config: Options of every run; options of reading (null, map, date_format, ...) as `BacktestService.run` takes them, which
            hold for all signals; and snapshot, start_date, end_date, compact and root as in `BacktestService.get`.

    Raises:
        ConfigError: An option or the executor is unknown, every cell is refused, or the store does not fit.
        SnapshotError: The snapshot is missing or damaged, here or where a worker runs.
    """
    if on_error not in ("return", "raise"):
        raise parse_error("on_error", '"return" or "raise"', on_error)
    if keep not in _KEEP:
        raise parse_error("keep", 'None, "daily" or "all"', keep)
    if isinstance(chunk_seconds, bool) or not isinstance(chunk_seconds, (int, float)) or not 0 < chunk_seconds < 1e6:
        raise parse_error("chunk_seconds", "seconds above 0", chunk_seconds)
    service = {name: config.pop(name) for name in _SERVICE if name in config}
    counted = resolve_study(study)
    reading, options = split_options(config)
    cells = make_cells(grid, options)
    info = _find_snapshot(service)
    LocalLedger(ledger_file(service["root"])).open(counted)
    schema = make_schema(cells, info)
    with contextlib.ExitStack() as stack:
        rows = stack.enter_context(Rows(schema, store, resume, _KEEP[keep]))
        adapter = stack.enter_context(open_executor(executor))
        items, n_signals = read_items(
            signals, sigvar, sigvars, _is_remote(adapter), reading, isinstance(adapter, ThreadsExecutor)
        )
        plan = Plan(service, info["content_hash"], tuple(cells), adapter.threads_per_run, schema, _KEEP[keep], counted, reading)
        total = None if n_signals is None else n_signals * len(cells)
        rows.show = stack.enter_context(open_bar(total, "sweep", progress))
        driver = Driver(
            plan,
            adapter,
            rows.add,
            chunk_seconds,
            on_error == "raise",
            lambda: None if n_signals is None else n_signals - rows.n_read,
        )
        try:
            driver.drive(rows.missing(Keys(plan), items))
        finally:
            rows.flush()
    return rows.result(float(info.get("periods_per_year") or 252))


def _is_remote(executor: Executor) -> bool:
    """True if workers may be on other machines: the handle of a shared value is then another object."""
    probe = ("probe",)
    return executor.share(probe) is not probe


def _find_snapshot(service: dict[str, Any]) -> dict[str, Any]:
    """Completes the arguments, so that all workers open the same content; returns what the manifest says."""
    root = service.get("root")
    folder = _core.snapshot_root(None if root is None else os.fspath(root))
    name = service.get("snapshot") or _core.newest_snapshot(folder)
    service |= {"root": os.path.abspath(folder), "snapshot": name}
    service |= {key: _as_date(service.get(key)) for key in ("start_date", "end_date")}
    service.setdefault("compact", True)
    found = next((info for info in _core.list_snapshots(folder) if info["id"] == name), None)
    if found is None:
        raise SnapshotNotFoundError(
            f'SNAPSHOT_NOT_FOUND: expected snapshot "{name}", found none at "{folder}". Check its id and root.',
            "SNAPSHOT_NOT_FOUND",
        )
    return dict(found)

# Copyright The fractile authors. Licensed under the Apache License, Version 2.0.
"""Drives a sweep: cuts signals into chunks, submits them, retries what died, and stores the rows."""

from __future__ import annotations

import collections
import concurrent.futures
import contextlib
import dataclasses
import os
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from fractile import _core
from fractile.errors import ConfigError, FractileError, SnapshotNotFoundError, make_error
from fractile.executors import Executor, open_executor
from fractile.ledger import LocalLedger, ledger_file, resolve_study
from fractile.progress import open_bar
from fractile.service import _as_date, parse_error
from fractile.sweep.cells import make_cells
from fractile.sweep.chunks import Plan, Task, describe, run_chunk
from fractile.sweep.columns import make_schema, make_table
from fractile.sweep.result import SweepResult
from fractile.sweep.signals import Item, read_items
from fractile.sweep.store import Store, contains

_IN_FLIGHT_PER_WORKER = 4
_MOST_TRIES = 3
_LARGEST_CHUNK = 4096  # signals
_SERVICE = ("snapshot", "start_date", "end_date", "compact", "root")


@dataclasses.dataclass
class Chunk:
    """Tasks that travel together, and how often a worker failed at them alone."""

    tasks: list[Task]
    failures: int = 0


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
    sigvar: str = "signal",
    sigvars: Sequence[str] | None = None,
    study: str | None = None,
    **config: Any,
) -> SweepResult:
    """Runs many signals under every combination of a grid of options.

    Args:
        signals: A folder, a glob or a list of paths; a list or dict of signals; a generator of signals, or of pairs of name and
            signal; or one wide file, frame or relation with `sigvars`. A generator is read only as fast as workers take it.
        grid: Lists of values by option, such as ``{"lag": [0, 1], "resid": ["off", "all"]}``.
        executor: What `fractile.executors.open_executor` takes; None is threads of this process.
        store: Folder of the rows, as Parquet; None keeps them in memory.
        resume: Skip rows that the store has; False refuses a store that has rows.
        progress: Show a bar on a terminal.
        chunk_seconds: Seconds of work that travel together, as measured while running.
        on_error: "return" makes an error row; "raise" raises the first error, after storing what is done.
        sigvar: Value column of the signals.
        sigvars: Value columns of a wide signal.
        study: Name under which the ledger counts every run as a trial, as in `BacktestService.run`. Workers write to
            $FRACTILE_LEDGER, else to the folder of the snapshots, as each of them sees it.
        **config: Options of every run, and snapshot, start_date, end_date, compact and root as in `BacktestService.get`.

    Raises:
        ConfigError: An option or the executor is unknown, every cell is refused, or the store does not fit.
        SnapshotError: The snapshot is missing or damaged, here or where a worker runs.
    """
    if on_error not in ("return", "raise"):
        raise parse_error("on_error", '"return" or "raise"', on_error)
    if isinstance(chunk_seconds, bool) or not isinstance(chunk_seconds, (int, float)) or not 0 < chunk_seconds < 1e6:
        raise parse_error("chunk_seconds", "seconds above 0", chunk_seconds)
    service = {name: config.pop(name) for name in _SERVICE if name in config}
    counted = resolve_study(study)
    cells = make_cells(grid, config)
    info = _find_snapshot(service)
    LocalLedger(ledger_file(service["root"])).open(counted)
    items, n_signals = read_items(signals, sigvar, sigvars)
    schema = make_schema(cells, info)
    total = None if n_signals is None else n_signals * len(cells)
    with contextlib.ExitStack() as stack:
        target = _Rows(schema, store, resume, stack)
        adapter = stack.enter_context(open_executor(executor))
        plan = Plan(service, info["content_hash"], tuple(cells), adapter.threads_per_run, counted)
        show = stack.enter_context(open_bar(total, "sweep", progress))
        driver = _Driver(plan, adapter, target, chunk_seconds, on_error == "raise", show)
        try:
            driver.drive(target.missing(plan, items))
        finally:
            target.flush()
    return target.result()


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


class _Rows:
    """Rows on their way to a store, or to memory without one."""

    def __init__(self, schema: Any, folder: Any, resume: bool, stack: contextlib.ExitStack) -> None:
        self.schema = schema
        self._tables: list[Any] = []
        self._keys = bytearray()
        self._store = None if folder is None else Store(folder, schema)
        self._known = np.empty(0, "S32")
        self._computed = self._resumed = 0
        if self._store is not None:
            stack.enter_context(self._store.lock())
            self._known = self._store.keys()
            if not resume and len(self._known):
                raise ConfigError(
                    f'REFUSED_COMBINATION: expected an empty store with resume=False, found {len(self._known)} rows at "{folder}". '
                    "Remove the folder, or pass another.",
                    "REFUSED_COMBINATION",
                )

    @property
    def resumed(self) -> int:
        return self._resumed

    def missing(self, plan: Plan, items: Iterator[Item]) -> Iterator[Task]:
        """Tasks of the cells that the store lacks."""
        for item in items:
            keys = np.array([plan.key(item, cell) for cell in plan.cells], "S32")
            self._keys += keys.tobytes()
            lacking = np.flatnonzero(~contains(self._known, keys))
            self._resumed += len(keys) - len(lacking)
            if len(lacking):
                yield Task(item, tuple(int(number) for number in lacking))

    def add(self, rows: list[dict[str, Any]]) -> None:
        table = make_table(rows, self.schema)
        self._computed += len(rows)
        if self._store is not None:
            self._store.add(table)
        else:
            self._tables.append(table)

    def flush(self) -> None:
        if self._store is not None:
            self._store.flush()

    def result(self) -> SweepResult:
        import pyarrow as pa

        keys = np.unique(np.frombuffer(bytes(self._keys), "S32"))
        rows = self._store or pa.concat_tables(self._tables or [self.schema.empty_table()])
        return SweepResult(rows, keys, self._computed, self._resumed)


class _Driver:
    """The loop. A chunk whose worker dies is tried again alone, so that no other chunk is blamed for the death."""

    def __init__(self, plan: Plan, executor: Executor, rows: _Rows, chunk_seconds: float, is_strict: bool, show: Any) -> None:
        self._plan = plan
        self._executor = executor
        self._shared = executor.share(plan)
        self._rows = rows
        self._chunk_seconds = chunk_seconds
        self._is_strict = is_strict
        self._show = show
        self._running: dict[concurrent.futures.Future[Any], Chunk] = {}
        self._suspects: collections.deque[Chunk] = collections.deque()
        self._seconds_per_cell = 0.0
        self._done = 0

    def drive(self, tasks: Iterator[Task]) -> None:
        """Runs all tasks. Cancels what did not start when it raises."""
        try:
            is_open = True
            while is_open or self._running or self._suspects:
                while is_open and not self._suspects and len(self._running) < _IN_FLIGHT_PER_WORKER * self._executor.workers:
                    chunk = self._cut(tasks)
                    is_open = chunk is not None
                    if chunk is not None:
                        self._submit(chunk)
                if self._suspects and not self._running:
                    self._submit(self._suspects.popleft())
                self._collect()
        finally:
            for future in self._running:
                future.cancel()

    def _cut(self, tasks: Iterator[Task]) -> Chunk | None:
        """The next tasks of about chunk_seconds; one signal while nothing was measured."""
        cut: list[Task] = []
        cells = 0
        for task in tasks:
            cut.append(task)
            cells += len(task.cells)
            seconds = self._seconds_per_cell * (cells + len(task.cells))
            if not self._seconds_per_cell or seconds > self._chunk_seconds or len(cut) == _LARGEST_CHUNK:
                break
        return Chunk(cut) if cut else None

    def _submit(self, chunk: Chunk) -> None:
        self._running[self._executor.submit(run_chunk, self._shared, chunk.tasks)] = chunk

    def _collect(self) -> None:
        if not self._running:
            return
        done, _ = concurrent.futures.wait(self._running, return_when=concurrent.futures.FIRST_COMPLETED)
        for future in done:
            chunk = self._running.pop(future)
            try:
                rows = future.result()
            except FractileError:
                raise  # the snapshot of a worker: no signal is at fault
            except (Exception, concurrent.futures.CancelledError) as error:
                self._suspect(chunk, error)
            else:
                self._accept(rows)

    def _accept(self, rows: list[dict[str, Any]]) -> None:
        self._rows.add(rows)
        self._done += len(rows)
        self._show(self._done + self._rows.resumed)
        measured = sum(row["seconds"] for row in rows) / len(rows)
        self._seconds_per_cell = measured if not self._seconds_per_cell else 0.7 * self._seconds_per_cell + 0.3 * measured
        failed = next((row for row in rows if row.get("error")), None) if self._is_strict else None
        if failed is not None:
            raise make_error(failed["error"], failed["message"])

    def _suspect(self, chunk: Chunk, error: BaseException) -> None:
        """Counts failures of a chunk that ran alone; splits it, until one signal alone is at fault."""
        chunk.failures += 1
        if chunk.failures <= _MOST_TRIES:
            self._suspects.append(chunk)
        elif len(chunk.tasks) > 1:
            half = len(chunk.tasks) // 2
            self._suspects += [Chunk(chunk.tasks[:half], 1), Chunk(chunk.tasks[half:], 1)]
        else:
            self._accept(self._blame(chunk.tasks[0], error))

    def _blame(self, task: Task, error: BaseException) -> list[dict[str, Any]]:
        fault = FractileError(
            f"WORKER_DIED: expected a worker to survive the signal, found {type(error).__name__} {_MOST_TRIES} times. "
            "Run the signal alone to see why.",
            "WORKER_DIED",
        )
        return [
            {**describe(self._plan, task.item, self._plan.cells[number], fault), "seconds": 0.0, "worker": None}
            for number in task.cells
        ]

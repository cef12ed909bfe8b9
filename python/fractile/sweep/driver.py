# Copyright The fractile authors. Licensed under the Apache License, Version 2.0.
"""The loop of a sweep: cuts signals into chunks, submits them, retries those that died, and stores the rows."""

from __future__ import annotations

import collections
import concurrent.futures
import dataclasses
from collections.abc import Callable, Iterator
from typing import Any

from fractile import _core
from fractile.errors import FractileError, SnapshotNotFoundError, make_error
from fractile.executors import Executor
from fractile.sweep.chunks import Outcome, describe, pack, run_chunk
from fractile.sweep.plan import Plan, Task
from fractile.sweep.shipping import SnapshotMissing, pack_snapshot

_IN_FLIGHT_PER_WORKER = 4
_TRIES = 3
_LARGEST_CHUNK = 4096  # signals
_SHORTEST_CHUNK_SECONDS = 0.02  # a call of every executor costs a small part of it
_LARGEST_BYTES = 256 << 20  # of signals in one chunk
_SHIPMENTS = 4  # of one snapshot, should nodes with its files be lost


@dataclasses.dataclass
class Chunk:
    """Tasks that travel together.

    Attributes:
        failures: How often a worker failed at them.
        plan: The plan that they were submitted with.
    """

    tasks: list[Task]
    failures: int = 0
    plan: Plan | None = None


class Driver:
    """A chunk whose worker dies is tried again alone, so that no other chunk is blamed for the death."""

    def __init__(
        self,
        plan: Plan,
        executor: Executor,
        accept: Callable[[Outcome], None],
        chunk_seconds: float,
        is_strict: bool,
        count_left: Callable[[], int | None] = lambda: None,
    ) -> None:
        """Shares the plan with the workers.

        Args:
            plan: Of the sweep.
            executor: Of its chunks.
            accept: Takes the rows of a finished chunk.
            chunk_seconds: Seconds of work that travel together.
            is_strict: Raise the error of the first error row.
            count_left: Number of signals that are still to be read; None if only the end will tell.
        """
        self._plan = plan
        self._executor = executor
        self._shared = executor.share(plan)
        self._accept_rows = accept
        self._chunk_seconds = chunk_seconds
        self._is_strict = is_strict
        self._count_left = count_left
        self._running: dict[concurrent.futures.Future[Any], Chunk] = {}
        self._suspects: collections.deque[Chunk] = collections.deque()
        self._seconds_per_cell = 0.0
        self._shipments = 0

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
                    self._collect(0.0)
                if self._suspects and not self._running:
                    self._submit(self._suspects.popleft())
                self._collect(None)
        finally:
            for future in self._running:
                future.cancel()

    def _cut(self, tasks: Iterator[Task]) -> Chunk | None:
        """The next tasks of about chunk_seconds, of less near the end; one signal while nothing was measured."""
        longest = self._find_longest()
        cut: list[Task] = []
        cells = n_bytes = 0
        for task in tasks:
            cut.append(task)
            cells += len(task.cells)
            n_bytes += 0 if isinstance(task.item.source, (str, _core.Signal)) else len(task.item.source)
            seconds = self._seconds_per_cell * (cells + len(task.cells))
            is_full = len(cut) == _LARGEST_CHUNK or n_bytes > _LARGEST_BYTES
            if is_full or not self._seconds_per_cell or seconds > longest:
                break
        return Chunk(cut) if cut else None

    def _find_longest(self) -> float:
        """Seconds of the next chunk: half of a worker's share of what is left, or less, so that all workers end at the same time."""
        left = self._count_left()
        if left is None:
            return self._chunk_seconds
        share = left * len(self._plan.cells) * self._seconds_per_cell / self._executor.workers
        return min(self._chunk_seconds, max(share / 2, _SHORTEST_CHUNK_SECONDS))

    def _submit(self, chunk: Chunk) -> None:
        chunk.plan = self._plan
        self._running[self._executor.submit(run_chunk, self._shared, chunk.tasks)] = chunk

    def _collect(self, timeout: float | None) -> None:
        if not self._running:
            return
        done, _ = concurrent.futures.wait(self._running, timeout, concurrent.futures.FIRST_COMPLETED)
        for future in done:
            chunk = self._running.pop(future)
            try:
                outcome = future.result()
            except SnapshotMissing:
                self._ship(chunk)
            except FractileError:
                raise  # the snapshot of a worker: no signal is at fault
            except (Exception, concurrent.futures.CancelledError) as error:
                self._suspect(chunk, error)
            else:
                self._accept(outcome)

    def _accept(self, outcome: Outcome) -> None:
        self._accept_rows(outcome)
        measured = outcome.seconds / outcome.rows.num_rows
        self._seconds_per_cell = measured if not self._seconds_per_cell else 0.7 * self._seconds_per_cell + 0.3 * measured
        if self._is_strict and outcome.rows.column("error").null_count < outcome.rows.num_rows:
            codes = outcome.rows.column("error").to_pylist()
            row = next(number for number, code in enumerate(codes) if code is not None)
            raise make_error(codes[row], outcome.rows.column("message")[row].as_py())

    def _ship(self, chunk: Chunk) -> None:
        """Shares the snapshot's files with all workers, unless another chunk had it done, and submits the chunk again."""
        if chunk.plan is self._plan:
            self._shipments += 1
            if self._shipments > _SHIPMENTS:
                raise SnapshotNotFoundError(
                    f'SNAPSHOT_NOT_FOUND: expected workers to receive snapshot "{self._plan.service["snapshot"]}" with content '
                    f"{self._plan.content_hash}, found that {_SHIPMENTS} shipments failed. Run verify on the snapshot, "
                    "or copy it to the workers' machines.",
                    "SNAPSHOT_NOT_FOUND",
                )
            self._plan = dataclasses.replace(self._plan, parcel=pack_snapshot(self._plan, self._executor))
            self._shared = self._executor.share(self._plan)
        self._submit(chunk)

    def _suspect(self, chunk: Chunk, error: BaseException) -> None:
        """Tries a chunk again; then halves it, until one signal alone is at fault."""
        chunk.failures += 1
        if chunk.failures < _TRIES:
            self._suspects.append(chunk)
        elif len(chunk.tasks) > 1:
            middle = len(chunk.tasks) // 2
            # A half that fails is halved at once; a single signal has all its tries, for workers die of other causes too.
            for half in (chunk.tasks[:middle], chunk.tasks[middle:]):
                self._suspects.append(Chunk(half, _TRIES - 1 if len(half) > 1 else 0))
        else:
            self._accept(self._blame(chunk.tasks[0], error))

    def _blame(self, task: Task, error: BaseException) -> Outcome:
        fault = FractileError(
            f"WORKER_DIED: expected a worker to survive the signal, found {type(error).__name__} {_TRIES} times. "
            "Run the signal alone to see why.",
            "WORKER_DIED",
        )
        rows = describe(self._plan, task, dict.fromkeys(task.cells, fault))
        return pack(self._plan, [{**row, "seconds": 0.0, "worker": None} for row in rows], {}, 0.0)

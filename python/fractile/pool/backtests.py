# Copyright The fractile authors. Licensed under the Apache License, Version 2.0.
"""The pool of backtests: signals in, Sharpe ratios or whole results out."""

from __future__ import annotations

import os
import pickle
import warnings
import weakref
from collections.abc import Iterator, Sequence
from typing import Any

import pandas as pd

from fractile import _core
from fractile.errors import FractileError, SignalError
from fractile.frames import DATE_COLUMNS, is_bytes, read_signal, view_bytes
from fractile.ledger import resolve_study
from fractile.pool.dispatch import Answer, Dispatcher
from fractile.progress import track
from fractile.result import BacktestResult
from fractile.run_options import parse_config, to_plain
from fractile.service import _as_date, parse_error

Result = tuple[int, int, float, float, float]
_WAITING_PER_WORKER = 4


def serialize_signal_arrow(signal: Any, sigvars: Sequence[str] | None = None) -> bytes:
    """A signal as the bytes of an Arrow IPC stream; dates without hours become date32.

    Args:
        signal: Any form of a signal that `BacktestService.run` takes.
        sigvars: Value columns; None takes every column of numbers of a DataFrame, "signal" of other forms.

    Raises:
        SignalError: A column is missing, or of a type that cannot be read.
    """
    if sigvars is None:
        sigvars = _number_columns(signal) if isinstance(signal, pd.DataFrame) else ()
    return _core.signal_to_bytes(read_signal(signal, sigvars or ["signal"]))


def _number_columns(frame: pd.DataFrame) -> list[str]:
    keys = ("security_id", *DATE_COLUMNS)
    numbers = [pd.api.types.is_numeric_dtype(t) and not pd.api.types.is_bool_dtype(t) for t in frame.dtypes]
    return [name for name, is_number in zip(frame.columns, numbers, strict=True) if is_number and name not in keys]


class BacktestWorkerPool:
    """Runs signals in several processes.

    Start it with `start` or a `with` block; `submit` signals, `collect_all` results, `shutdown` at the end.
    A worker that dies is replaced and its task tried once more. Safe to call from many threads.

    Attributes:
        errors: Exceptions by task_id, of the tasks whose sharpe is NaN because they failed.
        results: Results by task_id of all tasks that were collected, with `whole_results=True`; else empty.
    """

    def __init__(
        self,
        n_workers: int,
        use_arrow: bool = True,
        snapshot: str | None = None,
        start_date: Any = None,
        end_date: Any = None,
        *,
        root: str | os.PathLike[str] | None = None,
        compact: bool = True,
        sigvar: str = "signal",
        study: str | None = None,
        whole_results: bool = False,
        **run_config: Any,
    ) -> None:
        """Checks all arguments; no process is started yet.

        Args:
            n_workers: Processes.
            use_arrow: True takes signals as Arrow bytes, DataFrames or paths; False takes paths only.
            snapshot: Id; None is the newest when the pool starts.
            start_date: First return day, inclusive; None is the first of the snapshot.
            end_date: Last return day, inclusive.
            root: Folder of the snapshots; default $FRACTILE_SNAPSHOTS, else ./snapshots.
            compact: Read float32 where it is stored; False needs float64.
            sigvar: Name of the value column.
            study: Name under which the ledger counts every task as a trial; None is that of the `fractile.study` block around this
                call, else $FRACTILE_STUDY.
            whole_results: Bring every result, with all its tables, to `results`.
            **run_config: Options of every run, as `BacktestService.run` has them. Without `threads`, workers
                share the machine's processors evenly.

        Raises:
            ConfigError: An unknown option or value.
        """
        if isinstance(n_workers, bool) or not isinstance(n_workers, int) or n_workers < 1:
            raise parse_error("n_workers", "a whole number of at least 1", n_workers)
        run_config.setdefault("threads", max(1, _core.default_threads() // n_workers))
        parse_config(run_config)
        self.errors: dict[int, FractileError] = {}
        self.results: dict[int, BacktestResult] = {}
        self._whole_results = whole_results
        self._n_workers = n_workers
        self._use_arrow = use_arrow
        self._run = to_plain({"sigvar": sigvar, "study": resolve_study(study), **run_config})
        self._service: dict[str, Any] = {"snapshot": snapshot, "start_date": _as_date(start_date), "end_date": _as_date(end_date)}
        self._service |= {"compact": compact, "root": None if root is None else os.fspath(root)}
        self._dispatcher: Dispatcher | None = None

    def start(self, sequential: bool = True) -> BacktestWorkerPool:
        """Starts the workers and waits until each has mapped the snapshot. A started pool is left as it is.

        Args:
            sequential: One worker after the other; False starts all at once.

        Raises:
            SnapshotError: The snapshot is missing, damaged, or has no day in the range.
        """
        if self._dispatcher is not None:
            return self
        service = dict(self._service)
        # All workers, later ones too, must map the same snapshot.
        if service["snapshot"] is None:
            service["snapshot"] = _core.newest_snapshot(_core.snapshot_root(service["root"]))
        if service["root"] is not None or os.environ.get("FRACTILE_SNAPSHOTS"):
            service["root"] = os.path.abspath(_core.snapshot_root(service["root"]))
        self._dispatcher = Dispatcher(
            self._n_workers,
            {"service": service, "run": self._run, "whole_results": self._whole_results},
            _WAITING_PER_WORKER * self._n_workers,
            sequential,
        )
        self._finalizer = weakref.finalize(self, self._dispatcher.close)
        try:
            self._dispatcher.start()
        except BaseException:
            self.shutdown()
            raise
        return self

    def submit(self, signal: Any) -> int:
        """Queues a signal and returns its task_id, counting from 0.

        Waits while 4 signals a worker are in the queue, or a signal is there and 256 MB with this one.

        Args:
            signal: Arrow IPC bytes (in any buffer), a path to a .csv, .parquet or .arrow file, or a DataFrame or any
                other form that `serialize_signal_arrow` takes.
        """
        dispatcher = self._require_started()
        if isinstance(signal, (str, os.PathLike)):
            return dispatcher.submit({"path": os.path.abspath(os.fspath(signal))}, None)
        if not self._use_arrow:
            raise SignalError(
                f"COLUMN_TYPE: expected a path, because the pool was made with use_arrow=False, found {type(signal).__name__}. "
                "Pass a path, or make the pool with use_arrow=True.",
                "COLUMN_TYPE",
            )
        if not is_bytes(signal):
            signal = serialize_signal_arrow(signal, [self._run["sigvar"]])
        return dispatcher.submit({}, view_bytes(signal))

    def collect_one(self, timeout: float | None = None) -> Result:
        """The next result in order of finishing: (task_id, worker_id, sharpe, elapsed, mem_delta).

        elapsed is in seconds, of the worker. mem_delta is in MB (10^6 bytes): how much the worker's share of memory
        (its proportional set size: a page of the snapshot that n processes have touched counts as one nth) grew
        since the worker last looked: after this task or, so that looking takes at most a fiftieth of the time, some
        tasks before; then 0.

        Raises:
            TimeoutError: No result within `timeout` seconds. The task goes on.
            FractileError: Nothing is pending.
        """
        return self._deliver(self._require_started().take_one(timeout))

    def collect_all(self, progress: bool = False) -> list[Result]:
        """All results not collected yet, ordered by task_id; waits for those that are still computed.

        Args:
            progress: Show a bar on a terminal.
        """
        dispatcher = self._require_started()
        total = dispatcher.pending
        for _ in track(_arrivals(dispatcher, total), total, "pool", progress):
            pass
        answers = sorted(dispatcher.take_all(), key=lambda answer: answer.task_id)
        return [self._deliver(answer) for answer in answers]

    def shutdown(self) -> None:
        """Ends the workers at once, and drops tasks that have no result. May be called again."""
        if self._dispatcher is not None:
            self._finalizer()

    @property
    def worker_pids(self) -> dict[int, int]:
        """Process ids by worker_id."""
        return self._dispatcher.pids if self._dispatcher else {}

    @property
    def running(self) -> dict[int, int]:
        """worker_id by task_id, of the tasks that are computed now."""
        return self._dispatcher.running if self._dispatcher else {}

    def _deliver(self, answer: Answer) -> Result:
        if answer.error is not None:
            self.errors[answer.task_id] = answer.error
        if answer.payload is not None:
            self.results[answer.task_id] = pickle.loads(answer.payload)
        for text in answer.warnings:
            warnings.warn(text, stacklevel=3)
        return answer.task_id, answer.worker_id, answer.sharpe, answer.elapsed, answer.mem_delta

    def _require_started(self) -> Dispatcher:
        if self._dispatcher is None:
            raise FractileError(
                "POOL_CLOSED: expected a started pool, found one that was not. Call start(), or use a with block.", "POOL_CLOSED"
            )
        return self._dispatcher

    def __enter__(self) -> BacktestWorkerPool:
        return self.start()

    def __exit__(self, *exception: object) -> None:
        self.shutdown()

    def __repr__(self) -> str:
        return f"BacktestWorkerPool(n_workers={self._n_workers}, snapshot={self._service['snapshot']!r})"


def _arrivals(dispatcher: Dispatcher, total: int) -> Iterator[int]:
    """Yields once a result, as they come."""
    for number in range(1, total + 1):
        dispatcher.wait_for(number)
        yield number

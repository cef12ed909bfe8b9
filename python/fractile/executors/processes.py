# Copyright The fractile authors. Licensed under the Apache License, Version 2.0.
"""The processes of `fractile.pool`: they need no main guard, and one that dies is replaced without the others."""

from __future__ import annotations

import concurrent.futures
import pickle
from collections.abc import Callable
from typing import Any

from fractile import _core
from fractile.pool.dispatch import Dispatcher

_WAITING_PER_WORKER = 8


class ProcessesExecutor:
    """One process per processor; all map the same snapshot, so its pages are in memory once.

    Functions and arguments travel as pickles, so a function has to be importable where a worker runs.
    """

    threads_per_run = 1

    def __init__(self, workers: int | None = None) -> None:
        """Starts the processes; None is one per processor."""
        self.workers = workers or _core.default_threads()
        # A dead worker fails its call at once: a sweep has its own retries.
        self._dispatcher = Dispatcher(self.workers, {}, _WAITING_PER_WORKER * self.workers, tries=1)
        self._dispatcher.start()

    @property
    def pids(self) -> dict[int, int]:
        """Process ids by worker."""
        return self._dispatcher.pids

    def submit(self, function: Callable[..., Any], /, *arguments: Any) -> concurrent.futures.Future[Any]:
        """Starts a call. Its future raises the call's exception, or BrokenExecutor if the worker dies."""
        call = memoryview(pickle.dumps((function, arguments), pickle.HIGHEST_PROTOCOL))
        future: concurrent.futures.Future[Any] = concurrent.futures.Future()
        self._dispatcher.submit({}, call, future)
        return future

    def share(self, value: Any) -> Any:
        """The value, which travels with each call."""
        return value

    def __enter__(self) -> ProcessesExecutor:
        return self

    def __exit__(self, *exception: object) -> None:
        self._dispatcher.close()

# Copyright The fractile authors. Licensed under the Apache License, Version 2.0.
"""Processes of this machine, which the standard library starts and this adapter replaces when one dies."""

from __future__ import annotations

import concurrent.futures
import multiprocessing
from collections.abc import Callable
from typing import Any

from fractile import _core


class ProcessesExecutor:
    """One process per processor; all map the same snapshot, so its pages are in memory once.

    Processes are spawned, not forked: a fork copies the locks of running threads. A script therefore needs
    ``if __name__ == "__main__":`` around its sweep.
    """

    threads_per_run = 1

    def __init__(self, workers: int | None = None) -> None:
        """Takes the number of processes; None is one per processor."""
        self.workers = workers or _core.default_threads()
        self._pool = self._start()

    def _start(self) -> concurrent.futures.ProcessPoolExecutor:
        return concurrent.futures.ProcessPoolExecutor(self.workers, multiprocessing.get_context("spawn"))

    def submit(self, function: Callable[..., Any], /, *arguments: Any) -> concurrent.futures.Future[Any]:
        """Starts a call. A dead process ends the whole pool of the standard library; the next call then starts a new one."""
        try:
            return self._pool.submit(function, *arguments)
        except concurrent.futures.BrokenExecutor:
            self._pool.shutdown(wait=False)
            self._pool = self._start()
            return self._pool.submit(function, *arguments)

    def share(self, value: Any) -> Any:
        """The value, which travels with each call."""
        return value

    def __enter__(self) -> ProcessesExecutor:
        return self

    def __exit__(self, *exception: object) -> None:
        self._pool.shutdown(cancel_futures=True)

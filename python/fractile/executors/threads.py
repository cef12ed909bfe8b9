# Copyright The fractile authors. Licensed under the Apache License, Version 2.0.
"""Threads of this process. The engine runs without the interpreter's lock, so they run side by side."""

from __future__ import annotations

import concurrent.futures
from collections.abc import Callable
from typing import Any

from fractile import _core


class ThreadsExecutor:
    """One thread per processor; all share one open snapshot."""

    threads_per_run = 1

    def __init__(self, workers: int | None = None) -> None:
        """Takes the number of threads; None is one per processor."""
        self.workers = workers or _core.default_threads()
        self._pool = concurrent.futures.ThreadPoolExecutor(self.workers, "sweep")

    def submit(self, function: Callable[..., Any], /, *arguments: Any) -> concurrent.futures.Future[Any]:
        """Starts a call in a thread."""
        return self._pool.submit(function, *arguments)

    def share(self, value: Any) -> Any:
        """The value: threads see the same memory."""
        return value

    def __enter__(self) -> ThreadsExecutor:
        return self

    def __exit__(self, *exception: object) -> None:
        self._pool.shutdown(cancel_futures=True)

# Copyright The fractile authors. Licensed under the Apache License, Version 2.0.
"""Any executor of concurrent.futures that a user holds."""

from __future__ import annotations

import concurrent.futures
from collections.abc import Callable
from typing import Any

from fractile import _core
from fractile.errors import FractileError


class FuturesExecutor:
    """Passes calls on. The user ends the executor, and replaces one whose workers died."""

    threads_per_run = 1

    def __init__(self, executor: concurrent.futures.Executor) -> None:
        """Takes the executor; an executor that hides the number of its workers counts as one per processor."""
        self.workers = int(getattr(executor, "_max_workers", None) or _core.default_threads())
        self._executor = executor

    def submit(self, function: Callable[..., Any], /, *arguments: Any) -> concurrent.futures.Future[Any]:
        """Starts a call."""
        try:
            return self._executor.submit(function, *arguments)
        except concurrent.futures.BrokenExecutor as error:
            raise FractileError(
                f'WORKER_DIED: expected an executor with workers, found one that is broken: "{error}". '
                "Make a new executor and call again: a sweep with a store resumes.",
                "WORKER_DIED",
            ) from None

    def share(self, value: Any) -> Any:
        """The value, which travels with each call."""
        return value

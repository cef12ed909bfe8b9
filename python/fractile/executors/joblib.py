# Copyright The fractile authors. Licensed under the Apache License, Version 2.0.
"""The processes of joblib (loky), which a session reuses from sweep to sweep and which need no main guard."""

from __future__ import annotations

import concurrent.futures
from collections.abc import Callable
from typing import Any

from fractile import _core
from fractile.executors import require


class JoblibExecutor:
    """One process per processor. joblib ends them when they are idle."""

    threads_per_run = 1

    def __init__(self, workers: int | None = None) -> None:
        """Takes the number of processes; None is one per processor."""
        self.workers = workers or _core.default_threads()
        require("joblib", "fractile[all]")

    def submit(self, function: Callable[..., Any], /, *arguments: Any) -> concurrent.futures.Future[Any]:
        """Starts a call, in new processes if one has died."""
        from joblib.externals.loky import get_reusable_executor

        future: concurrent.futures.Future[Any] = get_reusable_executor(self.workers).submit(function, *arguments)
        return future

    def share(self, value: Any) -> Any:
        """The value, which travels with each call."""
        return value

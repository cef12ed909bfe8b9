# Copyright The fractile authors. Licensed under the Apache License, Version 2.0.
"""Workers of Dask, on this machine or on many."""

from __future__ import annotations

import concurrent.futures
from collections.abc import Callable
from typing import Any

from fractile import _core
from fractile.executors import require


class DaskExecutor:
    """Submits to a client's cluster. Dask replaces dead workers and moves their calls to others."""

    threads_per_run = 1

    def __init__(self, client: Any = None) -> None:
        """Takes a connected client or an address; None starts a cluster of one process per processor of this machine."""
        distributed = require("distributed", "fractile[dask]")
        self._owned: Any = None
        if client is None:
            count = _core.default_threads()
            self._owned = distributed.LocalCluster(
                n_workers=count, threads_per_worker=1, host="127.0.0.1", dashboard_address=None, processes=True
            )
        self._is_ours = self._owned is not None or isinstance(client, str)
        self._client = distributed.Client(self._owned or client) if self._is_ours else client
        self._futures = self._client.get_executor(pure=False, retries=0)

    @property
    def workers(self) -> int:
        """Threads of all workers; workers may come and go."""
        return max(1, sum(self._client.nthreads().values()))

    def submit(self, function: Callable[..., Any], /, *arguments: Any) -> concurrent.futures.Future[Any]:
        """Starts a call; a scattered value reaches the function as the value."""
        future: concurrent.futures.Future[Any] = self._futures.submit(function, *arguments)
        return future

    def share(self, value: Any) -> Any:
        """A future of the value, which each worker fetches once."""
        return self._client.scatter([value], hash=False)[0]

    def __enter__(self) -> DaskExecutor:
        return self

    def __exit__(self, *exception: object) -> None:
        if self._is_ours:
            self._client.close()
        if self._owned is not None:
            self._owned.close()

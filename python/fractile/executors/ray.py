# Copyright The fractile authors. Licensed under the Apache License, Version 2.0.
"""Workers of Ray, on this machine or on many."""

from __future__ import annotations

import concurrent.futures
import threading
from collections.abc import Callable
from typing import Any

from fractile.executors import require

_PAUSE = 0.05  # seconds, after which new calls are waited for too


class RayExecutor:
    """Submits to a Ray cluster. Shared values and signals are in Ray's object store: each node fetches them once."""

    threads_per_run = 1

    def __init__(self, address: str | None = None) -> None:
        """Uses the cluster that this process is connected to; else connects to the address, or starts a local cluster."""
        ray = require("ray", "fractile[ray]")
        self._ray = ray
        self._owned = not ray.is_initialized()
        if self._owned:
            where = {"include_dashboard": False} if address is None else {"address": address}
            ray.init(log_to_driver=False, logging_level="warning", **where)
        # Ray would retry a call that ends its worker; a sweep has its own retries, which find the signal at fault.
        self._call = ray.remote(num_cpus=1, max_retries=0)(_call)
        self._pending: dict[Any, concurrent.futures.Future[Any]] = {}
        self._changed = threading.Condition()
        self._is_closing = False
        # ObjectRef.future() never completes for some results of other nodes; waiting fetches them.
        self._waiter = threading.Thread(target=self._wait, name="fractile-ray", daemon=True)
        self._waiter.start()

    @property
    def workers(self) -> int:
        """Processors of all nodes; nodes may come and go."""
        return max(1, int(self._ray.cluster_resources().get("CPU", 1)))

    def submit(self, function: Callable[..., Any], /, *arguments: Any) -> concurrent.futures.Future[Any]:
        """Starts a call; a shared value reaches the function as the value."""
        future: concurrent.futures.Future[Any] = concurrent.futures.Future()
        future.set_running_or_notify_cancel()
        reference = self._call.remote(function, *arguments)
        with self._changed:
            self._pending[reference] = future
            self._changed.notify()
        return future

    def _wait(self) -> None:
        """Completes futures as calls end, until the executor closes."""
        while True:
            with self._changed:
                self._changed.wait_for(lambda: self._pending or self._is_closing)
                if self._is_closing:
                    return
                references = list(self._pending)
            ready, _ = self._ray.wait(references, num_returns=1, timeout=_PAUSE)
            if ready:  # all that ended meanwhile
                ready, _ = self._ray.wait(references, num_returns=len(references), timeout=0)
            for reference in ready:
                with self._changed:
                    future = self._pending.pop(reference)
                try:
                    future.set_result(self._ray.get(reference))
                except Exception as error:  # the exception that the function raised, without Ray's wrapper
                    future.set_exception(getattr(error, "cause", None) or error)

    def share(self, value: Any) -> Any:
        """A reference to the value in the object store."""
        return self._ray.put(value)

    def __enter__(self) -> RayExecutor:
        return self

    def __exit__(self, *exception: object) -> None:
        with self._changed:
            self._is_closing = True
            self._changed.notify()
        self._waiter.join()
        if self._owned:
            self._ray.shutdown()


def _call(function: Callable[..., Any], *arguments: Any) -> Any:
    return function(*arguments)

# Copyright The fractile authors. Licensed under the Apache License, Version 2.0.
"""Workers of Ray, on this machine or on many."""

from __future__ import annotations

import concurrent.futures
from collections.abc import Callable
from typing import Any

from fractile.executors import require


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

    @property
    def workers(self) -> int:
        """Processors of all nodes; nodes may come and go."""
        return max(1, int(self._ray.cluster_resources().get("CPU", 1)))

    def submit(self, function: Callable[..., Any], /, *arguments: Any) -> concurrent.futures.Future[Any]:
        """Starts a call; a shared value reaches the function as the value."""
        future: concurrent.futures.Future[Any] = concurrent.futures.Future()
        self._call.remote(function, *arguments).future().add_done_callback(lambda done: _pass_on(done, future))
        return future

    def share(self, value: Any) -> Any:
        """A reference to the value in the object store."""
        return self._ray.put(value)

    def __enter__(self) -> RayExecutor:
        return self

    def __exit__(self, *exception: object) -> None:
        if self._owned:
            self._ray.shutdown()


def _call(function: Callable[..., Any], *arguments: Any) -> Any:
    return function(*arguments)


def _pass_on(done: concurrent.futures.Future[Any], future: concurrent.futures.Future[Any]) -> None:
    """The outcome of a call; an exception is the one that the function raised, without Ray's wrapper."""
    if not future.set_running_or_notify_cancel():
        return
    error = done.exception()
    if error is None:
        future.set_result(done.result())
    else:
        future.set_exception(getattr(error, "cause", None) or error)

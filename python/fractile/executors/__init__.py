# Copyright The fractile authors. Licensed under the Apache License, Version 2.0.
"""Schedulers of a sweep's work: one protocol, and an adapter for each."""

from __future__ import annotations

import concurrent.futures
import contextlib
from collections.abc import Callable, Iterator
from typing import Any, Protocol

from fractile.errors import ConfigError

NAMES = ("threads", "processes", "joblib", "ray", "dask")


class Executor(Protocol):
    """A scheduler as a sweep sees it."""

    @property
    def workers(self) -> int:
        """Calls that run side by side."""

    @property
    def threads_per_run(self) -> int:
        """Threads that one run may use, so that all workers together use each processor once."""

    def submit(self, function: Callable[..., Any], /, *arguments: Any) -> concurrent.futures.Future[Any]:
        """Starts a call. Its future raises if the call raises, or if its worker dies."""

    def share(self, value: Any) -> Any:
        """A handle of a value that many calls take as an argument; `submit` passes the value itself to the function."""


@contextlib.contextmanager
def open_executor(executor: Any) -> Iterator[Executor]:
    """The adapter of what a user names or holds. Ends the workers that it started, and no others.

    Args:
        executor: None or "threads", "processes", "joblib", "ray", "dask"; "ray:HOST:PORT" or "ray://HOST:PORT", the address of a
            Ray cluster; "tcp://HOST:PORT", the address of a Dask scheduler; a ``dask.distributed.Client``, any
            ``concurrent.futures.Executor``, or an object with the methods of `Executor`.

    Raises:
        ConfigError: The name is unknown, or its package is not installed.
    """
    with contextlib.ExitStack() as stack:
        yield _adapt(executor, stack)


def _adapt(executor: Any, stack: contextlib.ExitStack) -> Executor:
    if executor is None or executor == "threads":
        from fractile.executors.threads import ThreadsExecutor

        return stack.enter_context(ThreadsExecutor())
    if executor == "processes":
        from fractile.executors.processes import ProcessesExecutor

        return stack.enter_context(ProcessesExecutor())
    if executor == "joblib":
        from fractile.executors.joblib import JoblibExecutor

        return JoblibExecutor()
    if isinstance(executor, str) and (executor == "ray" or executor.startswith("ray:")):
        from fractile.executors.ray import RayExecutor

        address = executor if executor.startswith("ray://") else executor.removeprefix("ray").removeprefix(":")
        return stack.enter_context(RayExecutor(address or None))
    is_address = isinstance(executor, str) and executor.startswith(("tcp://", "tls://"))
    if executor == "dask" or is_address or type(executor).__module__.startswith("distributed."):
        from fractile.executors.dask import DaskExecutor

        return stack.enter_context(DaskExecutor(None if executor == "dask" else executor))
    if isinstance(executor, concurrent.futures.Executor):
        from fractile.executors.futures import FuturesExecutor

        return FuturesExecutor(executor)
    if all(hasattr(executor, name) for name in ("submit", "share", "workers", "threads_per_run")):
        return executor
    raise ConfigError(
        f"INVALID_VALUE: expected executor=None, {', '.join(NAMES)}, an address, a Dask client or a concurrent.futures.Executor, "
        f"found {executor!r}. Pass one of them.",
        "INVALID_VALUE",
    )


def fetch(handle: Any) -> Any:
    """The value of a handle of `Executor.share`, inside a call. An argument of `Executor.submit` needs no fetch; a handle that
    is part of an argument does, so that only calls that want the value fetch it."""
    package = type(handle).__module__.partition(".")[0]
    if package == "ray":
        import ray

        return ray.get(handle)
    if package == "distributed":
        distributed: Any = require("distributed", "fractile[dask]")
        # A future inside a scattered value comes without its client: Dask unpacks the value outside of any task. Scattered values
        # are in memory at once, so there is nothing to wait for.
        client = distributed.get_client()
        return client.gather(distributed.Future(handle.key, client, state="memory"))
    return handle


def require(package: str, extra: str) -> Any:
    """Imports the package of an optional scheduler. Raises ConfigError if it is missing."""
    import importlib

    try:
        return importlib.import_module(package)
    except ImportError:
        raise ConfigError(
            f'INVALID_VALUE: expected the package {package} for this executor, found none. Install it: pip install "{extra}".',
            "INVALID_VALUE",
        ) from None

# Copyright The fractile authors. Licensed under the Apache License, Version 2.0.
"""A worker of the pool: maps the snapshot if the pool has one, then answers one task after the other until its socket closes."""

from __future__ import annotations

import contextlib
import ctypes
import os
import pickle
import signal
import socket
import time
import warnings
from typing import Any

from fractile import _core
from fractile.errors import FractileError
from fractile.pool.channel import Channel, Closed
from fractile.pool.memory import MemoryReader, write_once
from fractile.service import BacktestService

_PR_SET_PDEATHSIG = 1


def main(arguments: list[str]) -> None:
    """Serves the pool whose socket and process id are given."""
    file, parent = int(arguments[0]), int(arguments[1])
    end_with_parent(parent)
    channel = Channel(socket.socket(fileno=file))
    with contextlib.suppress(Closed):
        serve(channel)


def end_with_parent(parent: int) -> None:
    """Lets the kernel kill this process when the pool dies, even in the middle of a run."""
    # Ctrl-C is for the parent to handle.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
    if os.getppid() != parent:
        raise SystemExit(0)


def serve(channel: Channel) -> None:
    """Opens what the first message names, says so, and runs tasks."""
    order, _ = channel.receive()
    try:
        service = BacktestService.get(**order["service"]) if "service" in order else None
    except Exception as error:
        channel.send({"failed": describe(error)})
        return
    channel.send({"ready": True})
    reader = MemoryReader()
    growth = MemoryGrowth()
    while True:
        task, file = channel.receive()
        payload: bytes | None
        if service is None:
            answer, payload = run_call(reader, task, file)
        else:
            answer, payload = run_task(service, reader, task, file, order)
        answer["mem_delta"] = growth.measure()
        send_answer(channel, answer, payload)


def send_answer(channel: Channel, answer: dict[str, Any], payload: bytes | None) -> None:
    """The answer, with its payload in shared memory if it has one."""
    if payload is None:
        channel.send(answer)
        return
    file = write_once(payload)
    try:
        channel.send({**answer, "size": len(payload)}, file)
    finally:
        os.close(file)


def run_call(reader: MemoryReader, task: dict[str, Any], file: int | None) -> tuple[dict[str, Any], bytes]:
    """The answer to a call: the pickle of (True, its value) or of (False, the exception that it raised)."""
    began = time.perf_counter()
    try:
        function, arguments = pickle.loads(reader.read(file, task["size"]) if file is not None else b"")
        payload = pickle.dumps((True, function(*arguments)), pickle.HIGHEST_PROTOCOL)
    except Exception as error:
        payload = pickle_error(error)
    return {"task": task["task"], "sharpe": float("nan"), "elapsed": time.perf_counter() - began}, payload


def pickle_error(error: Exception) -> bytes:
    """An exception that the other side can read, whatever its class."""
    try:
        payload = pickle.dumps((False, error), pickle.HIGHEST_PROTOCOL)
        pickle.loads(payload)
    except Exception:
        payload = pickle.dumps((False, RuntimeError(f"{type(error).__name__}: {error}")), pickle.HIGHEST_PROTOCOL)
    return payload


def run_task(
    service: BacktestService, reader: MemoryReader, task: dict[str, Any], file: int | None, order: dict[str, Any]
) -> tuple[dict[str, Any], bytes | None]:
    """The answer to one task, and its whole result if the pool wants it; whatever goes wrong is part of the answer."""
    payload = None
    began = time.perf_counter()
    answer: dict[str, Any] = {"task": task["task"], "sharpe": float("nan")}
    try:
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            signal = task["path"] if file is None else reader.read(file, task["size"])
            result = service.run(signal, **order["run"])
            answer["sharpe"] = result.sharpe
            payload = pickle.dumps(result, pickle.HIGHEST_PROTOCOL) if order["whole_results"] else None
        # A pool ends its workers at once: what it has an answer to must be in the ledger.
        if order["run"]["study"]:
            _core.ledger.flush_all()
        answer["warnings"] = [str(warning.message) for warning in caught]
    except Exception as error:
        answer["error"] = describe(error)
    answer["elapsed"] = time.perf_counter() - began
    return answer, payload


class MemoryGrowth:
    """Growth of this process's share of memory. To look takes the longer the more is mapped, a tenth of a run on ten years:
    it is done in at most a fiftieth of the time."""

    def __init__(self) -> None:
        self._look()

    def _look(self) -> None:
        began = time.perf_counter()
        self._memory = proportional_mb()
        now = time.perf_counter()
        self._next = now + 49 * (now - began)

    def measure(self) -> float:
        """MB since the last look; 0 where it is too early for another."""
        if time.perf_counter() < self._next:
            return 0.0
        before = self._memory
        self._look()
        return self._memory - before


def describe(error: Exception) -> dict[str, str]:
    """An exception as the pool rebuilds it."""
    if isinstance(error, FractileError):
        return {"class": type(error).__name__, "message": str(error), "code": error.code}
    return {"class": "FractileError", "message": f"INTERNAL: {type(error).__name__}: {error}", "code": "INTERNAL"}


def proportional_mb() -> float:
    """This process's share of memory (Pss: shared pages divided by their users), in MB; NaN where the kernel hides it."""
    try:
        with open("/proc/self/smaps_rollup", encoding="ascii") as lines:
            return next(int(line.split()[1]) for line in lines if line.startswith("Pss:")) * 1024 / 1e6
    except (OSError, StopIteration):
        return float("nan")

# Copyright The fractile authors. Licensed under the Apache License, Version 2.0.
"""A worker as its pool sees it: a process to start, to talk to and to end."""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import subprocess
import sys
import sysconfig
from dataclasses import dataclass
from typing import Any

from fractile.pool.channel import Channel, Closed


@dataclass
class Worker:
    """A process and the socket to it."""

    id: int
    process: subprocess.Popen
    channel: Channel
    is_ready: bool = False
    task: Any = None  # the dispatch.Task that it has


def start_worker(number: int, order: dict[str, Any]) -> Worker:
    """Starts a worker process and tells it what to map."""
    ours, theirs = socket.socketpair()
    with theirs:
        # Its own process group: Ctrl-C at the terminal is for the parent alone. -P: no package of the working folder.
        process = subprocess.Popen(
            [sys.executable, "-P", "-m", "fractile.pool", str(theirs.fileno()), str(os.getpid())],
            pass_fds=[theirs.fileno()],
            stdin=subprocess.DEVNULL,
            env=worker_environment(),
            process_group=0,
        )
    channel = Channel(ours)
    with contextlib.suppress(Closed):  # dead already: the selector will say so
        channel.send(order)
    return Worker(number, process, channel)


def stop_worker(worker: Worker) -> str:
    """Ends a worker, dead or alive, and says how it ended. It has nothing to save."""
    worker.channel.close()
    ended = worker.process.poll()
    if ended is None:
        worker.process.kill()
        ended = worker.process.wait()
    if ended >= 0:
        return f"ended with status {ended}"
    return f"was ended by signal {-ended} ({signal.Signals(-ended).name if -ended in set(signal.Signals) else 'unknown'})"


def worker_environment() -> dict[str, str]:
    """Ours, with the folder of this package where the interpreter would not find it by itself."""
    environment = dict(os.environ)
    folder = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
    if folder not in (sysconfig.get_path("purelib"), sysconfig.get_path("platlib")):
        environment["PYTHONPATH"] = os.pathsep.join(filter(None, (folder, environment.get("PYTHONPATH"))))
    return environment

# Copyright The fractile authors. Licensed under the Apache License, Version 2.0.
"""The measurements of a soak: memory, descriptors and threads of processes, quantiles, and leaked resources."""

from __future__ import annotations

import array
import contextlib
import math
import os
import pathlib
import threading
import time
from collections.abc import Callable
from typing import Any

import numpy as np

# MB. A page that n processes have mapped counts fully as resident and as one nth as proportional, so the proportional number
# changes with other processes. Anonymous memory excludes files.
KINDS = ("resident", "anonymous", "proportional")
QUIET = ("fds", "threads")  # counted while no request runs


def memory_of(pid: int) -> dict[str, float]:
    """Memory of a process in MB (MiB), by kind; empty if the process has ended."""
    names = {"Rss": "resident", "Anonymous": "anonymous", "Pss": "proportional"}
    out = {}
    with contextlib.suppress(OSError):
        for line in pathlib.Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines():
            name, _, rest = line.partition(":")
            if name in names:
                out[names[name]] = int(rest.split()[0]) / 1024
    return out


def counts_of(pid: int) -> dict[str, float]:
    with contextlib.suppress(OSError):
        return {"fds": len(os.listdir(f"/proc/{pid}/fd")), "threads": len(os.listdir(f"/proc/{pid}/task"))}
    return {}


def cpu_of(pid: int) -> float:
    with contextlib.suppress(OSError):
        fields = pathlib.Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
    return 0.0


def busy_seconds() -> float:
    """Processor seconds of the whole machine that were not idle."""
    fields = [int(text) for text in pathlib.Path("/proc/stat").read_text().splitlines()[0].split()[1:9]]
    return (sum(fields) - fields[3] - fields[4]) / os.sysconf("SC_CLK_TCK")


class Phases:
    """The time of a soak: a warm-up, then three thirds."""

    def __init__(self, seconds: float, warm_up: float = 0.2) -> None:
        self.began = time.monotonic()
        self.seconds = seconds
        self._warm = warm_up * seconds

    @property
    def elapsed(self) -> float:
        return time.monotonic() - self.began

    @property
    def is_over(self) -> bool:
        return self.elapsed >= self.seconds

    def third(self, at: float | None = None) -> int | None:
        """0 to 2; None in the warm-up."""
        at = self.elapsed if at is None else at
        return None if at < self._warm else min(2, int(3 * (at - self._warm) / (self.seconds - self._warm)))


class Latencies:
    """Milliseconds of good answers by kind and third, in four bytes each, so that the records do not look like a leak."""

    def __init__(self, phases: Phases) -> None:
        self._phases = phases
        self._lock = threading.Lock()
        self._times: dict[str, list[array.array]] = {}

    def note(self, kind: str, seconds: float) -> None:
        third = self._phases.third()
        with self._lock:
            thirds = self._times.setdefault(kind, [array.array("f") for _ in range(3)])
            if third is not None:
                thirds[third].append(seconds * 1e3)

    def figures(self) -> dict[str, dict[str, Any]]:
        out = {}
        for kind, thirds in sorted(self._times.items()):
            values = [np.asarray(times, dtype=float) for times in thirds]
            quantiles = {f"p{q}": [float(np.percentile(x, q)) if len(x) else math.nan for x in values] for q in (50, 90, 99)}
            out[kind] = {"count": [len(x) for x in values], **quantiles}
        return out


class Series:
    """Samples of one process over time."""

    def __init__(self, phases: Phases) -> None:
        self._phases = phases
        self._samples: dict[str, list[tuple[float, float]]] = {}
        self._pid, self._since = 0, 0.0

    def sample(self, pid: int, measure: Callable[[int], dict[str, float]], settle: float = 0.0) -> None:
        """Records the result of `measure` for the process, unless it began less than `settle` seconds ago."""
        if pid != self._pid:
            self._pid, self._since = pid, self._phases.elapsed
        if self._since > 0 and self._phases.elapsed - self._since < settle:
            return
        for name, value in measure(pid).items():
            self._samples.setdefault(name, []).append((self._phases.elapsed, value))

    def last(self, name: str) -> float:
        samples = self._samples.get(name)
        return samples[-1][1] if samples else math.nan

    def figures(self) -> dict[str, dict[str, float]]:
        """For each quantity: medians of the first and the last third, the extremes, and the slope per hour."""
        out = {}
        for name, samples in self._samples.items():
            warm = [(at, value) for at, value in samples if self._phases.third(at) is not None]
            thirds = [[value for at, value in warm if self._phases.third(at) == k] for k in (0, 2)]
            if not all(thirds):
                continue
            slope, error = fit_slope(*np.array(warm).T)
            out[name] = {
                "samples": len(warm),
                "first": float(np.median(thirds[0])),
                "last": float(np.median(thirds[1])),
                "least": min(value for _, value in warm),
                "most": max(value for _, value in warm),
                "slope_per_hour": slope * 3600,
                "slope_error": error * 3600,
            }
        return out


def fit_slope(x: np.ndarray, y: np.ndarray) -> tuple[float, float]:
    """Slope of a line by least squares, and its standard error for independent errors (samples near in time are correlated)."""
    n, dx = len(x), x - x.mean()
    spread = float(dx @ dx)
    if n < 3 or spread == 0:
        return math.nan, math.nan
    slope = float(dx @ y) / spread
    residuals = y - y.mean() - slope * dx
    return slope, math.sqrt(float(residuals @ residuals) / (n - 2) / spread)


class Others:
    """The processors that other processes of the machine took, by third. The soak compares changes of latencies with them."""

    def __init__(self, phases: Phases) -> None:
        self._phases = phases
        self._thirds = [[0.0, 0.0] for _ in range(3)]  # their seconds, all seconds
        self._last: tuple[float, float, dict[int, float]] | None = None

    def sample(self, pids: list[int]) -> None:
        now, busy, ours = time.monotonic(), busy_seconds(), {pid: cpu_of(pid) for pid in pids}
        if self._last is not None and (third := self._phases.third()) is not None:
            before, busy_before, ours_before = self._last
            own = sum(max(0.0, seconds - ours_before.get(pid, 0.0)) for pid, seconds in ours.items())
            self._thirds[third][0] += max(0.0, busy - busy_before - own)
            self._thirds[third][1] += now - before
        self._last = now, busy, ours

    def figures(self) -> list[float]:
        return [seconds / whole if whole else 0.0 for seconds, whole in self._thirds]


def children() -> dict[int, str]:
    """State of this process's children by process id; Z is a child that no one waited for."""
    out = {}
    for folder in pathlib.Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            fields = (folder / "stat").read_text().rpartition(")")[2].split()
            if int(fields[1]) == os.getpid():
                out[int(folder.name)] = fields[0]
    return out


def shared_memory() -> set[str]:
    """Named shared memory that could belong to this program, not to other users of the machine."""
    return {name for name in os.listdir("/dev/shm") if "fractile" in name or name.startswith(("psm_", "sem."))}


def descriptors() -> set[str]:
    """Sockets, anonymous memory and events of this process."""
    out = set()
    for entry in pathlib.Path("/proc/self/fd").iterdir():
        with contextlib.suppress(OSError):
            target = os.readlink(entry)
            if target.startswith(("socket:", "/memfd:", "anon_inode:")):
                out.add(f"{entry.name} {target}")
    return out

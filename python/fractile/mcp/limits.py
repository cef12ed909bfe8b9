# Copyright The fractile authors. Licensed under the Apache License, Version 2.0.
"""Limits that an operator sets on a client: runs, seconds, rows, snapshots and a hold-out period."""

from __future__ import annotations

import dataclasses
import datetime as dt
import os
import pathlib
import stat
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from fractile.errors import ConfigError

MAX_FOLDERS = 1000  # below a path that is a folder


def refuse(limit: str, expected: str, found: str, remedy: str) -> ConfigError:
    """The error of a limit that a call would exceed."""
    return ConfigError(f"INVALID_VALUE: expected {limit}: {expected}, found {found}. {remedy}", "INVALID_VALUE")


@dataclasses.dataclass(frozen=True)
class Limits:
    """The limits of a client. None means unlimited.

    Attributes:
        study: Study that counts every run; a client cannot choose another.
        runs: Trials of the study. The ledger counts them, so that a restarted server continues the count.
        seconds: Seconds of computation of this server.
        rows: Rows of one signal.
        bytes: Bytes of one signal that arrives as Arrow.
        snapshots: Ids that a client sees; None is all.
        holdout_from: First day that no tool sees, except one call of `reveal`.
        folder: Folder below which paths of signals must lie; None refuses paths.
    """

    study: str = "agents"
    runs: int | None = None
    seconds: float | None = None
    rows: int | None = None
    bytes: int = 64 << 20
    snapshots: tuple[str, ...] | None = None
    holdout_from: dt.date | None = None
    folder: pathlib.Path | None = None

    @property
    def end_date(self) -> str | None:
        """Last day that a client sees."""
        return None if self.holdout_from is None else (self.holdout_from - dt.timedelta(days=1)).isoformat()

    @property
    def holdout_study(self) -> str:
        """The study whose only trial is the result of `reveal`."""
        return f"{self.study}.holdout"

    def check_snapshot(self, id: str) -> str:
        """Returns the id if a client may use it.

        Raises:
            ConfigError: The operator did not allow it.
        """
        if self.snapshots is not None and id not in self.snapshots:
            raise refuse("snapshot", f"one of {', '.join(self.snapshots)}", f'"{id}"', "Use one of these.")
        return id

    def check_rows(self, count: int) -> None:
        """Refuses a signal of too many rows."""
        if self.rows is not None and count > self.rows:
            raise refuse("rows of a signal", f"at most {self.rows}", str(count), "Send fewer rows.")

    def resolve(self, path: str) -> pathlib.Path:
        """Returns the file behind a path that a client sent; follows links before the check.

        Raises:
            ConfigError: The file is outside the folder of signals, or the folder is missing.
        """
        if self.folder is None:
            raise refuse(
                "path", "a server with a folder of signals", f'"{path}"', "Send rows, or ask the operator for --signals."
            )
        folder = self.folder.resolve()
        try:
            file = (folder / path).resolve()
        except (OSError, ValueError) as error:
            raise refuse("path", "a path below the folder of signals", f"{path!r}", "Correct it.") from error
        if not file.is_relative_to(folder):
            raise refuse("path", "a path below the folder of signals", f"{path!r}", "Name a file inside the folder.")
        self._check_file(file, folder, path)
        return file

    def _check_file(self, file: pathlib.Path, folder: pathlib.Path, path: str) -> None:
        """Refuses what is neither a file nor a folder of files: pipes would never end, and a link may lead outside."""
        try:
            mode = file.stat().st_mode
        except OSError:
            raise refuse("path", "a file below the folder of signals", f"{path!r}", "Name a file that exists.") from None
        if stat.S_ISREG(mode):
            return
        if not stat.S_ISDIR(mode):
            raise refuse("path", "a file below the folder of signals", f"{path!r}, which is none", "Name a file.")
        for count, (place, _, names) in enumerate(os.walk(file, followlinks=True)):
            inside = [pathlib.Path(place).resolve(), *((pathlib.Path(place) / name).resolve() for name in names)]
            if count >= MAX_FOLDERS or not all(each.is_relative_to(folder) for each in inside):
                raise refuse("path", "a folder whose files are inside the folder of signals", f"{path!r}", "Name a file.")
            if not all(stat.S_ISREG(each.stat().st_mode) for each in inside[1:] if each.exists()):
                raise refuse("path", "a folder of files", f"{path!r} with something else", "Name a file.")


class Clock:
    """Seconds of computation that calls have used. Thread-safe."""

    def __init__(self, limit: float | None) -> None:
        self._limit = limit
        self._used = 0.0
        self._lock = threading.Lock()

    @contextmanager
    def running(self) -> Iterator[Callable[[], None]]:
        """Counts the seconds of a block. Yields a function that refuses once the seconds are used up, those of the block included.

        Raises:
            ConfigError: They are used up already.
        """
        began = time.monotonic()

        def check() -> None:
            with self._lock:
                used = self._used + time.monotonic() - began
            if self._limit is not None and used >= self._limit:
                raise refuse("seconds", f"up to {self._limit:g} of computation", f"{used:.1f} used", "Ask the operator.")

        check()
        try:
            yield check
        finally:
            with self._lock:
                self._used += time.monotonic() - began

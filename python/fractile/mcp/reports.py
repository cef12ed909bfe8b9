# Copyright The fractile authors. Licensed under the Apache License, Version 2.0.
"""The tear sheets of runs: files of a bounded folder, and their links."""

from __future__ import annotations

import os
import pathlib
import re
import tempfile
import threading

import fractile
from fractile.errors import ConfigError

_NAME = re.compile(r"[0-9a-f]{16,64}\.html")


def default_folder() -> pathlib.Path:
    """$XDG_CACHE_HOME/fractile/reports, else ~/.cache/fractile/reports."""
    cache = os.environ.get("XDG_CACHE_HOME") or pathlib.Path.home() / ".cache"
    return pathlib.Path(cache) / "fractile" / "reports"


class Reports:
    """A folder with up to `limit` tear sheets; the least recently used ones leave. Thread-safe; processes may share the folder.

    Args:
        folder: Is made if it is missing.
        limit: 0 writes none.

    Raises:
        ConfigError: The folder cannot be written.
    """

    def __init__(self, folder: pathlib.Path, limit: int) -> None:
        self._folder = folder.absolute()
        self._limit = limit
        self._own: set[str] = set()
        self._lock = threading.Lock()
        self._address: str | None = None
        if limit == 0:
            return
        try:
            self._folder.mkdir(parents=True, exist_ok=True)
            with tempfile.TemporaryFile(dir=self._folder):
                pass
        except OSError as error:
            raise ConfigError(
                f'INVALID_VALUE: expected a folder for reports that can be written, found "{self._folder}": {error.strerror}. '
                "Name another: --reports DIR, or write none: --max-reports 0.",
                "INVALID_VALUE",
            ) from None

    def serve_at(self, address: str) -> None:
        """Links are ADDRESS/results/ID from now on, no longer files."""
        self._address = address

    def write(self, result: fractile.BacktestResult) -> str | None:
        """Writes the tear sheet of a run. Returns its link; None if the server writes none."""
        if self._limit == 0:
            return None
        file = self._folder / f"{result.run_id}.html"
        # Readers never see half a file.
        with tempfile.NamedTemporaryFile(dir=self._folder, suffix=".part", delete=False) as part:
            pass
        try:
            result.report(part.name)
            os.replace(part.name, file)
        except BaseException:
            pathlib.Path(part.name).unlink(missing_ok=True)
            raise
        with self._lock:
            self._own.add(result.run_id)
            self._drop_oldest(file)
        return file.as_uri() if self._address is None else f"{self._address}/results/{result.run_id}"

    def read(self, run_id: str) -> bytes | None:
        """The tear sheet of a run of this server; None for others, since those may show days that this server hides."""
        file = self._folder / f"{run_id}.html"
        with self._lock:
            if run_id not in self._own:
                return None
        try:
            os.utime(file)
            return file.read_bytes()
        except OSError:
            return None

    def _drop_oldest(self, newest: pathlib.Path) -> None:
        ages = []
        for entry in os.scandir(self._folder):
            if _NAME.fullmatch(entry.name):
                try:
                    ages.append((entry.name != newest.name, -entry.stat().st_mtime_ns, entry.name))
                except FileNotFoundError:
                    continue  # another server has dropped it
        for _, _, name in sorted(ages)[self._limit :]:
            (self._folder / name).unlink(missing_ok=True)
            self._own.discard(name.removesuffix(".html"))

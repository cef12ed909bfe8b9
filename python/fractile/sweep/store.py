# Copyright The fractile authors. Licensed under the Apache License, Version 2.0.
"""A folder of Parquet parts, which appear whole or not at all, and which any reader of Parquet opens as they are."""

from __future__ import annotations

import contextlib
import fcntl
import os
import pathlib
import secrets
import time
from collections.abc import Iterator
from typing import Any

import numpy as np

from fractile.errors import ConfigError, FractileError

_LOCK = ".lock"
_PATIENCE_SECONDS = 5.0
_ROWS_PER_PART = 20000


class Store:
    """The parts of one folder. One sweep at a time writes to it."""

    def __init__(self, folder: str | os.PathLike[str], schema: Any) -> None:
        """Makes the folder.

        Args:
            folder: Place of the parts.
            schema: Columns of the rows, of pyarrow.

        Raises:
            ConfigError: The folder holds rows with other columns.
            FractileError: IO_FAILURE: the folder cannot be made.
        """
        self.folder = pathlib.Path(folder).absolute()
        self._schema = schema
        self._waiting: list[Any] = []
        self._rows_waiting = 0
        self._last_write = time.monotonic()
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise FractileError(
                f'IO_FAILURE: expected to make the folder "{folder}", found "{error.strerror}". Check its path and rights.',
                "IO_FAILURE",
            ) from None

    @contextlib.contextmanager
    def lock(self) -> Iterator[None]:
        """Holds the folder against other sweeps; the system releases it however this process ends.

        Raises:
            ConfigError: Another sweep writes to the folder.
        """
        with open(self.folder / _LOCK, "w", encoding="ascii") as file:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except OSError:
                raise ConfigError(
                    f'REFUSED_COMBINATION: expected a store that no other sweep writes to, found one that does at "{self.folder}". '
                    "Wait for it, or pass another store.",
                    "REFUSED_COMBINATION",
                ) from None
            self._check_columns()
            for left in self.folder.glob(".part-*.tmp"):  # of a sweep that was killed
                left.unlink()
            yield

    def _check_columns(self) -> None:
        import pyarrow.parquet as pq

        for part in self.parts()[:1]:
            found, wanted = pq.read_schema(part).names, self._schema.names
            if found != wanted:
                differing = sorted(set(found) ^ set(wanted)) or found
                raise ConfigError(
                    f'REFUSED_COMBINATION: expected a store of the same columns, found other ones at "{self.folder}": '
                    f"{', '.join(differing)}. Pass another store for this grid.",
                    "REFUSED_COMBINATION",
                )

    def parts(self) -> list[pathlib.Path]:
        """The files, in order of their names."""
        return sorted(self.folder.glob("part-*.parquet"))

    def keys(self) -> np.ndarray:
        """The keys of all rows, sorted: 32 bytes per row."""
        read = [np.array(table.column("key").to_pylist(), dtype="S32") for table in self._read(["key"])]
        return np.unique(np.concatenate(read)) if read else np.empty(0, "S32")

    def _read(self, columns: list[str] | None = None) -> Iterator[Any]:
        import pyarrow.parquet as pq

        for part in self.parts():
            yield pq.read_table(part, columns=columns)

    def add(self, table: Any) -> None:
        """Takes rows, and writes them when there are many or the last part is some seconds old."""
        self._waiting.append(table)
        self._rows_waiting += table.num_rows
        if self._rows_waiting >= _ROWS_PER_PART or time.monotonic() - self._last_write >= _PATIENCE_SECONDS:
            self.flush()

    def flush(self) -> None:
        """Writes the rows that wait as one part: aside, to the disk, then under its name.

        Raises:
            FractileError: IO_FAILURE: the disk is full or the folder is gone.
        """
        import pyarrow as pa
        import pyarrow.parquet as pq

        if not self._waiting:
            return
        name = f"part-{time.time_ns():020d}-{secrets.token_hex(4)}"
        aside = self.folder / f".{name}.tmp"
        try:
            with open(aside, "wb") as file:
                pq.write_table(pa.concat_tables(self._waiting), file, compression="zstd")
                file.flush()
                os.fsync(file.fileno())
            os.replace(aside, self.folder / f"{name}.parquet")
        except OSError as error:
            raise FractileError(
                f'IO_FAILURE: expected to write a part to "{self.folder}", found "{error.strerror or error}". '
                "Make room, and call again: the sweep resumes.",
                "IO_FAILURE",
            ) from None
        self._waiting, self._rows_waiting, self._last_write = [], 0, time.monotonic()

    def read(self, keys: np.ndarray) -> Any:
        """The rows of sorted keys, each once."""
        import pyarrow as pa

        found = []
        for table in self._read():
            own = np.array(table.column("key").to_pylist(), dtype="S32")
            found.append(table.filter(pa.array(contains(keys, own))))
        return pa.concat_tables(found) if found else self._schema.empty_table()


def contains(keys: np.ndarray, wanted: np.ndarray) -> np.ndarray:
    """For each wanted key, whether the sorted keys have it."""
    if not len(keys):
        return np.zeros(len(wanted), bool)
    places = np.minimum(np.searchsorted(keys, wanted), len(keys) - 1)
    return np.asarray(keys[places] == wanted)


def read_status(store: str | os.PathLike[str]) -> dict[str, Any]:
    """The contents of a store: rows, signals, errors by code, seconds of all workers, parts, and whether a sweep writes to it.

    Raises:
        FractileError: IO_FAILURE: the folder is not a store.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    folder = pathlib.Path(store)
    parts = sorted(folder.glob("part-*.parquet"))
    if not (folder / _LOCK).exists():
        raise FractileError(f'IO_FAILURE: expected the store of a sweep, found none at "{store}". Check the path.', "IO_FAILURE")
    tables = [pq.read_table(part, columns=["signal", "error", "seconds"]) for part in parts]
    counted = pa.concat_tables(tables).to_pandas() if tables else None
    with open(folder / _LOCK, encoding="ascii") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
            is_running = False
        except OSError:
            is_running = True
    if counted is None:
        return {"rows": 0, "signals": 0, "errors": {}, "seconds": 0.0, "parts": 0, "is_running": is_running}
    return {
        "rows": len(counted),
        "signals": int(counted["signal"].nunique()),
        "errors": {str(code): int(count) for code, count in counted["error"].value_counts().items()},
        "seconds": float(counted["seconds"].sum()),
        "parts": len(parts),
        "is_running": is_running,
    }

# Copyright The fractile authors. Licensed under the Apache License, Version 2.0.
"""A folder of Parquet parts, which appear whole or not at all, and which any reader of Parquet opens as they are."""

from __future__ import annotations

import contextlib
import fcntl
import os
import pathlib
import secrets
import time
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from fractile import _core
from fractile.errors import ConfigError, FractileError
from fractile.sweep.keys import read_keys

LOCK = ".lock"
_PATIENCE_SECONDS = 5.0
_ROWS_PER_PART = 20000
_BYTES_PER_PART = 256 << 20  # of result tables
_KEEP = "fractile.keep"


class Store:
    """The parts of one folder. One sweep at a time writes to it."""

    def __init__(self, folder: str | os.PathLike[str], schema: Any, keep: Sequence[str] = ()) -> None:
        """Makes the folder.

        Args:
            folder: Place of the parts.
            schema: Columns of the rows, of pyarrow.
            keep: Names of the result tables that are stored beside the rows, each in a folder of its name.

        Raises:
            ConfigError: The folder holds rows with other columns.
            FractileError: IO_FAILURE: the folder cannot be made.
        """
        self.folder = pathlib.Path(folder).absolute()
        self._schema = schema.with_metadata({_KEEP: ",".join(keep)})
        self._keep = tuple(keep)
        self._waiting: list[Any] = []
        self._tables: dict[str, list[Any]] = {name: [] for name in keep}
        self._rows_waiting = self._bytes_waiting = 0
        self._last_write = time.monotonic()
        try:
            for folder_of_parts in (self.folder, *(self.folder / name for name in keep)):
                folder_of_parts.mkdir(parents=True, exist_ok=True)
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
        with open(self.folder / LOCK, "w", encoding="ascii") as file:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except OSError:
                raise ConfigError(
                    f'REFUSED_COMBINATION: expected a store that no other sweep writes to, found one that does at "{self.folder}". '
                    "Wait for it, or pass another store.",
                    "REFUSED_COMBINATION",
                ) from None
            self._check_columns()
            self._remove_remains()
            yield

    def _remove_remains(self) -> None:
        """Removes what a killed sweep left: parts written aside, and result tables whose rows were never written."""
        whole = {part.name for part in self.parts()}
        for left in self.folder.glob("**/.part-*.tmp"):
            left.unlink()
        for name in self._keep:
            for part in (self.folder / name).glob("part-*.parquet"):
                if part.name not in whole:
                    part.unlink()

    def _check_columns(self) -> None:
        import pyarrow.parquet as pq

        for part in self.parts()[:1]:
            read = pq.read_schema(part)
            found, wanted = read.names, self._schema.names
            stored = (read.metadata or {}).get(_KEEP.encode(), b"").decode()
            if stored != ",".join(self._keep):
                raise ConfigError(
                    f'REFUSED_COMBINATION: expected the keep of the store at "{self.folder}", which has '
                    f"[{stored}] beside its rows, found [{','.join(self._keep)}]. Pass the same keep, or another store.",
                    "REFUSED_COMBINATION",
                )
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

    def keys(self) -> _core.KeySet:
        """The keys of all rows."""
        return _core.KeySet(b"".join(read_keys(table.column("key")) for table in self._read(["key"])))

    def _read(self, columns: list[str] | None = None) -> Iterator[Any]:
        import pyarrow.parquet as pq

        for part in self.parts():
            yield pq.read_table(part, columns=columns)

    def add(self, table: Any, tables: Mapping[str, Any]) -> None:
        """Takes rows and their result tables, and writes them when there are many or the last part is some seconds old."""
        self._waiting.append(table)
        for name, rows in tables.items():
            self._tables[name].append(rows)
            self._bytes_waiting += rows.nbytes
        self._rows_waiting += table.num_rows
        if (
            self._rows_waiting >= _ROWS_PER_PART
            or self._bytes_waiting >= _BYTES_PER_PART
            or time.monotonic() - self._last_write >= _PATIENCE_SECONDS
        ):
            self.flush()

    def flush(self) -> None:
        """Writes what waits as one part, which appears whole or not at all.

        Raises:
            FractileError: IO_FAILURE: the disk is full or the folder is gone.
        """
        import pyarrow as pa

        if not self._waiting:
            return
        name = f"part-{time.time_ns():020d}-{secrets.token_hex(4)}"
        try:
            # The rows come last: with them the part is there, result tables included.
            for table, parts in self._tables.items():
                if parts:
                    _write_part(self.folder / table, name, pa.concat_tables(parts, promote_options="default"))
            rows = pa.concat_tables(self._waiting).replace_schema_metadata(self._schema.metadata)
            _write_part(self.folder, name, rows)
        except OSError as error:
            raise FractileError(
                f'IO_FAILURE: expected to write a part to "{self.folder}", found "{error.strerror or error}". '
                "Make room, and call again: the sweep resumes.",
                "IO_FAILURE",
            ) from None
        self._waiting, self._rows_waiting, self._bytes_waiting, self._last_write = [], 0, 0, time.monotonic()
        self._tables = {name: [] for name in self._keep}

    def read(self, keys: _core.KeySet, table: str | None = None) -> Any:
        """The rows of some keys; or those of a result table."""
        import pyarrow as pa
        import pyarrow.parquet as pq

        found = []
        for part in self.parts() if table is None else sorted((self.folder / table).glob("part-*.parquet")):
            rows = pq.read_table(part)
            own = rows.column("key").combine_chunks().dictionary_encode("encode")
            wanted = np.frombuffer(keys.contains(read_keys(own.dictionary)), bool)
            found.append(rows.filter(pa.array(wanted[own.indices.to_numpy()])))
        if found:
            return pa.concat_tables(found, promote_options="default")
        return self._schema.empty_table() if table is None else None


def _write_part(folder: pathlib.Path, name: str, table: Any) -> None:
    """Aside, to the disk, then under its name."""
    import pyarrow.parquet as pq

    aside = folder / f".{name}.tmp"
    with open(aside, "wb") as file:
        pq.write_table(table, file, compression="zstd")
        file.flush()
        os.fsync(file.fileno())
    os.replace(aside, folder / f"{name}.parquet")

# Copyright The fractile authors. Licensed under the Apache License, Version 2.0.
"""The rows of a running sweep, on their way to a store, or to memory without one."""

from __future__ import annotations

import contextlib
import os
import tempfile
from collections.abc import Callable, Iterator, Sequence
from typing import Any

from fractile import _core
from fractile.errors import ConfigError
from fractile.sweep.chunks import Outcome
from fractile.sweep.keys import KEY_BYTES, Keys, key_text
from fractile.sweep.plan import Task
from fractile.sweep.result import SweepResult
from fractile.sweep.signals import Item
from fractile.sweep.store import Store


class Rows:
    """Knows which rows the store has, takes new ones, and remembers which rows are this sweep's.

    The keys of the sweep's rows are in a temporary file, so memory does not grow with the number of signals.
    """

    def __init__(self, schema: Any, folder: str | os.PathLike[str] | None, resume: bool, keep: Sequence[str]) -> None:
        self._schema = schema
        self._tables: dict[str | None, list[Any]] = {name: [] for name in (None, *keep)}
        self._store = None if folder is None else Store(folder, schema, keep)
        self._resume = resume
        self._keys = tempfile.TemporaryFile(prefix="fractile-sweep-")  # noqa: SIM115  the result reads it later
        self._known = _core.KeySet()
        self._exit = contextlib.ExitStack()
        self.computed = self.resumed = self.n_read = 0
        self.show: Callable[[int], None] = lambda done: None

    def __enter__(self) -> Rows:
        if self._store is None:
            return self
        self._exit.enter_context(self._store.lock())
        self._known = self._store.keys()
        if not self._resume and len(self._known):
            self._exit.close()
            raise ConfigError(
                f"REFUSED_COMBINATION: expected an empty store with resume=False, found {len(self._known)} rows at "
                f'"{self._store.folder}". Remove the folder, or pass another.',
                "REFUSED_COMBINATION",
            )
        return self

    def __exit__(self, *exception: object) -> None:
        self._exit.close()

    def missing(self, keys: Keys, items: Iterator[Item]) -> Iterator[Task]:
        """Tasks of the cells that the store lacks."""
        for item in items:
            self.n_read += 1
            own = keys.of(item)
            self._keys.write(own)
            lacking = self._known.lacking(own)
            self.resumed += len(own) // KEY_BYTES - len(lacking)
            if lacking:
                yield Task(item.pack(), tuple(lacking), tuple(key_text(own, number) for number in lacking))

    def add(self, outcome: Outcome) -> None:
        """Takes the rows of a chunk."""
        self.computed += outcome.rows.num_rows
        if self._store is not None:
            self._store.add(outcome.rows, outcome.tables)
        else:
            self._tables[None].append(outcome.rows)
            for name, table in outcome.tables.items():
                self._tables[name].append(table)
        self.show(self.computed + self.resumed)

    def flush(self) -> None:
        """Writes what waits."""
        if self._store is not None:
            self._store.flush()

    def result(self, periods_per_year: float) -> SweepResult:
        """The rows of this sweep."""
        import pyarrow as pa

        self._keys.flush()
        if self._store is not None:
            return SweepResult(self._store, self._keys, self.computed, self.resumed, periods_per_year)
        tables = {
            name: pa.concat_tables(parts, promote_options="default") if parts else None for name, parts in self._tables.items()
        }
        if tables[None] is None:
            tables[None] = self._schema.empty_table()
        return SweepResult(tables, self._keys, self.computed, self.resumed, periods_per_year)

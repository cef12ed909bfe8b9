# Copyright The fractile authors. Licensed under the Apache License, Version 2.0.
"""The plan of a sweep, which all its chunks share, and its tasks."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from fractile.sweep.cells import Cell
from fractile.sweep.signals import Item

if TYPE_CHECKING:
    from fractile.sweep.shipping import Parcel


@dataclasses.dataclass(frozen=True)
class Plan:
    """The part of a sweep that all its chunks share.

    Attributes:
        service: Arguments of `BacktestService.get`.
        content_hash: Of the snapshot; a worker refuses another content under the same id.
        cells: All cells.
        threads: Threads of one run.
        schema: Columns of the rows, of pyarrow.
        keep: Names of the result tables that the store has beside the rows.
        study: Name under which the ledger counts every run as a trial; "" is none.
        reading: Options of reading signal files; signals that travel as Arrow bytes were read with them.
        parcel: The snapshot's files in the scheduler's object store, once a worker lacked them.
    """

    service: dict[str, Any]
    content_hash: str
    cells: tuple[Cell, ...]
    threads: int
    schema: Any
    keep: tuple[str, ...] = ()
    study: str = ""
    reading: Mapping[str, Any] = dataclasses.field(default_factory=dict)
    parcel: Parcel | None = None


@dataclasses.dataclass(frozen=True)
class Task:
    """A signal, the numbers of the cells that it lacks, and the keys of their rows."""

    item: Item
    cells: tuple[int, ...]
    keys: tuple[str, ...]

# Copyright The fractile authors. Licensed under the Apache License, Version 2.0.
"""The plan of a sweep, which all its chunks share, and the keys that identify its rows."""

from __future__ import annotations

import dataclasses
import hashlib
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from fractile import _core
from fractile.sweep.cells import Cell
from fractile.sweep.signals import Item

if TYPE_CHECKING:
    from fractile.sweep.shipping import Parcel

KEY_DIGITS = 32


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


class Keys:
    """Keys of rows: hashes of signal, options, snapshot, date range and engine."""

    def __init__(self, plan: Plan) -> None:
        common = [plan.content_hash, _core.VERSION]
        common += [repr(plan.service.get(name)) for name in ("start_date", "end_date", "compact")]
        self._hashes = [_begin([cell.identity, *common]) for cell in plan.cells]

    def of(self, item: Item) -> list[str]:
        """The keys of one signal, by cell."""
        signal = b"".join(map(_with_length, (item.name, item.digest, item.column)))
        keys = []
        for begun in self._hashes:
            own = begun.copy()
            own.update(signal)
            keys.append(own.hexdigest())
        return keys


def _begin(parts: list[str]) -> Any:
    digest = hashlib.blake2b(digest_size=KEY_DIGITS // 2)
    for part in parts:
        digest.update(_with_length(part))
    return digest


def _with_length(text: str) -> bytes:
    encoded = text.encode()
    return len(encoded).to_bytes(8, "little") + encoded

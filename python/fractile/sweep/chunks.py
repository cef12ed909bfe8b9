# Copyright The fractile authors. Licensed under the Apache License, Version 2.0.
"""The work of a worker: a chunk of signals, every cell of each, to the rows of the result."""

from __future__ import annotations

import dataclasses
import hashlib
import json
import os
import socket
import threading
import time
import warnings
from typing import Any

from fractile import _core
from fractile.errors import FractileError, SnapshotError
from fractile.frames import read_signal
from fractile.run_options import parse_config
from fractile.service import BacktestService
from fractile.sweep.cells import Cell
from fractile.sweep.signals import Item

_NOT_COUNTS = ("missing_group", "examples", "warnings")


@dataclasses.dataclass(frozen=True)
class Plan:
    """The part of a sweep that all its chunks share.

    Attributes:
        service: Arguments of `BacktestService.get`.
        content_hash: Of the snapshot; a worker refuses another content under the same id.
        cells: All cells.
        threads: Threads of one run.
        study: Name under which the ledger counts every run as a trial; "" is none.
    """

    service: dict[str, Any]
    content_hash: str
    cells: tuple[Cell, ...]
    threads: int
    study: str = ""

    def key(self, item: Item, cell: Cell) -> str:
        """Identifies a row: signal, options, snapshot, date range and engine."""
        parts = [item.name, item.digest, item.column, cell.identity, self.content_hash, _core.VERSION]
        parts += [repr(self.service.get(name)) for name in ("start_date", "end_date", "compact")]
        digest = hashlib.blake2b(digest_size=16)
        for part in parts:
            digest.update(len(part.encode()).to_bytes(8, "little") + part.encode())
        return digest.hexdigest()


@dataclasses.dataclass(frozen=True)
class Task:
    """A signal and the numbers of the cells that it lacks."""

    item: Item
    cells: tuple[int, ...]


def run_chunk(plan: Plan, tasks: list[Task]) -> list[dict[str, Any]]:
    """One row per task and cell. A signal that fails becomes error rows, and the others run.

    Raises:
        SnapshotError: This machine lacks the snapshot, or has another content under its id.
        FractileError: The ledger of the study cannot be written here.
    """
    service = _open_service(plan)
    service._open_study(plan.study)
    rows: list[dict[str, Any]] = []
    for task in tasks:
        rows += _run_task(plan, service, task)
    # An executor may end its workers at any time: the ledger must have what the driver gets.
    if plan.study:
        _core.ledger.flush_all()
    return rows


_checked: set[tuple[Any, ...]] = set()


def _open_service(plan: Plan) -> BacktestService:
    service = BacktestService.get(**plan.service)
    root, name = plan.service["root"], plan.service["snapshot"]
    key = (root, name, plan.content_hash)
    if key not in _checked:
        found = _core.open_snapshot(root, name).content_hash
        if found != plan.content_hash:
            raise SnapshotError(
                f'CORRUPT_SNAPSHOT: expected content {plan.content_hash} of snapshot "{name}", found {found} at "{root}". '
                "Copy the snapshot of the sweep to this machine.",
                "CORRUPT_SNAPSHOT",
            )
        _checked.add(key)
    return service


def _run_task(plan: Plan, service: BacktestService, task: Task) -> list[dict[str, Any]]:
    began = time.perf_counter()
    cells = [plan.cells[number] for number in task.cells]
    outcomes: dict[int, Any] = {cell.number: cell.error or task.item.error for cell in cells}
    running = [cell for cell in cells if outcomes[cell.number] is None]
    if running:
        outcomes.update(_run_cells(plan, service, task.item, running))
    seconds = (time.perf_counter() - began) / len(cells)
    worker = f"{socket.gethostname()}:{os.getpid()}:{threading.get_native_id()}"
    return [{**describe(plan, task.item, cell, outcomes[cell.number]), "seconds": seconds, "worker": worker} for cell in cells]


def _run_cells(plan: Plan, service: BacktestService, item: Item, cells: list[Cell]) -> dict[int, Any]:
    """Results or errors by the numbers of cells. All cells share one alignment."""
    try:
        signal = read_signal(item.source, [item.column])
        named = {cell.number: (0, parse_config(_options(plan, cell))) for cell in cells}
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # the row has their text
            return service._run_many(signal, named, "sweep", False, "return", plan.study)
    except FractileError as error:
        return {cell.number: error for cell in cells}


def _options(plan: Plan, cell: Cell) -> dict[str, Any]:
    options = json.loads(cell.options)
    return {"threads": plan.threads, **options}


def describe(plan: Plan, item: Item, cell: Cell, outcome: Any) -> dict[str, Any]:
    """The row of a result or of an error, without its time."""
    row: dict[str, Any] = {"signal": item.name, "cell": cell.number, **cell.choice, "key": plan.key(item, cell)}
    row |= {"signal_hash": item.digest, "snapshot_hash": plan.content_hash, "engine": _core.VERSION}
    if isinstance(outcome, FractileError):
        return row | {"error": outcome.code, "message": str(outcome)}
    summary = outcome._raw.table("summary")
    row |= {name: values[0] for name, values in summary.items() if name not in ("byvar", "group")}
    found = outcome.diagnostics
    row |= {name: count for name, count in found.items() if name not in _NOT_COUNTS}
    return row | {"run_id": outcome.run_id, "warnings": "\n".join(found["warnings"])}

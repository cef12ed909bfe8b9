# Copyright The fractile authors. Licensed under the Apache License, Version 2.0.
"""The work of a worker: a chunk of signals, every cell of each, to the rows of the result."""

from __future__ import annotations

import dataclasses
import functools
import json
import os
import socket
import threading
import time
from collections.abc import Mapping
from typing import Any

from fractile import _core
from fractile.errors import ConfigError, FractileError
from fractile.frames import read_signal
from fractile.result import BacktestResult
from fractile.run_options import parse_config
from fractile.service import BacktestService
from fractile.sweep.columns import make_table, table_of
from fractile.sweep.plan import Plan, Task
from fractile.sweep.shipping import find_root

_NOT_COUNTS = ("missing_group", "examples", "warnings")


@dataclasses.dataclass(frozen=True)
class Outcome:
    """The rows of a chunk, the result tables that go beside them, and the seconds that the chunk took; tables are pyarrow's."""

    rows: Any
    tables: dict[str, Any]
    seconds: float


def run_chunk(plan: Plan, tasks: list[Task]) -> Outcome:
    """One row per task and cell. A signal that fails becomes error rows, and the others run.

    Raises:
        SnapshotMissing: This machine lacks the snapshot.
        SnapshotError: The snapshot is damaged, or has no day in the range.
        FractileError: The ledger of the study cannot be written here.
    """
    began = time.perf_counter()
    service = BacktestService.get(**{**plan.service, "root": find_root(plan)})
    service._open_study(plan.study)
    rows: list[dict[str, Any]] = []
    tables: dict[str, list[Any]] = {name: [] for name in plan.keep}
    for task in tasks:
        rows += _run_task(plan, service, task, tables)
    # An executor may end its workers at any time: the ledger must have what the driver gets.
    if plan.study:
        _core.ledger.flush_all()
    return pack(plan, rows, tables, time.perf_counter() - began)


def pack(plan: Plan, rows: list[dict[str, Any]], tables: Mapping[str, list[Any]], seconds: float) -> Outcome:
    """Rows and tables as pyarrow tables."""
    import pyarrow as pa

    merged = {name: pa.concat_tables(parts, promote_options="default") for name, parts in tables.items() if parts}
    return Outcome(make_table(rows, plan.schema), merged, seconds)


def _run_task(plan: Plan, service: BacktestService, task: Task, tables: dict[str, list[Any]]) -> list[dict[str, Any]]:
    began = time.perf_counter()
    cells = [plan.cells[number] for number in task.cells]
    outcomes: dict[int, Any] = {cell.number: cell.error or task.item.error for cell in cells}
    running = {cell.number: cell.options for cell in cells if outcomes[cell.number] is None}
    if running:
        outcomes |= _run_cells(plan, service, task, running)
    rows = describe(plan, task, outcomes)
    for row in rows:
        result = outcomes[row["cell"]]
        if not isinstance(result, FractileError):
            for name, parts in tables.items():
                columns = result._raw.table(name)
                if columns:
                    parts.append(table_of(name, columns, row))
    seconds = (time.perf_counter() - began) / len(cells)
    worker = f"{socket.gethostname()}:{os.getpid()}:{threading.get_native_id()}"
    return [{**row, "seconds": seconds, "worker": worker} for row in rows]


def _run_cells(plan: Plan, service: BacktestService, task: Task, running: Mapping[int, str]) -> dict[int, Any]:
    """Results or errors by the numbers of cells. All cells share one alignment. Raises ConfigError for a wrong option of reading."""
    try:
        signal = _read(plan, task)
        configs = [_read_options(text, plan.threads) for text in running.values()]
        # The engine itself: the service would warn, and the rows have the warnings' texts.
        raw = service._require_engine().run_many(signal, [task.item.place] * len(configs), configs, False, lambda done: None)
    except ConfigError:
        raise
    except FractileError as error:
        return dict.fromkeys(running, error)
    ledger = service._ledger()
    outcomes: dict[int, Any] = {}
    for number, outcome in zip(running, raw):
        if isinstance(outcome, FractileError):
            outcomes[number] = outcome
            continue
        if plan.study:
            ledger.record(plan.study, outcome)
        outcomes[number] = BacktestResult(outcome, ledger, plan.study)
    return outcomes


@functools.lru_cache(maxsize=4096)
def _read_options(text: str, threads: int) -> Any:
    """The engine's options of a cell, which every signal shares."""
    return parse_config({"threads": threads, **json.loads(text)})


def _read(plan: Plan, task: Task) -> _core.Signal:
    source = task.item.source
    if isinstance(source, _core.Signal):
        return source
    return read_signal(source, [task.item.column], plan.reading if isinstance(source, str) else None)


def describe(plan: Plan, task: Task, outcomes: Mapping[int, Any]) -> list[dict[str, Any]]:
    """The rows of results or of errors, without their times."""
    rows = []
    for number, key in zip(task.cells, task.keys):
        row: dict[str, Any] = {"signal": task.item.name, "cell": number, **plan.cells[number].choice, "key": key}
        row |= {"signal_hash": task.item.digest, "snapshot_hash": plan.content_hash, "engine": _core.VERSION}
        outcome = outcomes[number]
        if isinstance(outcome, FractileError):
            rows.append(row | {"error": outcome.code, "message": str(outcome)})
            continue
        summary = outcome._raw.table("summary")
        row |= {name: values[0] for name, values in summary.items() if name not in ("byvar", "group")}
        found = outcome.diagnostics
        row |= {name: count for name, count in found.items() if name not in _NOT_COUNTS}
        rows.append(row | {"run_id": outcome.run_id, "warnings": "\n".join(found["warnings"])})
    return rows

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
from collections.abc import Iterator, Mapping
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
_RUNS_TOGETHER = 16  # of several columns: their results are in memory at the same time


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
    for group in _group(tasks):
        rows += _run_group(plan, service, group, tables)
    # An executor may end its workers at any time: the ledger must have what the driver gets.
    if plan.study:
        _core.ledger.flush_all()
    return pack(plan, rows, tables, time.perf_counter() - began)


def pack(plan: Plan, rows: list[dict[str, Any]], tables: Mapping[str, list[Any]], seconds: float) -> Outcome:
    """Rows and tables as pyarrow tables."""
    import pyarrow as pa

    merged = {name: pa.concat_tables(parts, promote_options="default") for name, parts in tables.items() if parts}
    return Outcome(make_table(rows, plan.schema), merged, seconds)


def _group(tasks: list[Task]) -> Iterator[list[Task]]:
    """Neighbours that are columns of one signal in memory and lack the same cells: the engine hashes their keys once."""
    group: list[Task] = []
    for task in tasks:
        first = group[0] if group else task
        is_same = (
            isinstance(task.item.source, _core.Signal) and task.item.source is first.item.source and task.cells == first.cells
        )
        if group and not (is_same and (len(group) + 1) * len(task.cells) <= _RUNS_TOGETHER):
            yield group
            group = []
        group.append(task)
    if group:
        yield group


def _run_group(plan: Plan, service: BacktestService, tasks: list[Task], tables: dict[str, list[Any]]) -> list[dict[str, Any]]:
    """The rows of one task, or of several columns of one signal that lack the same cells."""
    began = time.perf_counter()
    cells = [plan.cells[number] for number in tasks[0].cells]
    outcomes: list[dict[int, Any]] = [{cell.number: cell.error or task.item.error for cell in cells} for task in tasks]
    running = {cell.number: cell.options for cell in cells if outcomes[0][cell.number] is None}
    if running:
        for own, ran in zip(outcomes, _run_cells(plan, service, tasks, running)):
            own |= ran
    rows = []
    for task, own in zip(tasks, outcomes):
        described = describe(plan, task, own)
        rows += described
        for row in described if tables else ():
            _add_tables(row, own[row["cell"]], tables)
    seconds = (time.perf_counter() - began) / len(rows)
    worker = f"{socket.gethostname()}:{os.getpid()}:{threading.get_native_id()}"
    return [{**row, "seconds": seconds, "worker": worker} for row in rows]


def _add_tables(row: Mapping[str, Any], result: Any, tables: dict[str, list[Any]]) -> None:
    """Adds the result tables of a row; an error has none."""
    if isinstance(result, FractileError):
        return
    for name, parts in tables.items():
        columns = result._raw.table(name)
        if columns:
            parts.append(table_of(name, columns, row))


def _run_cells(plan: Plan, service: BacktestService, tasks: list[Task], running: Mapping[int, str]) -> list[dict[int, Any]]:
    """By task, results or errors by the numbers of cells. All share one alignment. Raises ConfigError for a wrong option of reading."""
    try:
        signal = _read(plan, tasks[0])
        configs = [_read_options(text, plan.threads) for text in running.values()]
        places = [task.item.place for task in tasks for _ in configs]
        # The engine itself: the service would warn, and the rows have the warnings' texts.
        raw = service._require_engine().run_many(signal, places, configs * len(tasks), False, lambda done: None)
    except ConfigError:
        raise
    except FractileError as error:
        return [dict.fromkeys(running, error) for _ in tasks]
    ledger = service._ledger()
    results: list[Any] = []
    for outcome in raw:
        if isinstance(outcome, FractileError):
            results.append(outcome)
            continue
        if plan.study:
            ledger.record(plan.study, outcome)
        results.append(BacktestResult(outcome, ledger, plan.study))
    return [dict(zip(running, results[first : first + len(running)])) for first in range(0, len(results), len(running))]


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

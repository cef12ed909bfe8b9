# Copyright The fractile authors. Licensed under the Apache License, Version 2.0.
"""Snapshots for machines that lack them: the driver shares the files, each machine stores them once under $FRACTILE_CACHE."""

from __future__ import annotations

import contextlib
import dataclasses
import fcntl
import os
import pathlib
import shutil
import threading
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from fractile import _core
from fractile.errors import FractileError, SnapshotNotFoundError
from fractile.executors import Executor, fetch

if TYPE_CHECKING:
    from fractile.sweep.plan import Plan

_BLOCK = 64 << 20  # bytes that one shared value has: neither side holds a whole file beside its copy


class SnapshotMissing(Exception):
    """A worker lacks the snapshot: the driver is to ship it."""


@dataclasses.dataclass(frozen=True)
class Parcel:
    """The files of a snapshot: path within its folder, and handles of the file's blocks."""

    files: tuple[tuple[str, tuple[Any, ...]], ...]


def pack_snapshot(plan: Plan, executor: Executor) -> Parcel:
    """Shares the files of the plan's snapshot.

    Raises:
        SnapshotNotFoundError: The executor's workers are on this machine: they lack what the driver has lost.
    """
    folder = pathlib.Path(plan.service["root"]) / plan.service["snapshot"]
    if executor.share(plan) is plan:
        raise SnapshotNotFoundError(
            f'SNAPSHOT_NOT_FOUND: expected snapshot "{plan.service["snapshot"]}" with content {plan.content_hash} in each worker, '
            f'found none at "{folder.parent}". Copy the snapshot to the machines of the workers: this executor ships no files.',
            "SNAPSHOT_NOT_FOUND",
        )
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    return Parcel(
        tuple((str(path.relative_to(folder)), tuple(executor.share(block) for block in _blocks(path))) for path in files)
    )


def _blocks(path: pathlib.Path) -> Iterator[Any]:
    import pyarrow as pa

    with open(path, "rb") as file:
        while block := file.read(_BLOCK):
            yield pa.py_buffer(block)


_found: dict[tuple[str, str, str], str] = {}
_finding = threading.Lock()


def find_root(plan: Plan) -> str:
    """The folder of snapshots in which this machine has the plan's: the plan's own, or the cache, filled if need be.

    Raises:
        SnapshotMissing: Neither has it, and the plan has no parcel.
    """
    key = (plan.service["root"], plan.service["snapshot"], plan.content_hash)
    with _finding:
        if key not in _found:
            _found[key] = plan.service["root"] if _has(plan, plan.service["root"]) else _find_cached(plan)
        return _found[key]


def _has(plan: Plan, root: str) -> bool:
    try:
        return bool(_core.open_snapshot(root, plan.service["snapshot"]).content_hash == plan.content_hash)
    except FractileError:
        return False


def _is_whole(plan: Plan, root: str) -> bool:
    """Reads every byte: the cache is trusted by its hashes alone."""
    try:
        _core.verify_snapshot(root, plan.service["snapshot"])
    except FractileError:
        return False
    return _has(plan, root)


def _find_cached(plan: Plan) -> str:
    root = cache_folder() / plan.content_hash
    with _locked(root.with_suffix(".lock")):
        if _is_whole(plan, str(root)):
            return str(root)
        if plan.parcel is None:
            raise SnapshotMissing(plan.service["snapshot"])
        shutil.rmtree(root, ignore_errors=True)
        aside = root.with_suffix(".part")
        shutil.rmtree(aside, ignore_errors=True)  # of a worker that died
        _write(plan.parcel, aside / plan.service["snapshot"])
        if not _is_whole(plan, str(aside)):
            raise SnapshotMissing(plan.service["snapshot"])
        aside.rename(root)
    return str(root)


def _write(parcel: Parcel, folder: pathlib.Path) -> None:
    for name, blocks in parcel.files:
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        try:
            with open(path, "wb") as file:
                for handle in blocks:
                    file.write(_fetch_block(handle))
        except OSError as error:
            raise FractileError(
                f'IO_FAILURE: expected to write the snapshot to "{folder}", found "{error.strerror}". '
                "Make room, or set $FRACTILE_CACHE to another folder.",
                "IO_FAILURE",
            ) from None


def _fetch_block(handle: Any) -> Any:
    try:
        return fetch(handle)
    except Exception as error:  # of the scheduler: the node that had the block is gone
        raise SnapshotMissing(str(error)) from error


def cache_folder() -> pathlib.Path:
    """$FRACTILE_CACHE; else fractile/ in $XDG_CACHE_HOME or ~/.cache."""
    named = os.environ.get("FRACTILE_CACHE")
    if named:
        return pathlib.Path(named)
    return pathlib.Path(os.environ.get("XDG_CACHE_HOME") or pathlib.Path.home() / ".cache") / "fractile"


@contextlib.contextmanager
def _locked(path: pathlib.Path) -> Iterator[None]:
    """One worker of this machine at a time; the system releases the lock however the worker ends."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with open(path, "w", encoding="ascii") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield

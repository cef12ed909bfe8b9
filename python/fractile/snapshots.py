# Copyright The fractile authors. Licensed under the Apache License, Version 2.0.
"""Snapshots from a notebook: what `fractile snapshot` does on the command line."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping
from typing import Any

import pandas as pd

from fractile import _core
from fractile.errors import SnapshotError


def _folder(root: str | os.PathLike[str] | None) -> str:
    return _core.snapshot_root(None if root is None else os.fspath(root))


def create_snapshot(
    id: str,
    frame_or_path: Any,
    root: str | os.PathLike[str] | None = None,
    map: Mapping[str, str] | None = None,
    dtype: str = "float32",
) -> dict[str, Any]:
    """Makes an immutable snapshot of a panel.

    Args:
        id: Letters, digits, ".", "_" and "-".
        frame_or_path: A DataFrame or other Arrow data, or a path to Parquet, CSV or Arrow; columns as
            docs/methodology.md section 1 lists them.
        root: Folder of the snapshots; default $FRACTILE_SNAPSHOTS, else ./snapshots.
        map: Panel column by our name, such as {"ret": "RetColumn"}.
        dtype: "float32", "float64" or "both".

    Returns:
        What the manifest says.

    Raises:
        SnapshotError: The id is taken or the panel is refused; the message says why and where.
    """
    folder, names = _folder(root), dict(map or {})
    show = _show_progress if sys.stderr.isatty() else None
    if isinstance(frame_or_path, (str, os.PathLike)):
        return dict(_core.create_snapshot_from_file(folder, id, os.fspath(frame_or_path), names, dtype, show))
    source = frame_or_path
    if isinstance(source, Mapping):
        source = pd.DataFrame(source)
    if isinstance(source, pd.DataFrame):
        # Named index levels are columns of the panel; an unnamed index means nothing.
        source = source.reset_index(drop=all(name is None for name in source.index.names))
    if not hasattr(source, "__arrow_c_stream__"):
        raise SnapshotError(
            f"PANEL_COLUMN_TYPE: expected a DataFrame, Arrow data or a path, found {type(source).__qualname__}. "
            "Convert it to a DataFrame.",
            "PANEL_COLUMN_TYPE",
        )
    return dict(_core.create_snapshot_from_arrow(folder, id, source, names, dtype, show, type(source).__name__))


def _show_progress(stage: str, fraction: float) -> None:
    width = 30
    done = int(width * fraction)
    end = "\n" if fraction >= 1 else ""
    print(f"\r[{'#' * done}{'.' * (width - done)}] {stage:<24.24}", end=end, file=sys.stderr, flush=True)


def list_snapshots(root: str | os.PathLike[str] | None = None) -> pd.DataFrame:
    """All snapshots below root, oldest first: id, created, rows, securities, dates, first_date, last_date, bytes."""
    columns = ["id", "created", "rows", "securities", "dates", "first_date", "last_date", "bytes"]
    return pd.DataFrame([{c: info[c] for c in columns} for info in _core.list_snapshots(_folder(root))], columns=columns)


def open_snapshot(id: str | None = None, root: str | os.PathLike[str] | None = None) -> _core.Snapshot:
    """Maps a snapshot; None is the newest."""
    folder = _folder(root)
    return _core.open_snapshot(folder, id if id is not None else _core.newest_snapshot(folder))


def verify_snapshot(id: str, root: str | os.PathLike[str] | None = None) -> None:
    """Recomputes every hash. Raises SnapshotError naming the first file that differs."""
    _core.verify_snapshot(_folder(root), id)


def remove_snapshot(id: str, root: str | os.PathLike[str] | None = None) -> None:
    """Deletes a snapshot."""
    _core.remove_snapshot(_folder(root), id)

# Copyright The fractile authors. Licensed under the Apache License, Version 2.0.
"""Snapshots from a notebook: what `fractile snapshot` does on the command line."""

from __future__ import annotations

import json
import os
import sys
import warnings
from collections.abc import Callable, Mapping
from typing import Any

import pandas as pd

from fractile import _core
from fractile.columns import is_wide, list_columns, list_items, to_columns
from fractile.errors import ConfigError, SnapshotError
from fractile.frames import reading_text


def _folder(root: str | os.PathLike[str] | None) -> str:
    return _core.snapshot_root(None if root is None else os.fspath(root))


def create_snapshot(
    id: str,
    frame_or_path: Any,
    root: str | os.PathLike[str] | None = None,
    map: Mapping[str, str] | None = None,
    dtype: str = "float32",
    *,
    periods_per_year: int | None = None,
    drop_stray_days: bool = False,
    **reading: Any,
) -> dict[str, Any]:
    """Makes an immutable snapshot of a panel.

    Args:
        id: Letters, digits, ".", "_" and "-".
        frame_or_path: A DataFrame or other Arrow data, or a path to Parquet, CSV or Arrow; columns as
            docs/methodology.md section 1 lists them.
        root: Folder of the snapshots; default $FRACTILE_SNAPSHOTS, else ./snapshots.
        map: Panel column by our name, such as {"ret": "RetColumn"}.
        dtype: "float32", "float64" or "both".
        periods_per_year: Periods by which returns are annualised; default: as the calendar says.
        drop_stray_days: Leave out the days that the data report calls stray.
        **reading: Options of reading, as docs/reading.md has them: null, text, columns, drop, date_format, ...

    Returns:
        The contents of the manifest, including `report`. The warnings of the data report become Python warnings.

    Raises:
        SnapshotError: The id exists or the panel is refused; the message says why and where.
    """
    folder, show, periods = _folder(root), _progress(), _periods(periods_per_year)
    options = _reading(map, reading)
    if isinstance(frame_or_path, (str, os.PathLike)):
        path = os.fspath(frame_or_path)
        info = _core.create_snapshot_from_file(folder, id, path, options, dtype, periods, drop_stray_days, show)
    else:
        source, name = _arrow_source(frame_or_path), type(frame_or_path).__name__
        info = _core.create_snapshot_from_arrow(folder, id, source, options, dtype, periods, drop_stray_days, show, name)
    return _with_report(info, folder)


def append_snapshot(
    id: str,
    frame_or_path: Any,
    new_id: str,
    root: str | os.PathLike[str] | None = None,
    map: Mapping[str, str] | None = None,
    *,
    periods_per_year: int | None = None,
    **reading: Any,
) -> dict[str, Any]:
    """Makes a new snapshot from an old one and a panel of new or restated rows; the old snapshot does not change.

    A column of the panel replaces the old values in the panel's rows, also with missing values. A column that the panel lacks
    retains its values, and is missing in new rows. Columns, securities and dates may be new. The result equals the one that
    `create_snapshot` makes of both panels together; the two snapshots share unchanged files.

    Args:
        id: The snapshot to append to.
        frame_or_path: As for `create_snapshot`; only security_id and date are needed, and ret if rows are new.
        new_id: The id of the result.
        root: Folder of the snapshots; default $FRACTILE_SNAPSHOTS, else ./snapshots.
        map: Panel column by our name.
        periods_per_year: As for `create_snapshot`; default: as it was given for the old snapshot, else as the calendar says.
        **reading: Options of reading, as for `create_snapshot`.

    Returns:
        The contents of the manifest, `bytes_written`, `bytes_shared`, and `changes` as from `diff_snapshots`.

    Raises:
        SnapshotError: An id is unknown or exists already, the panel is refused, or the panel changes nothing.
    """
    folder, show, periods = _folder(root), _progress(), _periods(periods_per_year)
    options = _reading(map, reading)
    if isinstance(frame_or_path, (str, os.PathLike)):
        info = _core.append_snapshot_from_file(folder, id, os.fspath(frame_or_path), new_id, options, periods, show)
    else:
        source, name = _arrow_source(frame_or_path), type(frame_or_path).__name__
        info = _core.append_snapshot_from_arrow(folder, id, source, new_id, options, periods, show, name)
    return {**_with_report(info, folder), "changes": _read_changes(info["changes"])}


def diff_snapshots(a: str, b: str, root: str | os.PathLike[str] | None = None) -> dict[str, Any]:
    """Returns the changes from snapshot a to snapshot b.

    Returns:
        Counts of `rows` (before, after, added, removed, restated); `securities` and `dates`, each a dict with lists of those
        added and removed; `columns`, a DataFrame of those that differ (column, change, rows, filled, emptied, first_date,
        last_date, stored_before, stored_after); `by_date`, a DataFrame of their rows per day (column, date, rows); `is_equal`.
    """
    return _read_changes(_core.diff_snapshots(_folder(root), a, b))


def _read_changes(text: str) -> dict[str, Any]:
    changes = json.loads(text)
    names = ["column", "change", "rows", "filled", "emptied", "first_date", "last_date", "stored_before", "stored_after"]
    by_date = [(column["column"], date, rows) for column in changes["columns"] for date, rows in column["by_date"]]
    changes["columns"] = pd.DataFrame(changes["columns"], columns=names)
    for name in ("first_date", "last_date"):
        changes["columns"][name] = pd.to_datetime(changes["columns"][name])
    changes["by_date"] = pd.DataFrame(by_date, columns=["column", "date", "rows"])
    changes["by_date"]["date"] = pd.to_datetime(changes["by_date"]["date"])
    return dict(changes)


def _periods(periods_per_year: int | None) -> int:
    """Checks the option and returns the engine's number, in which 0 lets the calendar decide."""
    if periods_per_year is None:
        return 0
    if isinstance(periods_per_year, bool) or not isinstance(periods_per_year, int) or periods_per_year < 1:
        raise ConfigError(
            f"INVALID_VALUE: expected periods_per_year=a whole number from 1, found {periods_per_year!r}. "
            "Days have 252, weeks 52, months 12.",
            "INVALID_VALUE",
        )
    return min(periods_per_year, 2**31 - 1)


def _with_report(info: Mapping[str, Any], folder: str) -> dict[str, Any]:
    """Adds frequency, periods_per_year and report, and shows the report's warnings."""
    found = _core.snapshot_report(folder, info["id"])
    for line in found["report"]:
        if line["level"] == "warning":
            is_named = f'"{line["first"]}"' in line["text"]
            first = f" The first: {line['first']}." if line["first"] and not is_named else ""
            warnings.warn(f"{line['check']}: {line['text']}{first}", stacklevel=3)
    return {**info, **found}


def snapshot_report(id: str, root: str | os.PathLike[str] | None = None) -> pd.DataFrame:
    """The data report of a snapshot's panel, one row per finding: check, level ("info", "warning"), count, first, text."""
    lines = _core.snapshot_report(_folder(root), id)["report"]
    return pd.DataFrame(lines, columns=["check", "level", "count", "first", "text"])


def _reading(map: Mapping[str, str] | None, options: Mapping[str, Any]) -> str:
    """Options of reading as the engine takes them."""
    return reading_text({"map": dict(map) if isinstance(map, Mapping) else map, **options})


def _arrow_source(source: Any) -> Any:
    """Returns an object with __arrow_c_stream__ for a source; named index levels become columns, an unnamed index is ignored."""
    if isinstance(source, Mapping):
        return to_columns(list_items(source, _refuse), _refuse)
    if isinstance(source, pd.DataFrame):
        if source.columns.nlevels > 1 or is_wide(source):
            raise SnapshotError(
                "PANEL_MISSING_COLUMN: expected the columns security_id, date and ret, found a wide frame of "
                f"{source.shape[0]} dates and {source.shape[1]} columns. Pass fractile.from_wide(frame) where it has two column "
                'levels, fractile.from_wide({"ret": frame}) where it has one.',
                "PANEL_MISSING_COLUMN",
            )
        return to_columns(list_columns(source, "date"), _refuse)
    if isinstance(source, pd.Series):
        raise SnapshotError(
            "PANEL_COLUMN_TYPE: expected a DataFrame, found a Series, which is a signal. For a panel of returns alone pass "
            'series.rename("ret").reset_index().',
            "PANEL_COLUMN_TYPE",
        )
    if not hasattr(source, "__arrow_c_stream__"):
        raise SnapshotError(
            f"PANEL_COLUMN_TYPE: expected a DataFrame, Arrow data or a path, found {type(source).__qualname__}. "
            "Convert it to a DataFrame.",
            "PANEL_COLUMN_TYPE",
        )
    return source


def _refuse(name: str, what: str) -> SnapshotError:
    return SnapshotError(f'PANEL_COLUMN_TYPE: {what} in column "{name}".', "PANEL_COLUMN_TYPE")


def _progress() -> Callable[[str, float], None] | None:
    return _show_progress if sys.stderr.isatty() else None


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
    """Deletes a snapshot. Other snapshots retain shared files, and a service that uses the snapshot can still read it."""
    _core.remove_snapshot(_folder(root), id)

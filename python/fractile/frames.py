# Copyright The fractile authors. Licensed under the Apache License, Version 2.0.
"""Converts user input to a Signal of the engine, without a copy if types allow."""

from __future__ import annotations

import decimal
import json
import math
import mmap
import os
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from fractile import _core
from fractile.columns import is_wide, list_columns, list_items, refuse_mixed_ids, series_to_frame, to_columns
from fractile.errors import ConfigError, SignalError

DATE_COLUMNS = ("date_sig", "date_avail", "date_ret", "date_openret")
_KEYS = ("security_id", *DATE_COLUMNS)
READ_OPTIONS = tuple(option["name"] for option in _core.read_options())


def split_options(options: Mapping[str, Any]) -> tuple[dict[str, Any], dict[str, Any]]:
    """Options of reading, and the others."""
    reading = {name: value for name, value in options.items() if name in READ_OPTIONS}
    return reading, {name: value for name, value in options.items() if name not in READ_OPTIONS}


def reading_text(options: Mapping[str, Any]) -> str:
    """Options of reading as the engine takes them."""
    return json.dumps({name: _plain(value) for name, value in options.items() if value is not None})


def _plain(value: Any) -> Any:
    """The value as JSON has it. NaN and the infinities, which it does not have, become texts."""
    if isinstance(value, Mapping):
        return {str(name): _plain(entry) for name, entry in value.items()}
    if isinstance(value, (np.ndarray, np.generic, pd.Series, pd.Index)):
        value = value.tolist()
    if isinstance(value, Iterable) and not isinstance(value, str):
        return [_plain(entry) for entry in value]
    if isinstance(value, decimal.Decimal) or (isinstance(value, float) and not math.isfinite(value)):
        return str(value)
    if value is None or isinstance(value, (str, int, float)):
        return value
    raise ConfigError(
        f"INVALID_VALUE: expected texts and numbers in the options of reading, found {value!r} ({type(value).__name__}). "
        "Write it as a text.",
        "INVALID_VALUE",
    )


def read_signal(source: Any, sigvars: Sequence[str], reading: Mapping[str, Any] | None = None) -> _core.Signal:
    """Reads a signal.

    Args:
        source: A pandas or polars DataFrame, a Series over dates and securities, a pyarrow Table, RecordBatch or reader, a DuckDB
            relation or anything else with ``__arrow_c_stream__``, a dict of numpy arrays, Arrow IPC bytes (bytes, bytearray,
            memoryview, mmap, pyarrow Buffer; viewed, not copied), or a path.
        sigvars: Names of the value columns.
        reading: Options of reading: null, map, date_format, ... as docs/reading.md has them.

    Raises:
        SignalError: A column is missing, or of a type that cannot be read.
    """
    names, options = list(sigvars), reading_text(reading) if reading else "{}"
    for name in names:
        if not isinstance(name, str):
            raise SignalError(
                f"UNKNOWN_COLUMN: expected the name of a value column as a text, found {name!r}. "
                'Pass sigvar="signal"; columns that are numbers are renamed by frame.rename(columns=str).',
                "UNKNOWN_COLUMN",
            )
    if is_bytes(source):
        return _core.signal_from_bytes(view_bytes(source), "arrow", names, options)
    if isinstance(source, (str, os.PathLike)):
        return _core.signal_from_file(os.fspath(source), names, options)
    return _core.signal_from_arrow(signal_stream(source, names, reading), names, options)


def signal_stream(source: Any, names: Sequence[str], reading: Mapping[str, Any] | None = None) -> Any:
    """Returns an object with ``__arrow_c_stream__`` that has the signal's columns of the source."""
    if isinstance(source, pd.Series):
        frame = series_to_frame(source, names[0], "date_sig")
        if frame is None:
            raise SignalError(
                f"UNKNOWN_COLUMN: expected a Series over dates and securities, found one over {_levels(source.index)}. "
                "Name its index levels date_sig and security_id, or pass series.reset_index().",
                "UNKNOWN_COLUMN",
            )
        source = frame
    if isinstance(source, pd.DataFrame):
        if is_wide(source):
            raise SignalError(
                "UNKNOWN_COLUMN: expected the columns security_id, date_sig and a value, found a wide frame of "
                f"{source.shape[0]} dates and {source.shape[1]} columns. Pass fractile.from_wide(frame).",
                "UNKNOWN_COLUMN",
            )
        return _to_columns(list_columns(source, "date_sig"), names, reading)
    if isinstance(source, Mapping):
        return _to_columns(list_items(source, _refuse), names, reading)
    if hasattr(source, "collect") and type(source).__name__ == "LazyFrame":
        raise SignalError("COLUMN_TYPE: expected data, found a polars LazyFrame. Pass frame.collect().", "COLUMN_TYPE")
    if hasattr(source, "__arrow_c_stream__"):
        return source
    if hasattr(source, "__arrow_c_array__"):
        return _table_of(source)
    raise SignalError(
        "COLUMN_TYPE: expected a pandas or polars DataFrame, Arrow data, a dict of numpy arrays, Arrow IPC bytes or a "
        f"path, found {type(source).__module__}.{type(source).__qualname__}. Convert it to a DataFrame.",
        "COLUMN_TYPE",
    )


def _levels(index: pd.Index) -> str:
    return ", ".join("an unnamed level" if name is None else str(name) for name in index.names)


def _refuse(name: str, what: str) -> SignalError:
    return SignalError(f'COLUMN_TYPE: {what} in column "{name}".', "COLUMN_TYPE")


def _to_columns(columns: list[tuple[str, Any]], names: Sequence[str], reading: Mapping[str, Any] | None) -> _core.Columns:
    renamed = (reading or {}).get("map") or {}
    ids = str(renamed.get("security_id", "security_id")) if isinstance(renamed, Mapping) else "security_id"
    out = to_columns(_wanted(columns, names, reading), _refuse)
    for name, column in columns:
        if name == ids and not out.is_of_texts(name):
            refuse_mixed_ids(column, name, _refuse)
    return out


def _wanted(columns: list[tuple[str, Any]], names: Sequence[str], reading: Mapping[str, Any] | None) -> list[tuple[str, Any]]:
    """Returns the columns that a signal may have; all columns if one is missing, so that the refusal can name them."""
    if not reading and all(name in _KEYS or name in names for name, _ in columns):
        return columns
    renamed = (reading or {}).get("map") or {}
    if isinstance(renamed, Mapping):
        dropped = (reading or {}).get("drop") or []
        dropped = dropped.split(",") if isinstance(dropped, str) else map(str, dropped)
        known = {*_KEYS, *names, *map(str, renamed.values()), *dropped}
        found = [(name, column) for name, column in columns if name in known]
        needed = {str(renamed.get(name, name)) for name in ("security_id", "date_sig", *names)}
        if needed <= {name for name, _ in found}:
            return found
    return columns


def is_bytes(source: Any) -> bool:
    """True for what holds plain bytes: they are read as Arrow IPC."""
    return isinstance(source, (bytes, bytearray, memoryview, mmap.mmap)) or (
        type(source).__module__.startswith("pyarrow") and hasattr(source, "to_pybytes")
    )


def view_bytes(source: Any) -> Any:
    """Returns a memoryview of the bytes in place; copies them only if they are not contiguous."""
    view = memoryview(source)
    return (view if view.contiguous else memoryview(bytes(view))).cast("B")


def _table_of(batch: Any) -> Any:
    import pyarrow as pa

    return pa.Table.from_batches([pa.record_batch(batch)])


def table_to_frame(table: Mapping[str, Any], texts: Sequence[str] = (), wholes: Sequence[str] = ()) -> pd.DataFrame:
    """A table of an answer with ``orient=split`` as a frame. A column "date" is of dates; the others are numbers, null is NaN.

    Args:
        table: "columns" (names) and "data" (a list of values for each).
        texts: Columns of texts.
        wholes: Columns of whole numbers.
    """
    columns: dict[str, Any] = {}
    for name, values in zip(table["columns"], table["data"], strict=True):
        if name == "date":
            columns[name] = pd.to_datetime(values)
        elif name in texts:
            columns[name] = list(values)
        else:
            columns[name] = np.array(values, dtype=np.int64 if name in wholes else np.float64)
    return pd.DataFrame(columns)

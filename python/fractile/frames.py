# Copyright The fractile authors. Licensed under the Apache License, Version 2.0.
"""From whatever a user holds to a Signal of the engine, without a copy where types allow.

numpy-backed pandas columns go to the engine as they are. Everything else goes through the Arrow C
stream; other types are converted, or refused naming column, type and remedy.
"""

from __future__ import annotations

import mmap
import os
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from fractile import _core
from fractile.errors import SignalError

DATE_COLUMNS = ("date_sig", "date_avail", "date_ret", "date_openret")
_UNITS = ("s", "ms", "us", "ns")


def read_signal(source: Any, sigvars: Sequence[str]) -> _core.Signal:
    """Reads a signal.

    Args:
        source: A pandas or polars DataFrame, a pyarrow Table, RecordBatch or reader, a DuckDB relation or anything
            else with ``__arrow_c_stream__``, a dict of numpy arrays, Arrow IPC bytes (bytes, bytearray, memoryview,
            mmap, pyarrow Buffer; viewed, not copied), or a path.
        sigvars: Names of the value columns.

    Raises:
        SignalError: A column is missing, or of a type that cannot be read.
    """
    names = list(sigvars)
    if isinstance(source, pd.DataFrame):
        return _from_columns(_pandas_columns(source, names), names, list(map(str, source.columns)))
    if isinstance(source, Mapping):
        return _from_columns(dict(source), names, list(map(str, source)))
    if is_bytes(source):
        return _core.signal_from_bytes(view_bytes(source), "arrow", names)
    if isinstance(source, (str, os.PathLike)):
        return _core.signal_from_file(os.fspath(source), names)
    if hasattr(source, "collect") and type(source).__name__ == "LazyFrame":
        raise SignalError("COLUMN_TYPE: expected data, found a polars LazyFrame. Pass frame.collect().", "COLUMN_TYPE")
    if hasattr(source, "__arrow_c_stream__"):
        return _core.signal_from_arrow(source, names)
    if hasattr(source, "__arrow_c_array__"):
        return _core.signal_from_arrow(_table_of(source), names)
    raise SignalError(
        "COLUMN_TYPE: expected a pandas or polars DataFrame, Arrow data, a dict of numpy arrays, Arrow IPC bytes or a "
        f"path, found {type(source).__module__}.{type(source).__qualname__}. Convert it to a DataFrame.",
        "COLUMN_TYPE",
    )


def is_bytes(source: Any) -> bool:
    """True for what holds plain bytes: they are read as Arrow IPC."""
    return isinstance(source, (bytes, bytearray, memoryview, mmap.mmap)) or (
        type(source).__module__.startswith("pyarrow") and hasattr(source, "to_pybytes")
    )


def view_bytes(source: Any) -> Any:
    """A memoryview of the bytes as they lie in memory; a copy only where they do not lie side by side."""
    view = memoryview(source)
    return (view if view.contiguous else memoryview(bytes(view))).cast("B")


def _table_of(batch: Any) -> Any:
    import pyarrow as pa

    return pa.Table.from_batches([pa.record_batch(batch)])


def _pandas_columns(frame: pd.DataFrame, names: list[str]) -> dict[str, Any]:
    """Columns and named index levels that a signal may have; a column wins over a level of its name."""
    wanted = ["security_id", *DATE_COLUMNS, *names]
    columns: dict[str, Any] = {}
    for level, name in enumerate(frame.index.names):
        if name in wanted:
            columns[name] = frame.index.get_level_values(level)
    for name in wanted:
        if name in frame.columns:
            column = frame[name]
            if isinstance(column, pd.DataFrame):
                raise SignalError(
                    f'UNKNOWN_COLUMN: expected one column "{name}", found {column.shape[1]}. Drop the others.',
                    "UNKNOWN_COLUMN",
                )
            columns[name] = column
    return columns


def _from_columns(columns: dict[str, Any], names: list[str], found: list[str]) -> _core.Signal:
    for name in ("security_id", "date_sig", *names):
        if name not in columns:
            other = next((c for c in found if c != "security_id" and not c.startswith("date_")), None)
            remedy = f'Pass sigvar="{other}".' if name in names and other else "Rename the column."
            raise SignalError(
                f'UNKNOWN_COLUMN: expected a column "{name}", found {", ".join(found) or "no columns"}. {remedy}',
                "UNKNOWN_COLUMN",
            )
    ids = _read_ids("security_id", columns["security_id"])
    if len(ids) == 0:
        raise SignalError(
            "EMPTY_SIGNAL: expected at least one row in the signal, found 0. Pass a signal with rows.", "EMPTY_SIGNAL"
        )
    dates = {name: _read_dates(name, columns[name]) for name in DATE_COLUMNS if name in columns}
    values = [(name, _read_values(name, columns[name])) for name in names]
    return _core.signal_from_numpy(ids, dates, values)


def _refuse(name: str, expected: str, found: Any, remedy: str) -> SignalError:
    return SignalError(f'COLUMN_TYPE: expected {expected} in column "{name}", found {found}. {remedy}', "COLUMN_TYPE")


def _plain(column: Any) -> Any:
    """A numpy array where the column is one underneath, else the column."""
    if isinstance(column, np.ndarray):
        return column
    if isinstance(column, (pd.Series, pd.Index)):
        if isinstance(column.dtype, np.dtype):
            return column.to_numpy()
        if isinstance(column.dtype, pd.CategoricalDtype):
            return _plain(pd.Series(column.astype(column.dtype.categories.dtype)))
        return column
    return np.asarray(column)


def _one_dimension(name: str, array: np.ndarray) -> np.ndarray:
    if array.ndim != 1:
        raise _refuse(name, "one value a row", f"an array of shape {array.shape}", "Pass one-dimensional arrays.")
    return array


def _read_ids(name: str, column: Any) -> np.ndarray:
    array = _plain(column)
    remedy = f'Convert it: df.astype({{"{name}": "Int64"}}).'
    if not isinstance(array, np.ndarray):
        if pd.api.types.is_integer_dtype(array.dtype):
            missing = np.asarray(array.isna())
            filled = array.fillna(0) if missing.any() else array
            out = _to_int64(name, filled.to_numpy(dtype=np.dtype(str(filled.dtype).split("[")[0].lower())))
            if missing.any():
                out = out.copy()
                out[missing] = np.iinfo(np.int64).min
            return out
        raise _refuse(name, "whole numbers", array.dtype, remedy)
    if array.dtype == object and len(array) and all(isinstance(v, (int, np.integer)) and not isinstance(v, bool) for v in array):
        try:
            return np.array(array, dtype=np.int64)
        except OverflowError:
            raise _refuse(name, "whole numbers of 64 bits", "larger ones", "Number the securities anew.") from None
    if array.dtype.kind not in "iu":
        raise _refuse(name, "whole numbers", array.dtype, remedy)
    return _to_int64(name, _one_dimension(name, array))


def _to_int64(name: str, array: np.ndarray) -> np.ndarray:
    if array.dtype == np.uint64 and len(array) and array.max() > np.iinfo(np.int64).max:
        raise _refuse(name, "whole numbers up to 9223372036854775807", array.max(), "Number the securities anew.")
    return np.ascontiguousarray(array, dtype=np.int64)


def _read_values(name: str, column: Any) -> np.ndarray:
    array = _plain(column)
    if not isinstance(array, np.ndarray):
        if pd.api.types.is_numeric_dtype(array.dtype) and not pd.api.types.is_bool_dtype(array.dtype):
            return np.ascontiguousarray(array.to_numpy(dtype=np.float64, na_value=np.nan))
        raise _refuse(name, "numbers", array.dtype, "Convert it to float64.")
    if array.dtype.kind not in "iuf":
        raise _refuse(name, "numbers", array.dtype, "Convert it to float64.")
    return np.ascontiguousarray(_one_dimension(name, array), dtype=np.float64)


def _read_dates(name: str, column: Any) -> tuple[np.ndarray, str]:
    """int64 counts since 1970-01-01 and their unit; a zone's local time is kept, its zone dropped."""
    array = _plain(column)
    remedy = f'Convert it: pd.to_datetime(df["{name}"]).'
    if not isinstance(array, np.ndarray):
        array = _extension_dates(name, array, remedy)
    if array.dtype.kind in "OUST":
        array = _text_dates(name, array, remedy)
    if array.dtype.kind != "M":
        raise _refuse(name, "dates", array.dtype, remedy)
    unit = np.datetime_data(array.dtype)[0]
    if unit not in _UNITS:
        array, unit = array.astype("datetime64[s]"), "s"
    if np.datetime_data(array.dtype)[1] != 1:
        array = array.astype(f"datetime64[{unit}]")
    return np.ascontiguousarray(_one_dimension(name, array)).view(np.int64), unit


def _extension_dates(name: str, series: Any, remedy: str) -> np.ndarray:
    series = pd.Series(series)
    dtype = series.dtype
    if isinstance(dtype, pd.DatetimeTZDtype):
        return np.asarray(series.dt.tz_localize(None).to_numpy())
    if pd.api.types.is_string_dtype(dtype):
        return _text_dates(name, series, remedy)
    if str(dtype).startswith(("timestamp", "date")):
        series = pd.to_datetime(series.astype("object"), errors="coerce")
        if getattr(series.dt, "tz", None) is not None:
            series = series.dt.tz_localize(None)
        return np.asarray(series.to_numpy())
    raise _refuse(name, "dates", dtype, remedy)


def _text_dates(name: str, column: Any, remedy: str) -> np.ndarray:
    """ISO texts, or Python dates and datetimes; missing ones become NaT."""
    if pd.api.types.infer_dtype(column, skipna=True) in ("string", "date"):
        # A signal has few days and many rows: each day is read once.
        codes, days = pd.factorize(column)
        return np.append(_parse_dates(name, np.asarray(days, dtype=object), remedy), np.datetime64("NaT"))[codes]
    return _parse_dates(name, column, remedy)


def _parse_dates(name: str, array: np.ndarray, remedy: str) -> np.ndarray:
    values = pd.Series(array, dtype=object)
    present = values.dropna()
    first = present.iloc[0] if len(present) else None
    if isinstance(first, (int, float, np.number)):
        raise _refuse(name, "dates", type(first).__name__, remedy)
    try:
        parsed = pd.to_datetime(values, format="ISO8601") if isinstance(first, str) else pd.to_datetime(values)
    except (ValueError, TypeError) as error:
        raise _refuse(name, "ISO dates such as 2020-01-02", str(error).split(".")[0], remedy) from None
    if getattr(parsed.dt, "tz", None) is not None:
        parsed = parsed.dt.tz_localize(None)
    return np.asarray(parsed.to_numpy())

# Copyright The fractile authors. Licensed under the Apache License, Version 2.0.
"""From whatever a user holds to a Signal of the engine, without a copy where types allow.

numpy-backed pandas columns go to the engine as they are. Everything else goes through the Arrow C
stream; other types are converted, or refused naming column, type and remedy.
"""

from __future__ import annotations

import datetime
import mmap
import os
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from fractile import _core
from fractile.errors import SignalError
from fractile.ids import read_ids

DATE_COLUMNS = ("date_sig", "date_avail", "date_ret", "date_openret")
_UNITS = ("s", "ms", "us", "ns")
_MAX_WHOLE = 2.0**53  # integers from here on are no longer told apart once they are doubles


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
        return _from_columns(_columns_of_one_index(source), names, list(map(str, source)))
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
    """Returns a memoryview of the bytes in place; copies them only if they are not contiguous."""
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


def _columns_of_one_index(columns: Mapping[str, Any]) -> dict[str, Any]:
    """Columns are taken by position; Series that pandas would align to each other first are refused."""
    indexed = {name: column for name, column in columns.items() if isinstance(column, pd.Series)}
    for name, column in indexed.items():
        first = next(iter(indexed))
        if not column.index.equals(indexed[first].index):
            raise SignalError(
                f'COLUMN_TYPE: expected Series of one index in a dict, found another index in column "{name}" than in '
                f'"{first}". Pass a DataFrame of them, which aligns them, or their arrays (Series.to_numpy()).',
                "COLUMN_TYPE",
            )
    return dict(columns)


def _from_columns(columns: dict[str, Any], names: list[str], found: list[str]) -> _core.Signal:
    for name in ("security_id", "date_sig", *names):
        if name not in columns:
            other = next((c for c in found if c != "security_id" and not c.startswith("date_")), None)
            remedy = f'Pass sigvar="{other}".' if name in names and other else "Rename the column."
            raise SignalError(
                f'UNKNOWN_COLUMN: expected a column "{name}", found {", ".join(found) or "no columns"}. {remedy}',
                "UNKNOWN_COLUMN",
            )
    columns = {name: _unmasked(column) for name, column in columns.items()}
    ids = read_ids(columns["security_id"])
    if len(ids) == 0:
        raise SignalError(
            "EMPTY_SIGNAL: expected at least one row in the signal, found 0. Pass a signal with rows.", "EMPTY_SIGNAL"
        )
    dates = {name: _read_dates(name, columns[name]) for name in DATE_COLUMNS if name in columns}
    values = [(name, _read_values(name, columns[name])) for name in names]
    if ids.texts is not None:
        return _core.signal_from_texts(ids.numbers, ids.texts, dates, values)
    return _core.signal_from_numbers(ids.numbers, ids.valid_bits, dates, values)


def _refuse(name: str, expected: str, found: Any, remedy: str) -> SignalError:
    return SignalError(f'COLUMN_TYPE: expected {expected} in column "{name}", found {found}. {remedy}', "COLUMN_TYPE")


def _unmasked(column: Any) -> Any:
    """A masked array as a column whose masked entries are missing."""
    if not isinstance(column, np.ma.MaskedArray):
        return column
    if column.mask is np.ma.nomask or column.ndim != 1:
        return column.data
    mask = np.ma.getmaskarray(column)
    if column.dtype.kind in "iu":
        return pd.Series(pd.arrays.IntegerArray(column.data.astype(column.dtype.newbyteorder("=")), mask))
    if column.dtype.kind in "fM":
        return np.where(mask, np.array("nan" if column.dtype.kind == "f" else "NaT", dtype=column.dtype), column.data)
    values = column.data.astype(object)
    values[mask] = None
    return values


def _categories(column: Any) -> tuple[Any, np.ndarray] | None:
    """Of a category: its values, and each row's place among them, -1 where it is missing. Else None."""
    if not isinstance(getattr(column, "dtype", None), pd.CategoricalDtype):
        return None
    category = pd.Series(column).cat
    return category.categories, category.codes.to_numpy()


def _spread(distinct: Any, codes: np.ndarray) -> Any:
    """The values of a category's rows; missing ones stay missing."""
    values, missing = np.asarray(distinct)[codes], codes < 0
    if not missing.any():
        return values
    if values.dtype.kind in "iu":
        return pd.Series(pd.arrays.IntegerArray(values, missing))
    return pd.Series(values).mask(missing).to_numpy()


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


def _read_values(name: str, column: Any) -> np.ndarray:
    if category := _categories(column):
        column = _spread(*category)
    array = _plain(column)
    is_number = pd.api.types.is_numeric_dtype(array.dtype) and not pd.api.types.is_bool_dtype(array.dtype)
    if not is_number or pd.api.types.is_complex_dtype(array.dtype):
        raise _refuse(name, "numbers", array.dtype, "Convert it to float64.")
    is_whole = pd.api.types.is_integer_dtype(array.dtype)
    if isinstance(array, np.ndarray):
        values = np.ascontiguousarray(_one_dimension(name, array), dtype=np.float64)
    else:
        values = np.ascontiguousarray(array.to_numpy(dtype=np.float64, na_value=np.nan))
    if is_whole and (bad := np.abs(values) >= _MAX_WHOLE).any():
        row = int(bad.argmax())
        raise _refuse(
            name, "whole numbers below 2^53", f"about {values[row]:.0f} at row {row}", "Rank or scale them, or pass float64."
        )
    return values


def _read_dates(name: str, column: Any) -> tuple[np.ndarray, str]:
    """int64 counts since 1970-01-01 and their unit; of a time with a zone or an offset the local time counts."""
    if category := _categories(column):
        distinct, codes = category
        ticks, unit = _read_dates(name, distinct)
        return np.append(ticks, np.iinfo(np.int64).min)[codes], unit
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
    if np.datetime_data(array.dtype)[1] != 1 or not array.dtype.isnative:
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
        return _text_dates(name, series.astype("object"), remedy)
    raise _refuse(name, "dates", dtype, remedy)


def _text_dates(name: str, column: Any, remedy: str) -> np.ndarray:
    """ISO texts, or Python dates and datetimes; missing ones become NaT."""
    # A signal has few days and many rows: each day is read once.
    codes, distinct = pd.factorize(pd.Series(column, dtype=object))
    days = list(distinct)
    if all(isinstance(day, str) for day in days):
        micros, bad = _core.read_date_texts(days)
        if bad >= 0:
            row = int((codes == bad).argmax())
            raise _refuse(
                name,
                "ISO dates such as 2020-01-02 or 2020-01-02T08:30:00",
                f'"{days[bad][:40]}" at row {row}',
                "Convert the column to dates.",
            )
        times = np.array(micros, dtype=np.int64).view("datetime64[us]")
    else:
        odd = next((day for day in days if not isinstance(day, (datetime.date, np.datetime64))), None)
        if odd is not None:
            raise _refuse(name, "dates", type(odd).__name__, remedy)
        local = [day.replace(tzinfo=None) if isinstance(day, datetime.datetime) else day for day in days]
        times = np.array(local, dtype="datetime64[us]")
    return np.append(times, np.datetime64("NaT", "us"))[codes]

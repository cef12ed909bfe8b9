# Copyright The fractile authors. Licensed under the Apache License, Version 2.0.
"""From frames, Series and dicts to Arrow columns, which the reader of every other source reads.

Numbers and times of numpy are viewed, not copied. Other columns become texts, and the one reader of texts says what they mean,
so a frame and the CSV written from it cannot differ.
"""

from __future__ import annotations

import datetime as dt
import decimal
import math
import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from fractile import _core

_UNITS = ("s", "ms", "us", "ns")
# Arrow's format of each type of numpy whose memory is Arrow's.
_FORMATS = {
    np.dtype(code): arrow
    for code, arrow in {
        "i1": "c",
        "u1": "C",
        "i2": "s",
        "u2": "S",
        "i4": "i",
        "u4": "I",
        "i8": "l",
        "u8": "L",
        "f2": "e",
        "f4": "f",
        "f8": "g",
        **{f"M8[{unit}]": f"ts{unit[0]}:" for unit in _UNITS},
    }.items()
}
_DATE_LEVELS = ("date_sig", "date", "datetime", "timestamp", "trade_date", "time")
_ID_LEVELS = ("security_id", "asset", "instrument", "symbol", "ticker", "permno", "ts_code", "code")

Failure = Callable[[str, str], Exception]


def to_columns(columns: Sequence[tuple[str, Any]], fail: Failure) -> _core.Columns:
    """Columns of one length as something with ``__arrow_c_stream__``.

    Args:
        columns: Names and columns.
        fail: Makes the exception of a column's name and what is wrong with it.
    """
    lengths = {name: _length(name, column, fail) for name, column in columns}
    n_rows = next(iter(lengths.values()), 0)
    out = _core.Columns(n_rows)
    for name, column in columns:
        if lengths[name] != n_rows:
            raise fail(
                name, f"expected {n_rows} values, as other columns have, found {lengths[name]}. Give columns of one length"
            )
        try:
            _add(out, name, column)
        except (TypeError, ValueError, OverflowError, ArithmeticError, ImportError) as error:
            raise fail(
                name, f"expected numbers, dates or texts, found a column that cannot be read ({error}). Convert it"
            ) from error
    return out


def _length(name: str, column: Any, fail: Failure) -> int:
    if not hasattr(column, "__len__") or isinstance(column, (str, bytes)):
        raise fail(name, f"expected a column of values, found {type(column).__name__}. Give a list or an array")
    return len(column)


def list_columns(frame: pd.DataFrame, date: str) -> list[tuple[str, Any]]:
    """Columns and the index levels that have a name, those of alphalens and qlib by ours; a column wins over a level of its name.

    Args:
        frame: Any frame.
        date: Our name of its dates.
    """
    labels = list(frame.columns)
    # By label if it is one column's: by place takes three times as long, which a small signal feels.
    by_label = frame.columns.is_unique and frame.columns.nlevels == 1
    out = [(str(label), frame[label] if by_label else frame.iloc[:, place]) for place, label in enumerate(labels)]
    names = [name for name, _ in out]
    levels = _level_names(frame.index, date)
    return [(name, frame.index.get_level_values(level)) for level, name in levels.items() if name not in names] + out


def list_items(columns: Mapping[Any, Any], fail: Failure) -> list[tuple[str, Any]]:
    """Columns of a dict. Series of the same labels are put in the order of the first, as pandas does; other indexes are refused."""
    indexed = {name: column for name, column in columns.items() if isinstance(column, pd.Series)}
    if not indexed:
        return [(str(name), column) for name, column in columns.items()]
    first = next(iter(indexed))
    aligned: dict[Any, Any] = dict(columns)
    for name, column in indexed.items():
        index = indexed[first].index
        if column.index.equals(index):
            continue
        is_same = len(indexed) == len(columns) and index.is_unique and column.index.is_unique and len(index) == len(column)
        if not is_same or not index.isin(column.index).all():
            raise fail(
                str(name),
                f'expected Series of one index in a dict, found another index than in column "{first}". Pass a DataFrame of them, '
                "which aligns them, or their arrays (Series.to_numpy())",
            )
        aligned[name] = column.reindex(index)
    return [(str(name), column) for name, column in aligned.items()]


def refuse_mixed_ids(column: Any, name: str, fail: Failure) -> None:
    """Refuses ids of which some are numbers and others texts: zeros in front of the numbers may be lost."""
    if isinstance(getattr(column, "dtype", None), pd.CategoricalDtype):
        column = column.cat.categories if isinstance(column, pd.Series) else column.categories
    if getattr(getattr(column, "dtype", None), "kind", "") != "O":
        return
    kind = pd.api.types.infer_dtype(column, skipna=True)
    whole = np.asarray(column)[~np.asarray(pd.isna(column))] if kind == "integer" else ()
    is_large = any(not -(2**63) <= value < 2**63 for value in whole)
    if is_large or kind not in ("string", "integer", "integer-na", "floating", "mixed-integer-float", "decimal", "empty"):
        found = "larger numbers" if is_large else f"{kind} values"
        raise fail(name, f"expected whole numbers (int64) in all rows or texts in all rows, found {found}. Convert the ids,")


def _level_names(index: pd.Index, date: str) -> dict[int, str]:
    """Names of the levels that are columns."""
    out: dict[int, str] = {}
    for level, name in enumerate(index.names):
        if name is None:
            continue
        text = str(name)
        if text in _DATE_LEVELS and not (text != date and text.startswith("date_")):
            text = date
        elif text in _ID_LEVELS:
            text = "security_id"
        out[level] = text
    return out


def series_to_frame(series: pd.Series, value: str, date: str) -> pd.DataFrame | None:
    """A frame of a Series over dates and securities; None if its index has other levels."""
    index = series.index
    if not isinstance(index, pd.MultiIndex) or index.nlevels != 2:
        return None
    names = _level_names(index, date)
    is_time = [level.dtype.kind == "M" for level in index.levels]
    places = {name: level for level, name in names.items()}
    if date not in places or "security_id" not in places:
        if is_time[0] == is_time[1]:
            return None
        places = {date: is_time.index(True), "security_id": is_time.index(False)}
    out = {name: index.get_level_values(level) for name, level in places.items() if name in (date, "security_id")}
    return pd.DataFrame({**out, value: series.array})


def is_wide(frame: pd.DataFrame) -> bool:
    """True for dates by securities: an index of dates, and no column or level of ids."""
    if isinstance(frame.index, pd.MultiIndex) or frame.shape[1] == 0:
        return False
    if frame.columns.nlevels > 1:
        return True
    first = frame.index[0] if len(frame) else None
    is_dated = frame.index.dtype.kind == "M" or isinstance(first, (dt.date, pd.Period))
    is_dated |= isinstance(first, str) and re.match(r"\d{4}-\d\d-\d\d", first) is not None
    if not is_dated:
        return False
    names = {str(name).lower() for name in (*frame.columns, *frame.index.names)}
    return not names & {"security_id", *_ID_LEVELS}


def _bits(present: np.ndarray) -> np.ndarray:
    """Arrow's bitmap."""
    return np.packbits(present, bitorder="little")


def _bytes(array: np.ndarray) -> np.ndarray:
    return (array if array.flags.c_contiguous else np.ascontiguousarray(array)).view(np.uint8)


def _add(out: _core.Columns, name: str, column: Any) -> None:
    if type(column) is np.ndarray:  # first, because a sweep reads many
        return _add_numpy(out, name, column, None)
    if isinstance(column, np.ma.MaskedArray):
        present = ~np.ma.getmaskarray(column)
        return _add_numpy(out, name, np.asarray(column.filled()), present)
    if isinstance(column, np.ndarray):
        return _add_numpy(out, name, column, None)
    if not isinstance(column, (pd.Series, pd.Index, pd.api.extensions.ExtensionArray)):
        if hasattr(column, "__arrow_c_array__"):
            return out.add_arrow(name, column)
        column = pd.Series(column)
    dtype = column.dtype
    if isinstance(dtype, np.dtype):
        # `values` takes a fifth of the time of to_numpy(); an array of pandas has none.
        plain: Any = column.values if isinstance(column, (pd.Series, pd.Index)) else column.to_numpy()
        return _add_numpy(out, name, plain, None)
    array: Any = column.array if isinstance(column, (pd.Series, pd.Index)) else column
    if isinstance(dtype, pd.CategoricalDtype):
        return _add_categorical(out, name, array)
    if isinstance(dtype, pd.DatetimeTZDtype):
        return _add_numpy(out, name, np.asarray(array.tz_localize(None)), None)
    if isinstance(dtype, pd.PeriodDtype):
        return _add_periods(out, name, array)
    if isinstance(dtype, pd.SparseDtype):
        return _add_numpy(out, name, np.asarray(array), None)
    if hasattr(array, "__arrow_array__") and type(array).__name__.startswith("Arrow"):
        return out.add_arrow(name, _in_one(array.__arrow_array__()))
    if pd.api.types.is_bool_dtype(dtype) or pd.api.types.is_numeric_dtype(dtype):
        present = ~np.asarray(array.isna())
        return _add_numpy(out, name, array.to_numpy(dtype=_plain_type(dtype), na_value=0), present)
    if pd.api.types.is_string_dtype(dtype):
        return _add_objects(out, name, np.asarray(array, dtype=object))
    return out.add_name(name, "z")


def _in_one(chunks: Any) -> Any:
    """The array of a pyarrow array or chunked array. A single chunk is not copied."""
    if not hasattr(chunks, "combine_chunks"):
        return chunks
    return chunks.chunk(0) if chunks.num_chunks == 1 else chunks.combine_chunks()


def _plain_type(dtype: Any) -> np.dtype:
    """numpy's type of a nullable one, such as Int64."""
    return np.dtype(bool) if pd.api.types.is_bool_dtype(dtype) else np.dtype(str(dtype).lower())


def _add_numpy(out: _core.Columns, name: str, array: np.ndarray, present: np.ndarray | None) -> None:
    if array.ndim != 1:
        raise ValueError(f"an array of shape {array.shape}")
    if not array.dtype.isnative:
        array = array.astype(array.dtype.newbyteorder("="))
    valid = None if present is None or present.all() else _bits(present)
    plain = _FORMATS.get(array.dtype)
    if plain is not None:
        return out.add_plain(name, plain, _bytes(array), valid)
    kind = array.dtype.kind
    if kind == "b":
        return out.add_plain(name, "b", _bits(array), valid)
    if kind == "f":  # longer than 8 bytes
        return out.add_plain(name, "g", _bytes(array.astype(np.float64)), valid)
    if kind == "M":
        return _add_times(out, name, array, valid)
    if kind in "UT":
        array, kind = array.astype(object), "O"
    if kind == "O":
        if present is not None:
            array = array.copy()
            array[~present] = None
        return _add_objects(out, name, array)
    return out.add_name(name, "z")  # bytes, durations, complex numbers: of no use to a run


def _add_times(out: _core.Columns, name: str, array: np.ndarray, valid: np.ndarray | None) -> None:
    unit, count = np.datetime_data(array.dtype)
    if unit in ("M", "Y"):  # without a day: the reader knows whether a format says what it means
        texts = np.datetime_as_string(array).astype(object)
        texts[np.isnat(array)] = None
        return out.add_texts(name, list(texts), as_text)
    if unit not in _UNITS:
        unit = "s"
    if unit != np.datetime_data(array.dtype)[0] or count != 1:
        array = array.astype(f"datetime64[{unit}]")
    return out.add_plain(name, _FORMATS[array.dtype], _bytes(array), valid)


def _add_periods(out: _core.Columns, name: str, array: Any) -> None:
    if array.freqstr.split("-")[0] == "M":
        texts = array.strftime("%Y-%m").astype(object)
        texts[np.asarray(array.isna())] = None
        return out.add_texts(name, list(texts), as_text)
    ends = array.to_timestamp(how="end")
    # The end of a period is its last day, and its last moment if it is shorter than a day.
    is_short = len(array) > 0 and (array.start_time.normalize() == ends.normalize()).all() and array.freqstr != "D"
    return _add_numpy(out, name, np.asarray(ends if is_short else ends.normalize()), None)


def _add_categorical(out: _core.Columns, name: str, array: Any) -> None:
    codes, categories = np.asarray(array.codes), array.categories
    if not (isinstance(categories.dtype, np.dtype) and categories.dtype.kind in "iufMb"):
        return _add_codes(out, name, codes, categories)
    present = codes >= 0
    taken = categories.to_numpy()[np.where(present, codes, 0)] if len(categories) else np.full(len(codes), np.nan)
    return _add_numpy(out, name, taken, present)


def _add_codes(out: _core.Columns, name: str, codes: np.ndarray, values: Any) -> None:
    """Codes into values; a negative one is missing."""
    valid = None if len(codes) == 0 or codes.min() >= 0 else _bits(codes >= 0)
    out.add_codes(name, _FORMATS[codes.dtype], _bytes(codes), valid, np.asarray(values, dtype=object).tolist(), as_text)


def _add_objects(out: _core.Columns, name: str, array: np.ndarray) -> None:
    if out.add_objects(name, np.ascontiguousarray(array), (pd.NA, pd.NaT), dt.date):
        return None
    kind = pd.api.types.infer_dtype(array, skipna=True)
    if kind == "string":
        return out.add_texts(name, array.tolist(), as_text)
    if kind == "empty":
        return out.add_name(name, "n")
    if kind in ("integer", "integer-na", "floating", "mixed-integer-float", "boolean"):
        present = ~np.asarray(pd.isna(array))
        filled = array if present.all() else np.where(present, array, 0)
        try:
            target = {"boolean": bool, "integer": np.int64, "integer-na": np.int64}.get(kind, np.float64)
            return _add_numpy(out, name, filled.astype(target), present)
        except OverflowError:
            return out.add_texts(name, array.tolist(), as_text)
    if kind == "period":
        return _add_periods(out, name, pd.array(array))
    if kind == "date":
        # Few days, many rows: each is written once.
        codes, days = pd.factorize(array)
        return _add_codes(out, name, codes, days)
    try:
        return out.add_texts(name, array.tolist(), as_text)
    except _Useless:
        return out.add_name(name, "z")


class _Useless(Exception):
    """A value of a type that no run can use."""


def as_text(value: Any) -> str | None:
    """A value as a CSV has it; None if it is missing."""
    if value is None or value is pd.NA or value is pd.NaT:
        return None
    if isinstance(value, np.generic):
        return as_text(pd.Timestamp(value) if isinstance(value, np.datetime64) else value.item())
    if isinstance(value, str):
        return str(value)
    if isinstance(value, bool):
        return str(value)  # as to_csv() writes it; a column of booleans alone reads True and true alike
    if isinstance(value, int):
        return str(value)
    if isinstance(value, float):
        return None if math.isnan(value) else repr(value)
    if isinstance(value, decimal.Decimal):
        return None if value.is_nan() else str(value)
    if isinstance(value, dt.date):  # a datetime and a Timestamp too
        return value.isoformat()
    if isinstance(value, pd.Period):
        return value.strftime("%Y-%m") if value.freqstr.startswith("M") else value.end_time.date().isoformat()
    raise _Useless(type(value).__qualname__)


def from_wide(frames: Any) -> pd.DataFrame:
    """Rows from frames of dates by securities.

    Args:
        frames: A frame with a row per date and a column per security gives a signal: security_id, date_sig, signal. A dict of
            such frames by name, or a frame with two column levels of which one holds the names (as yfinance has it), gives a
            panel: security_id, date and the names.

    Returns:
        The cells that are not missing, by date and then in the order of the columns.

    Raises:
        SignalError: The argument has another shape.
    """
    if isinstance(frames, pd.DataFrame) and frames.columns.nlevels == 2:
        frames = _split_levels(frames)
    if isinstance(frames, Mapping):
        if not frames:
            raise _no_wide("a dict without frames")
        parts = [_stack(frame, "date", str(name)).set_index(["date", "security_id"]) for name, frame in frames.items()]
        return pd.concat(parts, axis=1, join="outer", sort=True).reset_index()[["security_id", "date", *map(str, frames)]]
    return _stack(frames, "date_sig", "signal")


def _no_wide(found: str) -> Exception:
    from fractile.errors import SignalError

    return SignalError(
        f"COLUMN_TYPE: expected a DataFrame with a row per date and a column per security, a dict of such frames, or one with "
        f"two column levels, found {found}. Convert it.",
        "COLUMN_TYPE",
    )


def _split_levels(frame: pd.DataFrame) -> dict[str, pd.DataFrame]:
    """Frames by name: yfinance has the level Price of names, and the level Ticker."""
    names = [str(name).lower() for name in frame.columns.names]
    level = next((i for i, name in enumerate(names) if name in ("price", "attributes", "field", "fields", "variable")), None)
    if level is None:
        level = next((1 - i for i, name in enumerate(names) if name in (*_ID_LEVELS, "tickers", "symbols")), 0)
    keys = frame.columns.get_level_values(level).unique()
    return {str(key): pd.DataFrame(frame.xs(key, axis=1, level=level)) for key in keys}


def _stack(frame: Any, date: str, value: str) -> pd.DataFrame:
    if not isinstance(frame, pd.DataFrame) or frame.columns.nlevels != 1 or isinstance(frame.index, pd.MultiIndex):
        raise _no_wide(type(frame).__qualname__ if not isinstance(frame, pd.DataFrame) else "a frame of another shape")
    for axis, index in (("date", frame.index), ("security", frame.columns)):
        if not index.is_unique:
            raise _no_wide(f"the {axis} {index[index.duplicated()][0]} twice")
    n_dates, n_names = frame.shape
    out = pd.DataFrame(
        {
            "security_id": np.tile(frame.columns.to_numpy(), n_dates),
            date: frame.index.repeat(n_names),
            value: frame.to_numpy().reshape(-1),
        }
    )
    return out[out[value].notna()].reset_index(drop=True)

# Copyright The fractile authors. Licensed under the Apache License, Version 2.0.
"""Security ids of numpy and pandas columns: whole numbers with a bitmap of those that are there, or codes into texts."""

from __future__ import annotations

import decimal
import numbers
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from fractile.errors import SignalError

_MAX_WHOLE_REAL = 2.0**53  # whole floats below are told apart from their neighbours


@dataclass
class Ids:
    """One id per row.

    Attributes:
        numbers: int64 whole numbers, or int32 codes into `texts`, negative if the id is missing.
        valid: True for each row that has a whole number; None if every row has one, or ids are texts.
        texts: None if ids are whole numbers.
    """

    numbers: np.ndarray
    valid: np.ndarray | None = None
    texts: list[str] | None = None

    def __len__(self) -> int:
        return len(self.numbers)

    @property
    def valid_bits(self) -> np.ndarray | None:
        return None if self.valid is None else np.packbits(self.valid, bitorder="little")


def read_ids(column: Any, name: str = "security_id") -> Ids:
    """Reads a column of ids, without a copy where it is int64 or a category of texts.

    Raises:
        SignalError: COLUMN_TYPE, with what the column holds instead.
    """
    if not isinstance(column, (pd.Series, pd.Index, np.ndarray)):
        column = np.asarray(column)
    if isinstance(column, np.ndarray) and column.ndim != 1:
        raise _refuse(name, "one id a row", f"an array of shape {column.shape}", "Pass one-dimensional arrays.")
    dtype = column.dtype
    if isinstance(dtype, pd.CategoricalDtype):
        category = pd.Series(column).cat
        return _spread(read_ids(category.categories, name), category.codes.to_numpy())
    if pd.api.types.is_bool_dtype(dtype):
        raise _refuse(name, "whole numbers or texts", dtype, "Name another column as security_id.")
    if pd.api.types.is_integer_dtype(dtype):
        return _whole_numbers(column, name)
    if pd.api.types.is_float_dtype(dtype):
        reals = column if isinstance(column, np.ndarray) else column.to_numpy(dtype=np.float64, na_value=np.nan)
        return _whole_reals(np.asarray(reals, dtype=np.float64), name)
    if (
        pd.api.types.is_object_dtype(dtype)
        or (isinstance(dtype, np.dtype) and dtype.kind == "U")
        or pd.api.types.is_string_dtype(dtype)
    ):
        codes, distinct = pd.factorize(column)
        return _spread(_read_distinct(list(distinct), codes, name), codes)
    if str(dtype).startswith(("decimal", "dictionary")):
        return read_ids(column.astype(object), name)
    raise _refuse(name, "whole numbers or texts", dtype, "Name another column as security_id.")


def _refuse(name: str, expected: str, found: Any, remedy: str) -> SignalError:
    return SignalError(f'COLUMN_TYPE: expected {expected} in column "{name}", found {found}. {remedy}', "COLUMN_TYPE")


def _whole_numbers(column: Any, name: str) -> Ids:
    valid = None
    if not isinstance(column.dtype, np.dtype):
        missing = np.asarray(column.isna())
        filled = column.fillna(0) if missing.any() else column
        valid = ~missing if missing.any() else None
        column = np.asarray(filled, dtype=np.dtype(str(filled.dtype).split("[")[0].lower()))
    array = np.asarray(column)
    if array.dtype.kind == "u" and array.dtype.itemsize == 8 and len(array) and array.max() > np.iinfo(np.int64).max:
        raise _refuse(name, "whole numbers up to 9223372036854775807", array.max(), "Number the securities anew.")
    return Ids(np.ascontiguousarray(array, dtype=np.int64), valid)


def _whole_reals(reals: np.ndarray, name: str) -> Ids:
    missing = np.isnan(reals)
    with np.errstate(invalid="ignore"):
        bad = ~missing & ((np.floor(reals) != reals) | (np.abs(reals) >= _MAX_WHOLE_REAL))
    if bad.any():
        row = int(bad.argmax())
        raise _refuse(
            name, "whole numbers below 2^53, or texts,", f"{reals[row]} at row {row}", "Give the ids as integers or as texts."
        )
    whole = np.where(missing, 0.0, reals).astype(np.int64)
    return Ids(whole, ~missing if missing.any() else None)


def _read_distinct(values: list[Any], codes: np.ndarray, name: str) -> Ids:
    """Different values of an object column: all texts, or all whole numbers."""

    def refuse(value: Any) -> SignalError:
        row = int((codes == next(i for i, v in enumerate(values) if v is value)).argmax())
        shown = f"{type(value).__name__} {value!r}"[:80]
        return _refuse(
            name, "whole numbers in all rows or texts in all rows", f"{shown} at row {row}", "Give all ids as one kind."
        )

    if all(isinstance(value, str) for value in values):
        try:
            for value in values:
                value.encode()
        except UnicodeEncodeError:
            raise _refuse(name, "texts of Unicode characters", "a lone surrogate", "Re-encode the source.") from None
        return Ids(np.arange(len(values), dtype=np.int32), texts=[str(value) for value in values])
    whole = np.zeros(len(values), dtype=np.int64)
    for i, value in enumerate(values):
        is_number = isinstance(value, (numbers.Real, decimal.Decimal)) and not isinstance(value, (bool, np.bool_))
        if not is_number or value != value or abs(value) == float("inf") or int(value) != value:
            raise refuse(value)
        try:
            whole[i] = int(value)
        except OverflowError:
            raise _refuse(name, "whole numbers of 64 bits", value, "Number the securities anew.") from None
    return Ids(whole)


def _spread(distinct: Ids, codes: np.ndarray) -> Ids:
    """The ids of rows from those of their codes; a negative code is a missing id."""
    if distinct.texts is not None:
        if not _is_counted(distinct.numbers):
            codes = np.where(codes < 0, -1, np.append(distinct.numbers, np.int32(-1))[codes])
        return Ids(np.ascontiguousarray(codes, dtype=np.int32), texts=distinct.texts)
    missing = codes < 0
    if len(distinct) == 0:
        return Ids(np.zeros(len(codes), dtype=np.int64), ~missing)
    whole = distinct.numbers[np.where(missing, 0, codes)]
    valid = ~missing if distinct.valid is None else ~missing & distinct.valid[np.where(missing, 0, codes)]
    return Ids(whole, None if valid.all() else valid)


def _is_counted(codes: np.ndarray) -> bool:
    return bool((codes == np.arange(len(codes))).all())

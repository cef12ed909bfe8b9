# Copyright The fractile authors. Licensed under the Apache License, Version 2.0.
"""The signals of a client: a path, rows, or an Arrow stream in base64."""

from __future__ import annotations

import base64
import binascii
import pathlib
from collections.abc import Callable, Mapping
from typing import Any

import pandas as pd

from fractile.errors import ConfigError, SignalError
from fractile.frames import read_signal, split_options
from fractile.mcp.limits import Limits

SCHEMA: dict[str, Any] = {
    "description": "A signal: security_id, date_sig and a value per row, and optionally date_avail or a return date.",
    "oneOf": [
        {
            "type": "object",
            "properties": {"path": {"type": "string", "description": "A file below the server's folder of signals."}},
            "required": ["path"],
            "additionalProperties": False,
        },
        {
            "type": "object",
            "properties": {
                "rows": {"type": "array", "items": {"type": "object"}, "minItems": 1, "description": "One object per row."}
            },
            "required": ["rows"],
            "additionalProperties": False,
        },
        {
            "type": "object",
            "properties": {"arrow": {"type": "string", "description": "An Arrow IPC stream in base64."}},
            "required": ["arrow"],
            "additionalProperties": False,
        },
    ],
}


_FACTORS = "Factor returns per period: a column `date` and one per factor, as fractions."
FACTORS_SCHEMA: dict[str, Any] = {
    "description": _FACTORS,
    "oneOf": [
        {
            "type": "object",
            "properties": {
                "path": {"type": "string", "description": "A .csv or .parquet file below the server's folder of signals."}
            },
            "required": ["path"],
            "additionalProperties": False,
        },
        {
            "type": "object",
            "properties": {
                "rows": {"type": "array", "items": {"type": "object"}, "minItems": 1, "description": "One object per date."}
            },
            "required": ["rows"],
            "additionalProperties": False,
        },
    ],
}


def read_factors(factors: Mapping[str, Any], limits: Limits) -> pd.DataFrame:
    """Returns factor returns by date.

    Args:
        factors: As `FACTORS_SCHEMA` says.
        limits: Of this server.

    Raises:
        ConfigError: The path is outside the folder, there are too many rows, or a value is neither a date nor a number.
    """
    try:
        frame = _read_frame(factors, limits)
        limits.check_rows(len(frame))
        if "date" not in frame:
            raise _refuse_factors(f"the columns {', '.join(map(str, frame.columns[:20]))}")
        return frame.assign(date=pd.to_datetime(frame["date"])).set_index("date").astype(float)
    except (ValueError, TypeError, OverflowError, OSError) as error:
        if isinstance(error, ConfigError):
            raise
        raise _refuse_factors(str(error)[:200]) from None


def _read_frame(factors: Mapping[str, Any], limits: Limits) -> pd.DataFrame:
    if "rows" in factors:
        return pd.DataFrame(factors["rows"])
    file = limits.resolve(factors["path"])
    readers: dict[str, Callable[[pathlib.Path], pd.DataFrame]] = {".csv": pd.read_csv, ".parquet": pd.read_parquet}
    reader = readers.get(pathlib.Path(file).suffix.lower())
    if reader is None:
        raise _refuse_factors(f'the file "{factors["path"]}"')
    frame: pd.DataFrame = reader(file)
    return frame.reset_index() if "date" not in frame and frame.index.name == "date" else frame


def _refuse_factors(found: str) -> ConfigError:
    return ConfigError(
        f"INVALID_VALUE: expected factor returns as a column date and columns of numbers (.csv, .parquet or rows), found {found}. "
        'Send {"rows": [{"date": "2020-01-02", "mkt": 0.01}, ...]}.',
        "INVALID_VALUE",
    )


def read(signal: Mapping[str, Any], options: Mapping[str, Any], limits: Limits) -> Any:
    """Returns the signal in a form that `BacktestService.run` takes.

    Args:
        signal: As `SCHEMA` says.
        options: Of the run: sigvar and options of reading.
        limits: Of this server.

    Raises:
        ConfigError: The path is outside the folder, or the signal has too many rows.
        SignalError: The signal has too many bytes, is not base64, or lacks a column.
    """
    found = _find(signal, limits)
    if limits.rows is not None:
        limits.check_rows(read_signal(found, [str(options.get("sigvar", "signal"))], split_options(options)[0]).n_rows)
    return found


def _find(signal: Mapping[str, Any], limits: Limits) -> Any:
    if "path" in signal:
        return str(limits.resolve(signal["path"]))
    if "rows" in signal:
        return pd.DataFrame(signal["rows"])
    text = signal["arrow"]
    if len(text) * 3 // 4 > limits.bytes:
        raise SignalError(
            f"SIGNAL_TOO_LARGE: expected up to {limits.bytes} bytes of Arrow, found about {len(text) * 3 // 4}. "
            "Write a file into the folder of signals and send its path.",
            "SIGNAL_TOO_LARGE",
        )
    try:
        return base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError) as error:
        raise SignalError(
            f"UNREADABLE_SIGNAL: expected arrow in base64, found other text ({error}). Encode the bytes of an IPC stream.",
            "UNREADABLE_SIGNAL",
        ) from error

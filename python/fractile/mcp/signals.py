# Copyright The fractile authors. Licensed under the Apache License, Version 2.0.
"""The signals of a client: a path, rows, or an Arrow stream in base64."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Mapping
from typing import Any

import pandas as pd

from fractile.errors import SignalError
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

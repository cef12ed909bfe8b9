# Copyright The fractile authors. Licensed under the Apache License, Version 2.0.
"""JSON schemas of options and tables, made from the engine's declarations."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from typing import Any

from fractile import _core

_UNBOUNDED = 1e9
NUMBER: dict[str, Any] = {"type": ["number", "null"]}


def _describe_values(option: dict[str, Any]) -> dict[str, Any]:
    low, high = option["min"], option["max"]
    bounds = {} if low == high else {"minimum": low} | ({} if high >= _UNBOUNDED else {"maximum": high})
    choices = {"enum": option["choices"]} if option["choices"] else {}
    whole: dict[str, Any] = {"type": "integer"} | bounds
    if option["zero_name"]:
        whole = {"anyOf": [whole, {"const": option["zero_name"]}]}
    shapes: dict[str, dict[str, Any]] = {
        "boolean": {"type": "boolean"},
        "whole": whole,
        "real": {"type": "number"} | bounds,
        "choice": {"type": "string"} | choices,
        "resid": {"anyOf": [{"type": "string"} | choices, {"type": "boolean"}]},
        "text": {"type": "string"},
        "texts": {"type": "array", "items": {"type": "string"} | choices},
        "two_reals": {"type": "array", "items": {"type": "number"}, "minItems": 2, "maxItems": 2},
        "bps_map": {"type": "object", "additionalProperties": {"type": "number"}},
        "universe": {"type": "object"},
    }
    # The engine checks the value of a type that is declared after this was written.
    return shapes.get(option["type"], {})


def options() -> dict[str, Any]:
    """The object of run options and of options of reading: every option with its values, default and meaning."""
    properties = {}
    for option in _core.options():
        default = json.loads(option["default"])
        values = _describe_values(option)
        if default is None and values:
            values = {"anyOf": [values, {"type": "null"}]}
        properties[option["name"]] = values | {"default": default, "description": option["doc"]}
    for option in _core.read_options():
        if not option["is_for_panels"]:
            properties[option["name"]] = {"description": f"How the signal is read. {option['doc']}"}
    about = "Options of a run, and of reading its signal."
    return {"type": "object", "properties": properties, "additionalProperties": False, "description": about}


def row_of(table: str) -> dict[str, Any]:
    """An object with the declared columns of a result table; exposures may follow them."""
    declared = next(entry for entry in _core.result_tables() if entry["name"] == table)
    kinds: dict[str, dict[str, Any]] = {
        "text": {"type": "string"},
        "date": {"type": "string", "format": "date"},
        "whole": {"type": ["integer", "null"]},
    }
    properties = {c["name"]: kinds.get(c["type"], NUMBER) | {"description": c["doc"]} for c in declared["columns"]}
    return {"type": "object", "properties": properties, "description": declared["doc"]}


def object_of(required: dict[str, Any], optional: dict[str, Any] | None = None) -> dict[str, Any]:
    """An object with these properties and no other."""
    return {
        "type": "object",
        "properties": required | (optional or {}),
        "required": list(required),
        "additionalProperties": False,
    }


def array_of(items: dict[str, Any]) -> dict[str, Any]:
    """A list."""
    return {"type": "array", "items": items}


def number(value: Any) -> float | None:
    """A number as JSON has it: None if it is missing or not finite."""
    return None if value is None or not math.isfinite(value) else float(value)


def plain(row: Mapping[Any, Any]) -> dict[str, Any]:
    """A row of a frame as JSON values."""
    out: dict[str, Any] = {}
    for name, value in row.items():
        one = value.item() if hasattr(value, "item") else value
        out[str(name)] = None if isinstance(one, float) and not math.isfinite(one) else one
    return out

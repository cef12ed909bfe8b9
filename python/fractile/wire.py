# Copyright The fractile authors. Licensed under the Apache License, Version 2.0.
"""Reads a result from its JSON text, which comes from a server or a pickle."""

from __future__ import annotations

import json
from typing import Any

import numpy as np

from fractile import _core

# JSON does not distinguish 10.0 from 10, so the declarations of the tables say which columns are not real.
_TYPES = {table["name"]: {column["name"]: column["type"] for column in table["columns"]} for table in _core.result_tables()}


def _to_array(values: list[Any], kind: str) -> Any:
    if kind == "text" or (kind == "security" and values and isinstance(values[0], str)):
        return list(values)
    return np.array(values, dtype=np.int64 if kind in ("whole", "security") else np.float64)


class WireResult:
    """The answer of ``POST /run?orient=split``, with the members of the engine's own result."""

    def __init__(self, body: dict[str, Any]) -> None:
        self._body = body

    def table(self, name: str) -> dict[str, Any]:
        """Returns a table as a dict of arrays, days as int32 under "name:days"; empty if the run was not asked for it."""
        columns: dict[str, Any] = {}
        found = self._body.get(name)
        if found is None:
            return columns
        types = _TYPES.get(name, {})
        for column, values in zip(found["columns"], found["data"], strict=True):
            kind = types.get(column, "real")
            if kind == "date":
                columns[f"{column}:days"] = np.array(values, dtype="datetime64[D]").astype(np.int32)
            else:
                columns[column] = _to_array(values, kind)
        return columns

    @property
    def diagnostics(self) -> dict[str, Any]:
        return dict(self._body["diagnostics"])

    @property
    def config_json(self) -> str:
        return json.dumps(self._body["config"])

    @property
    def snapshot(self) -> str:
        return str(self._body["snapshot"])

    @property
    def run_id(self) -> str:
        return str(self._body["run_id"])

    @property
    def periods_per_year(self) -> int:
        return int(self._body["periods_per_year"])

    @property
    def elapsed_seconds(self) -> float:
        return float(self._body["elapsed_seconds"])

    @property
    def timings(self) -> dict[str, float]:
        return dict(self._body["timings"])

    def to_json(self, orient: str = "records") -> str:
        """Returns the engine's text, except that numbers may have another form."""
        if orient == "split":
            return json.dumps(self._body)
        body = {name: _to_records(value) if _is_table(value) else value for name, value in self._body.items()}
        return json.dumps(body)


def _is_table(value: Any) -> bool:
    return isinstance(value, dict) and value.keys() == {"columns", "data"}


def _to_records(table: dict[str, Any]) -> list[dict[str, Any]]:
    return [dict(zip(table["columns"], row, strict=True)) for row in zip(*table["data"], strict=True)]

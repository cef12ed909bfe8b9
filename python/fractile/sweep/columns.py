# Copyright The fractile authors. Licensed under the Apache License, Version 2.0.
"""The columns of a sweep's rows: the same in every part of a store, whatever became of its signals."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

from fractile.result import TABLES
from fractile.sweep.cells import Cell

# Numbers of a run's diagnostics; a test compares them with those of a run.
COUNTS = (
    *("rows_given", "rows_used", "null_key", "null_signal", "unknown_security", "outside_dates", "no_return"),
    *("outside_universe", "no_exposure", "duplicate", "bad_open_print", "rows_carried", "return_day_rolled"),
    *("trade_before_avail", "missing_return", "left_panel", "missing_weight", "missing_double_var", "missing_rank_within"),
    *("one_sided_category", "unknown_cost"),
)
TIMES = ("seconds", "worker")  # differ from sweep to sweep; every other column is the same bits
_TYPES = {"whole": "int64", "real": "float64", "text": "string"}


def make_schema(cells: Sequence[Cell], snapshot: Mapping[str, Any]) -> Any:
    """The pyarrow schema of the sweep's rows.

    Args:
        cells: All cells; each option of the grid is a column.
        snapshot: What the manifest says: its exposures are columns of the summary, and so are the cells' own factors.
    """
    import pyarrow as pa

    fields = [("signal", "string"), ("cell", "int64")]
    fields += [(name, option_type(cells, name)) for name in cells[0].choice]
    summary = [(column["name"], _TYPES[column["type"]]) for column in TABLES["summary"]["columns"]]
    fields += [field for field in summary if field[0] not in ("byvar", "group")]
    factors = [column["name"] for column in snapshot["columns"] if column["unit"] == "exposure"]
    factors += [name for cell in cells for name in json.loads(cell.options).get("factors") or ()]
    fields += [(name, "float64") for name in dict.fromkeys(factors)]
    fields += [(name, "int64") for name in COUNTS]
    fields += [
        (name, "string") for name in ("run_id", "error", "message", "warnings", "key", "signal_hash", "snapshot_hash", "engine")
    ]
    fields += [("seconds", "float64"), ("worker", "string")]
    return pa.schema([(name, pa.type_for_alias(kind)) for name, kind in fields])


def table_of(name: str, columns: Mapping[str, Any], row: Mapping[str, Any]) -> Any:
    """A result table of one run as a pyarrow table, with signal, cell and key of its row before it."""
    import pyarrow as pa

    kinds = {column["name"]: column["type"] for column in TABLES[name]["columns"]}
    arrays = {}
    for label, values in columns.items():
        column = label.removesuffix(":days")
        if label.endswith(":days"):
            arrays[column] = pa.array(values, pa.int32()).view(pa.date32())
        else:
            kind = kinds.get(column, "real")
            is_text = kind == "text" or (len(values) and isinstance(values[0], str))
            arrays[column] = pa.array(values, pa.string() if is_text else _TYPES.get(kind, "int64"))
    length = len(next(iter(arrays.values())))
    same = {"signal": row["signal"], "cell": row["cell"], "key": row["key"]}
    return pa.table({**{label: pa.repeat(pa.scalar(value), length) for label, value in same.items()}, **arrays})


def option_type(cells: Sequence[Cell], name: str) -> str:
    """Arrow's name of the type that holds all values of an option; texts hold lists and mixtures, as JSON."""
    kinds = {type(cell.choice[name]) for cell in cells}
    if kinds == {bool}:
        return "bool"
    if kinds == {int}:
        return "int64"
    return "float64" if kinds <= {int, float} else "string"


def make_table(rows: Sequence[Mapping[str, Any]], schema: Any) -> Any:
    """A pyarrow table of rows; a column that a row lacks is null."""
    import pyarrow as pa

    arrays = []
    for field in schema:
        values = [row.get(field.name) for row in rows]
        if pa.types.is_string(field.type):
            values = [value if value is None or isinstance(value, str) else json.dumps(value) for value in values]
        arrays.append(pa.array(values, field.type))
    return pa.Table.from_arrays(arrays, schema=schema)

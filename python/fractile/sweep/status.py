# Copyright The fractile authors. Licensed under the Apache License, Version 2.0.
"""The state of a store, also while a sweep writes to it."""

from __future__ import annotations

import fcntl
import os
import pathlib
from typing import Any

from fractile.errors import FractileError
from fractile.sweep.store import LOCK


def sweep_status(store: str | os.PathLike[str]) -> dict[str, Any]:
    """The contents of a store: rows, signals, errors by code, seconds of all workers, parts, and whether a sweep writes to it.

    Raises:
        FractileError: IO_FAILURE: the folder is not a store.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    folder = pathlib.Path(store)
    parts = sorted(folder.glob("part-*.parquet"))
    if not (folder / LOCK).exists():
        raise FractileError(f'IO_FAILURE: expected the store of a sweep, found none at "{store}". Check the path.', "IO_FAILURE")
    tables = [pq.read_table(part, columns=["signal", "error", "seconds"]) for part in parts]
    counted = pa.concat_tables(tables).to_pandas() if tables else None
    with open(folder / LOCK, encoding="ascii") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
            is_running = False
        except OSError:
            is_running = True
    if counted is None:
        return {"rows": 0, "signals": 0, "errors": {}, "seconds": 0.0, "parts": 0, "is_running": is_running}
    return {
        "rows": len(counted),
        "signals": int(counted["signal"].nunique()),
        "errors": {str(code): int(count) for code, count in counted["error"].value_counts().items()},
        "seconds": float(counted["seconds"].sum()),
        "parts": len(parts),
        "is_running": is_running,
    }

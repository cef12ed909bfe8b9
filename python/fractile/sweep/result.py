# Copyright The fractile authors. Licensed under the Apache License, Version 2.0.
"""The answer of a sweep."""

from __future__ import annotations

from functools import cached_property
from typing import Any

import numpy as np
import pandas as pd

from fractile.sweep.store import Store


class SweepResult:
    """The rows of a sweep: one per signal and cell, the same for every executor.

    Attributes:
        computed: Rows that this call computed.
        resumed: Rows that the store had.
    """

    def __init__(self, rows: Store | Any, keys: np.ndarray, computed: int, resumed: int) -> None:
        self._rows = rows
        self._keys = keys
        self.computed = computed
        self.resumed = resumed

    @cached_property
    def arrow(self) -> Any:
        """The rows as a pyarrow Table, sorted by signal and cell."""
        found = self._rows.read(self._keys) if isinstance(self._rows, Store) else self._rows
        return found.sort_by([("signal", "ascending"), ("cell", "ascending"), ("key", "ascending")])

    @cached_property
    def table(self) -> pd.DataFrame:
        """The rows as a DataFrame."""
        frame: pd.DataFrame = self.arrow.to_pandas()
        return frame

    @property
    def errors(self) -> pd.DataFrame:
        """The rows of what failed: signal, cell, error, message."""
        failed = self.table[self.table["error"].notna()]
        return failed[["signal", "cell", "error", "message"]].reset_index(drop=True)

    @property
    def store(self) -> str | None:
        """The folder of the rows; None if they are in memory."""
        return str(self._rows.folder) if isinstance(self._rows, Store) else None

    def __len__(self) -> int:
        return self.computed + self.resumed

    def __repr__(self) -> str:
        return f"SweepResult(rows={len(self)}, computed={self.computed}, resumed={self.resumed}, store={self.store!r})"

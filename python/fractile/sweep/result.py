# Copyright The fractile authors. Licensed under the Apache License, Version 2.0.
"""The answer of a sweep."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cached_property
from typing import IO, Any

import numpy as np
import pandas as pd

from fractile import _core
from fractile.errors import ConfigError
from fractile.stats import multiple_testing
from fractile.sweep.store import Store

_ORDER = [("signal", "ascending"), ("cell", "ascending"), ("key", "ascending")]


class SweepResult:
    """The rows of a sweep: one per signal and cell, the same for every executor.

    Attributes:
        computed: Rows that this call computed.
        resumed: Rows that the store had.
    """

    def __init__(
        self, rows: Store | Mapping[str | None, Any], keys: IO[bytes], computed: int, resumed: int, periods_per_year: float
    ) -> None:
        self._rows = rows
        self._keys = keys
        self._periods_per_year = periods_per_year
        self.computed = computed
        self.resumed = resumed

    def _read(self, table: str | None) -> Any:
        if not isinstance(self._rows, Store):
            return self._rows.get(table)
        self._keys.seek(0)
        return self._rows.read(_core.KeySet(self._keys.read()), table)

    @cached_property
    def arrow(self) -> Any:
        """The rows as a pyarrow Table, sorted by signal and cell; equal signals of one name are one."""
        import pyarrow as pa

        rows = self._read(None).sort_by(_ORDER).combine_chunks()
        keys = rows.column("key").to_numpy(zero_copy_only=False)
        is_new = np.ones(len(keys), bool)
        is_new[1:] = keys[1:] != keys[:-1]
        return rows.filter(pa.array(is_new)) if not is_new.all() else rows

    @cached_property
    def table(self) -> pd.DataFrame:
        """The rows as a DataFrame."""
        frame: pd.DataFrame = self.arrow.to_pandas()
        return frame

    def read(self, table: str) -> pd.DataFrame:
        """A result table of all rows, as docs/tables.md describes it, after the columns signal, cell and key.

        Args:
            table: Such as "daily", which needs ``keep="daily"`` or ``keep="all"``.

        Raises:
            ConfigError: The sweep did not store the table.
        """
        found = self._read(table)
        if found is None:
            raise ConfigError(
                f'REFUSED_COMBINATION: expected the table "{table}", which a sweep stores with keep="daily" or keep="all", '
                "found none. Sweep again with keep and another store.",
                "REFUSED_COMBINATION",
            )
        frame: pd.DataFrame = found.sort_by(_ORDER).to_pandas()
        return frame

    def daily_returns(self, series: str = "ret_net") -> pd.DataFrame:
        """Returns per period, one column per row without error: by signal, or by signal and cell if the grid has several.

        Args:
            series: A column of the table "daily".
        """
        daily = self.read("daily").drop_duplicates(["key", "date"])
        names = daily.drop_duplicates("key").set_index("key")[["signal", "cell"]]
        wide = daily.set_index(["date", "key"])[series].unstack("key")[names.index]  # noqa: PD010  nothing is aggregated
        has_one_cell = len(set(names["cell"])) == 1
        labels = [signal if has_one_cell else f"{signal}/{cell}" for signal, cell in zip(names["signal"], names["cell"])]
        return wide.set_axis(labels, axis="columns")

    def multiple_testing(self, series: str = "ret_net", **options: Any) -> pd.DataFrame:
        """`fractile.multiple_testing` of the stored daily returns: which rows earn more than luck explains.

        Args:
            series: A column of the table "daily".
            **options: Arguments of `fractile.multiple_testing`.
        """
        return multiple_testing(self.daily_returns(series), **{"periods_per_year": self._periods_per_year, **options})

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

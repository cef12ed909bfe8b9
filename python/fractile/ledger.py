# Copyright The fractile authors. Licensed under the Apache License, Version 2.0.
"""Studies. Every run of a study is a trial, which the ledger counts, so that the best of many trials can be deflated."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from contextvars import ContextVar, Token
from typing import Any, Protocol

import numpy as np
import pandas as pd

from fractile import _core
from fractile.errors import ConfigError

_active: ContextVar[str | None] = ContextVar("fractile_study", default=None)
_flushed_by: int = 0  # id of the process that flushes its ledgers at its end

Moments = Sequence[float]  # ratio per period, periods, skewness, kurtosis


def resolve_study(given: str | None) -> str:
    """The study of a run: the argument, else that of the `with` block, else $FRACTILE_STUDY; "" is none.

    Raises:
        ConfigError: The name is not one that a snapshot could have.
    """
    return _core.ledger.study_name(_active.get() if given is None else given)


def ledger_file(root: str | os.PathLike[str] | None = None) -> str:
    """$FRACTILE_LEDGER, else ledger.sqlite in the folder of the snapshots."""
    return _core.ledger.file(_core.snapshot_root(None if root is None else os.fspath(root)))


class Ledger(Protocol):
    """The interface through which a result asks for the trials of its study."""

    def deflate(self, study: str, run_id: str, periods_per_year: int, ret: Moments, ret_net: Moments) -> dict[str, Any]:
        """A trial among the trials of a study: trials, trials_effective, variance, variance_net, dsr, dsr_net, is_best, text."""
        ...


class LocalLedger:
    """A ledger file."""

    def __init__(self, file: str) -> None:
        self.file = file

    def open(self, study: str) -> str:
        """Checks before a run that trials can be written. Returns the study."""
        if study:
            _core.ledger.require_writable(self.file)
        return study

    def record(self, study: str, raw: _core.RawResult) -> None:
        """Counts a result."""
        _core.ledger.record(self.file, study, raw)
        _flush_with_the_process()

    def deflate(self, study: str, run_id: str, periods_per_year: int, ret: Moments, ret_net: Moments) -> dict[str, Any]:
        """See `Ledger`."""
        return _core.ledger.deflate(self.file, study, run_id, periods_per_year, tuple(ret), tuple(ret_net))


def _flush_with_the_process() -> None:
    """Arranges a flush at the end of this process: children of multiprocessing end without the exit handlers of C."""
    global _flushed_by
    if "multiprocessing" not in sys.modules:
        return
    import multiprocessing
    from multiprocessing.util import Finalize

    if multiprocessing.parent_process() is not None:
        _core.ledger.flush_all()
    elif _flushed_by != os.getpid():
        _flushed_by = os.getpid()
        Finalize(None, _core.ledger.flush_all, exitpriority=0)


class Study:
    """A study of the ledger; made by `fractile.study`.

    In a `with` block every run of this thread or task is one of its trials, unless the run names another study.
    """

    def __init__(self, name: str, root: str | os.PathLike[str] | None = None) -> None:
        self.name = _core.ledger.study_name(name)
        self._file = ledger_file(root)
        self._tokens: list[Token[str | None]] = []

    def __enter__(self) -> Study:
        self._tokens.append(_active.set(self.name))
        return self

    def __exit__(self, *exception: object) -> None:
        _active.reset(self._tokens.pop())

    def trials(self) -> pd.DataFrame:
        """One row per trial in the order of time: run_id, time (UTC), snapshot, periods, periods_per_year, the Sharpe ratio per
        period with skewness and kurtosis before (sr, skew, kurt) and after costs (sr_net, ...), and config (JSON).

        Raises:
            ConfigError: The ledger has no such study.
        """
        frame = pd.DataFrame(_core.ledger.trials(self._file, self.name).table("trials"))
        frame["time"] = _to_times(frame["time"])
        return frame

    def returns(self, series: str = "ret") -> pd.DataFrame:
        """Returns of the first 2,000 trials, days by run_id; `series` is "ret" or "ret_net".

        Raises:
            ConfigError: The ledger has no such study.
        """
        from fractile.stats.series import refuse

        if series not in ("ret", "ret_net"):
            raise refuse("series ret or ret_net", repr(series), "Correct it.")
        columns = {}
        for run_id, days, values in _core.ledger.returns(self._file, self.name, series == "ret_net"):
            columns[run_id] = pd.Series(values, index=pd.DatetimeIndex(np.asarray(days).astype("datetime64[D]")))
        return pd.DataFrame(columns).sort_index().rename_axis(index="date", columns="run_id")

    def deflate(self, run_id: str) -> dict[str, Any]:
        """A trial among the others of the study, as `BacktestResult.deflation` describes it.

        Raises:
            ConfigError: The ledger has no such study, or the study has no such trial.
        """
        table = self.trials().set_index("run_id")
        if run_id not in table.index:
            raise ConfigError(
                f'STUDY_NOT_FOUND: expected a trial of study "{self.name}", found no run "{run_id}". `trials` lists them.',
                "STUDY_NOT_FOUND",
            )
        row: Any = table.loc[run_id]
        ret, ret_net = (
            [float(row[name]) for name in (f"sr{end}", "periods", f"skew{end}", f"kurt{end}")] for end in ("", "_net")
        )
        return LocalLedger(self._file).deflate(self.name, run_id, int(row["periods_per_year"]), ret, ret_net)

    def export(self, path: str | os.PathLike[str]) -> None:
        """Writes `trials` to a .parquet or .csv file."""
        _core.ledger.export(self._file, self.name, os.fspath(path))

    def forget(self) -> int:
        """Deletes all trials, and returns how many. Their number stays in `fractile.studies`."""
        return _core.ledger.forget(self._file, self.name)

    def __repr__(self) -> str:
        return f"Study({self.name!r})"


def study(name: str, root: str | os.PathLike[str] | None = None) -> Study:
    """A study by name, for a `with` block around runs, and for its trials.

    Args:
        name: Letters, digits, ".", "_" and "-"; "" counts no run.
        root: Folder of the snapshots, whose ledger `trials` and the like read; default $FRACTILE_SNAPSHOTS, else ./snapshots.
            Runs write to the ledger of their own snapshot's folder. $FRACTILE_LEDGER names one file for all.

    Raises:
        ConfigError: The name is not one that a snapshot could have.
    """
    return Study(name, root)


def studies(root: str | os.PathLike[str] | None = None) -> pd.DataFrame:
    """All studies of the ledger: study, trials, first and last (UTC times of trials), forgotten (trials that were deleted)."""
    frame = pd.DataFrame(_core.ledger.studies(ledger_file(root)).table("studies"))
    for name in ("first", "last"):
        frame[name] = _to_times(frame[name])
    return frame


def _to_times(texts: pd.Series) -> pd.Series:
    return pd.to_datetime(texts.where(texts != ""), format="ISO8601", utc=True)

# Copyright The fractile authors. Licensed under the Apache License, Version 2.0.
"""The service: one loaded snapshot that serves many runs."""

from __future__ import annotations

import datetime as dt
import json
import os
import resource
import threading
import time
import warnings
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, ClassVar, Unpack

import numpy as np
import pandas as pd

from fractile import _core
from fractile.audit import SignalAudit
from fractile.errors import ConfigError, FractileError, SnapshotError
from fractile.frames import read_signal, split_options
from fractile.ledger import LocalLedger, resolve_study
from fractile.option_types import MoreRunOptions, RunOptions
from fractile.progress import open_bar, track
from fractile.regressions import FamaMacBeth, regression_arguments
from fractile.result import BacktestResult
from fractile.run_options import parse_config, to_json, with_run_options
from fractile.tear_sheet import Source, make_source

_Key = tuple[str, str, str | None, str | None, bool, int, bool, bool]


def _as_date(value: Any) -> str | None:
    """Returns the ISO text of a date, a datetime, a Timestamp or a text."""
    if value is None or isinstance(value, str):
        return value
    if isinstance(value, (dt.date, np.datetime64)):
        return pd.Timestamp(value).date().isoformat()
    return str(value)


class BacktestService:
    """Runs backtests on one snapshot. `get` makes it. Thread-safe.

    The engine runs without the interpreter's lock, so threads run in parallel.
    """

    _shared: ClassVar[dict[_Key, BacktestService]] = {}
    _lock: ClassVar[threading.Lock] = threading.Lock()

    def __init__(
        self,
        root: str,
        snapshot: str,
        start_date: str | None,
        end_date: str | None,
        compact: bool,
        cache_size: int,
        use_mmap: bool,
        preload: bool,
    ) -> None:
        began = time.perf_counter()
        self._folder = os.path.abspath(root)
        self._snapshot_id = snapshot
        place = {"root": root, "start_date": start_date, "end_date": end_date, "compact": compact}
        self._place = {name: value for name, value in place.items() if value is not None}
        opened = _core.open_snapshot(root, snapshot, use_mmap, preload, compact)
        self._engine: _core.Backtester | None = _core.Backtester(opened, start_date, end_date, compact, cache_size)
        self._load_seconds = time.perf_counter() - began
        self._started = time.time()
        self._run_count = 0
        self._count_lock = threading.Lock()

    @classmethod
    def get(
        cls,
        snapshot: str | None = None,
        start_date: Any = None,
        end_date: Any = None,
        compact: bool = True,
        force_reload: bool = False,
        root: str | os.PathLike[str] | None = None,
        *,
        cache_size: int = 10,
        use_mmap: bool = True,
        preload: bool = False,
    ) -> BacktestService:
        """Returns the shared service of these arguments; the next call with the same arguments returns it at once.

        Args:
            snapshot: Id; None is the newest.
            start_date: First return day, inclusive; None is the first of the snapshot.
            end_date: Last return day, inclusive.
            compact: Read float32 if it is stored; False needs float64.
            force_reload: Open the snapshot again.
            root: Folder of the snapshots; default $FRACTILE_SNAPSHOTS, else ./snapshots.
            cache_size: Number of alignments that are cached for signals on the same keys; 0 caches none.
            use_mmap: Read the snapshot from its files, shared with other processes. False copies the needed columns into memory of
                this process, which then no longer depends on the files.
            preload: Read all pages of the mapped files now, not when a run first touches them.

        Raises:
            SnapshotError: The snapshot is missing, damaged, or has no day in the range.
        """
        folder = os.path.abspath(_core.snapshot_root(None if root is None else os.fspath(root)))
        shown = folder if root is not None else _core.snapshot_root(None)
        name = snapshot if snapshot is not None else _core.newest_snapshot(shown)
        key = (folder, name, _as_date(start_date), _as_date(end_date), bool(compact), cache_size, bool(use_mmap), bool(preload))
        with cls._lock:
            service = cls._shared.get(key)
            if service is None or force_reload or not service.is_ready:
                service = cls(shown, *key[1:])
                cls._shared[key] = service
            return service

    @classmethod
    def reset(cls) -> None:
        """Forgets all shared services; the last user of a service releases its memory."""
        with cls._lock:
            cls._shared.clear()

    @property
    def is_ready(self) -> bool:
        """True until `close`."""
        return self._engine is not None

    def close(self) -> None:
        """Releases the snapshot. Further runs raise SnapshotError."""
        self._engine = None
        with BacktestService._lock:
            for key in [k for k, v in BacktestService._shared.items() if v is self]:
                del BacktestService._shared[key]

    def __enter__(self) -> BacktestService:
        return self

    def __exit__(self, *exception: object) -> None:
        self.close()

    def has_group(self, byvar: str) -> bool:
        """True if byvar is a slice of the calendar or a column of the snapshot."""
        return self._require_engine().has_group(byvar)

    def _require_engine(self) -> _core.Backtester:
        if self._engine is None:
            raise SnapshotError(
                "SNAPSHOT_NOT_FOUND: expected an open service, found a closed one. Call BacktestService.get again.",
                "SNAPSHOT_NOT_FOUND",
            )
        return self._engine

    def _source(self, signal: Any, sigvar: str, reading: Mapping[str, Any], config: _core.RunConfig) -> Source | None:
        return make_source(self._require_engine(), signal, sigvar, reading, config, self._place)

    def _ledger(self) -> LocalLedger:
        return LocalLedger(_core.ledger.file(self._folder))

    def _open_study(self, study: str | None) -> str:
        """Returns the study of a run, after a check that its ledger can be written; "" is none."""
        return self._ledger().open(resolve_study(study))

    def _accept(self, raw: _core.RawResult, study: str, source: Source | None) -> BacktestResult:
        """Counts a run and shows its warnings as Python warnings."""
        ledger = self._ledger()
        if study:
            ledger.record(study, raw)
        result = BacktestResult(raw, ledger, study, source)
        with self._count_lock:
            self._run_count += 1
        for text in result.diagnostics["warnings"]:
            warnings.warn(text, stacklevel=4)
        return result

    def _run(self, signal: Any, sigvar: str, reading: Mapping[str, Any], config: _core.RunConfig, study: str) -> BacktestResult:
        raw = self._require_engine().run(read_signal(signal, [sigvar], reading), 0, config)
        return self._accept(raw, study, self._source(signal, sigvar, reading, config))

    def _run_many(
        self,
        signal: _core.Signal,
        cells: Mapping[Any, tuple[int, _core.RunConfig]],
        label: str,
        progress: bool,
        on_error: str,
        study: str,
        source: tuple[Any, Sequence[str], Mapping[str, Any]] | None = None,
    ) -> dict[Any, Any]:
        """Runs cells (value column, configuration) on the same keys; returns results or errors by the cells' names."""
        columns, configs = [column for column, _ in cells.values()], [config for _, config in cells.values()]
        with open_bar(len(cells), label, progress) as show:
            outcomes = self._require_engine().run_many(signal, columns, configs, on_error == "raise", show)
        if on_error == "raise":
            for outcome in outcomes:
                if isinstance(outcome, FractileError):
                    raise outcome
        return {
            name: outcome
            if isinstance(outcome, FractileError)
            else self._accept(outcome, study, self._source(source[0], source[1][column], source[2], config) if source else None)
            for (name, (column, config)), outcome in zip(cells.items(), outcomes)
        }

    @with_run_options
    def run(
        self,
        signal: Any,
        sigvar: str = "signal",
        byvar_list: Sequence[str] = ("overall",),
        fractile: tuple[float, float] = (10, 90),
        weight: str = "equal",
        resid: bool | str = False,
        resid_style: str = "all",
        from_open: bool = False,
        mincos: int = 10,
        calc_turnover: bool = True,
        *,
        study: str | None = None,
        **options: Unpack[MoreRunOptions],
    ) -> BacktestResult:
        """Runs one backtest; docs/methodology.md defines each option.

        Args:
            signal: security_id, date_sig, a value column and optional dates, in any form that
                `fractile.frames.read_signal` takes.
            study: Name under which the ledger counts this run as a trial; None is that of the `fractile.study` block around it,
                else $FRACTILE_STUDY; "" is none. It changes no number.

        Raises:
            ConfigError: An unknown option or value.
            SignalError: The signal cannot be read, or no row of it can be used.
            FractileError: The ledger of the study cannot be written.
        """
        given: dict[str, Any] = {
            **options,
            "byvar_list": byvar_list,
            "fractile": fractile,
            "weight": weight,
            "resid": resid,
            "resid_style": resid_style,
            "from_open": from_open,
            "mincos": mincos,
            "calc_turnover": calc_turnover,
        }
        reading, config = split_options(given)
        checked, counted = parse_config(config), self._open_study(study)
        return self._run(signal, sigvar, reading, checked, counted)

    def run_suite(
        self,
        signal: Any,
        lags: Iterable[int] = (0,),
        resid_modes: Iterable[str] = ("off",),
        sigvar: str = "signal",
        progress: bool = False,
        study: str | None = None,
        **config: Unpack[RunOptions],
    ) -> dict[str, BacktestResult]:
        """Runs every pair of lag and resid mode; keys such as "lag0_residoff". Each is a trial of `study`."""
        given: dict[str, Any] = {**config}
        for name, plural in (("lag", "lags"), ("resid", "resid_modes")):
            if name in given:
                raise ConfigError(
                    f"REFUSED_COMBINATION: expected {plural} in a suite, found {name}={given[name]!r}. "
                    f"Pass {plural}=[{given[name]!r}].",
                    "REFUSED_COMBINATION",
                )
        reading, options = split_options(config)
        counted = self._open_study(study)
        rows = read_signal(signal, [sigvar], reading)
        cells = _core.make_suite(to_json(options), to_json(list(lags)), to_json(list(resid_modes)))
        named = {name: (0, of_cell) for name, of_cell in cells}
        return self._run_many(rows, named, "suite", progress, "raise", counted, (signal, [sigvar], reading))

    def run_batch(
        self,
        signals: Any,
        sigvars: Sequence[str] | None = None,
        sigvar: str = "signal",
        progress: bool = False,
        on_error: str = "return",
        study: str | None = None,
        **config: Unpack[RunOptions],
    ) -> Any:
        """Runs many signals with the same options.

        Args:
            signals: A list or a dict of signals, or one wide frame with `sigvars`.
            sigvars: Value columns of a wide frame.
            progress: Show a bar on a terminal.
            on_error: "return" puts a signal's error in its place; "raise" raises the first.
            study: As in `run`; each signal that returns a result is a trial.

        Returns:
            Results in the order of a list, or by the keys of a dict or by sigvars.
        """
        if on_error not in ("return", "raise"):
            raise parse_error("on_error", '"return" or "raise"', on_error)
        reading, options = split_options(config)
        checked, counted = parse_config(options), self._open_study(study)
        if sigvars is not None:
            columns = {name: (i, checked) for i, name in enumerate(sigvars)}
            rows = read_signal(signals, sigvars, reading)
            return self._run_many(rows, columns, "batch", progress, on_error, counted, (signals, sigvars, reading))
        items = dict(signals) if isinstance(signals, Mapping) else dict(enumerate(signals))
        done: dict[Any, Any] = {}
        for name, item in track(items.items(), len(items), "batch", progress):
            try:
                done[name] = self._run(item, sigvar, reading, checked, counted)
            except FractileError as error:
                if on_error == "raise":
                    raise
                done[name] = error
        return done if isinstance(signals, Mapping) else list(done.values())

    def audit(self, signal: Any, previous: Any = None, sigvar: str = "signal", **config: Unpack[RunOptions]) -> SignalAudit:
        """Examines a signal for look-ahead: a verdict, its checks, and a profile of rank correlations.

        Args:
            signal: As in `run`.
            previous: An older vintage of the same signal, for the check `restated`.
            sigvar: Name of the value column, of both vintages.
            **config: Options of `run`, which the Sharpe ratios of the checks use.

        Raises:
            ConfigError: An unknown option or value.
            SignalError: The signal cannot be read, or no row of it can be used. Impossible dates are a finding.
        """
        reading, options = split_options(config)
        older = None if previous is None else read_signal(previous, [sigvar], reading)
        rows = read_signal(signal, [sigvar], reading)
        return SignalAudit(json.loads(self._require_engine().audit(rows, parse_config(options), older)))

    def fama_macbeth(
        self,
        signal: Any,
        controls: Sequence[str] = (),
        standardize: bool = False,
        winsorize: float | None = None,
        lags: int | None = None,
        min_names: int | None = None,
        sigvar: str | Sequence[str] = "signal",
        **config: Unpack[RunOptions],
    ) -> FamaMacBeth:
        """Regresses the returns of each day on a signal and controls, and takes the mean of the coefficients: Fama and MacBeth (1973).

        Args:
            signal: As in `run`.
            controls: Panel columns as of the return day; texts, cap, sector_id and industry_id become dummies.
            standardize: Signals and number controls less the mean of their day, over its standard deviation (n - 1).
            winsorize: Percent p, below 50: signals and number controls are clipped to the quantiles p and 100 - p of their day first.
            lags: Lags of Newey and West; None: floor(4 (T / 100)^(2/9)).
            min_names: Names that a day needs; None: max(10, regressors + 2), the intercept not counted.
            sigvar: Name of the value column, or of several for one regression on all of them.
            **config: weight ("equal", or "value" for weights of mcap), the options of `run` that align the signal (lag, hold_days,
                universe, from_open, bad_open, delisting_return, characteristics_asof, lookahead), threads.

        Raises:
            ConfigError: An unknown option, value or column.
            SignalError: The signal cannot be read, or no day has a regression.
        """
        names, arguments = regression_arguments(sigvar, controls, standardize, winsorize, lags, min_names)
        reading, options = split_options(config)
        rows = read_signal(signal, names, reading)
        return FamaMacBeth(json.loads(self._require_engine().fama_macbeth(rows, names, parse_config(options), *arguments)))

    def similar(
        self,
        signal: Any,
        library: Mapping[str, Any],
        sigvar: str = "signal",
        study: str | None = None,
        **config: Unpack[RunOptions],
    ) -> pd.DataFrame:
        """Compares a signal with a library of signals: is it new?

        Args:
            signal: As in `run`.
            library: Signals by name, each as in `run`.
            sigvar: Name of the value column, of all signals.
            study: As in `run`; the run of each signal is a trial.
            **config: Options of `run`; the books are those of the runs.

        Returns:
            One row per member, the nearest first: name, rank_correlation (mean over days with 10 common names or more),
            return_correlation (of the books' ret), alpha_t (Newey and West t of the alpha that the signal's book earns beyond the
            member's), common (share of the signal's used rows that the member has).

        Raises:
            FractileError: The first error of a run.
        """
        from fractile.similarity import compare_with_library

        return compare_with_library(self, signal, library, sigvar, study, config)

    def stats(self) -> dict[str, Any]:
        """Returns the loaded data and the counts of its use: snapshot, is_ready, run_count, master_rows, ..."""
        engine = self._require_engine()
        with open("/proc/self/statm", encoding="ascii") as statm:
            resident = int(statm.read().split()[1]) * resource.getpagesize()
        return {
            "snapshot": self._snapshot_id,
            "is_ready": self.is_ready,
            "load_time_seconds": self._load_seconds,
            "run_count": self._run_count,
            "master_rows": engine.master_rows,
            "dates_count": engine.dates_count,
            "uptime_seconds": time.time() - self._started,
            "memory": {"resident_bytes": resident, "storage": engine.storage},
        }

    def __repr__(self) -> str:
        return f"BacktestService(snapshot={self._snapshot_id!r}, runs={self._run_count})"


def parse_error(option: str, expected: str, found: Any) -> FractileError:
    """Makes the error of an option that Python itself reads."""
    return ConfigError(f"INVALID_VALUE: expected {option}={expected}, found {found!r}.", "INVALID_VALUE")


def get_service(**kwargs: Any) -> BacktestService:
    """`BacktestService.get`."""
    return BacktestService.get(**kwargs)

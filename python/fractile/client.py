# Copyright The fractile authors. Licensed under the Apache License, Version 2.0.
"""The client: one interface to backtests in this process and on a server."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import pandas as pd

from fractile.audit import SignalAudit
from fractile.config import ServiceConfig, read_configuration
from fractile.errors import ConfigError, SnapshotError
from fractile.regressions import FamaMacBeth
from fractile.remote import RemoteService
from fractile.result import BacktestResult
from fractile.service import BacktestService

_DEFAULT_GROUPS = ("overall", "year", "cap")


class BacktestClient:
    """Runs backtests in this process, or on a server if `server_url` is given.

    In process, omitted arguments come from the environment and the configuration file. `byvar_list` is overall,
    year and cap by default; a default group that the snapshot lacks is left out. A server has its own defaults.

    Args:
        snapshot: Id; None is the newest. With `server_url`: the snapshot that the server must have loaded.
        server_url: Address, such as "http://localhost:8000".
        start_date: First return day, inclusive.
        end_date: Last return day, inclusive.
        token: The server's token, if it requires one.
        timeout: Seconds for a request to a server.
        study: Name under which the ledger, or with `server_url` that of the server, counts every run as a trial; None is that of
            the `fractile.study` block around a run, else $FRACTILE_STUDY. A run may name another one.
        **service_kwargs: Further arguments of `BacktestService.get`.

    Raises:
        SnapshotError: The snapshot is missing or damaged.
        ConfigError: The configuration file or an argument is refused.
        ServerError: `snapshot` is given and no server answers at `server_url`.
    """

    def __init__(
        self,
        snapshot: str | None = None,
        server_url: str | None = None,
        start_date: Any = None,
        end_date: Any = None,
        token: str | None = None,
        timeout: float = 120,
        study: str | None = None,
        **service_kwargs: Any,
    ) -> None:
        self._study = study
        self._backend: BacktestService | RemoteService
        self._defaults: dict[str, Any] = {}
        arguments = {"snapshot": snapshot, "start_date": start_date, "end_date": end_date, **service_kwargs}
        if server_url is None and snapshot is not None and snapshot.startswith(("http://", "https://")):
            raise SnapshotError(
                f'INVALID_SNAPSHOT_ID: expected the id of a snapshot, found the address "{snapshot}". '
                f'Pass it as server_url="{snapshot}".',
                "INVALID_SNAPSHOT_ID",
            )
        if server_url is None:
            configuration = read_configuration()
            self._defaults = {"byvar_list": _DEFAULT_GROUPS, **configuration.defaults}
            self._backend = BacktestService.get(**configuration.service(arguments).arguments())
            return
        for name, value in arguments.items():
            if name != "snapshot" and value is not None:
                raise ConfigError(
                    f"REFUSED_COMBINATION: expected {name} without server_url, found both: a server loads its data itself. "
                    f"Leave {name} out, or start the server with it.",
                    "REFUSED_COMBINATION",
                )
        self._backend = RemoteService(server_url, token, timeout)
        if snapshot is not None:
            found = self._backend.stats().get("snapshot")
            if found != snapshot:
                raise ConfigError(
                    f'REFUSED_COMBINATION: expected snapshot "{snapshot}" on {server_url}, found "{found}". '
                    "Leave snapshot out, or start the server with it.",
                    "REFUSED_COMBINATION",
                )

    def _complete(self, given: Mapping[str, Any], without: tuple[str, ...] = ()) -> dict[str, Any]:
        """Returns the given options over the defaults."""
        options = {name: value for name, value in self._defaults.items() if name not in without}
        groups = options.get("byvar_list")
        if isinstance(self._backend, BacktestService) and isinstance(groups, (list, tuple)):
            options["byvar_list"] = [group for group in groups if self._backend.has_group(group)]
        if self._study is not None:
            options["study"] = self._study
        return {**options, **given}

    def run(self, signal: Any, **config: Any) -> BacktestResult:
        """Runs one backtest; signal and options as in `BacktestService.run`."""
        return self._backend.run(signal, **self._complete(config))

    def run_suite(
        self, signal: Any, lags: Iterable[int] = (0,), resid_modes: Iterable[str] = ("off",), **config: Any
    ) -> dict[str, BacktestResult]:
        """Runs every pair of lag and resid mode; keys such as "lag0_residoff"."""
        return self._backend.run_suite(signal, lags, resid_modes, **self._complete(config, ("lag", "resid", "resid_style")))

    def batch(self, signals: Any, sigvars: Sequence[str] | None = None, **config: Any) -> Any:
        """Runs many signals with the same options; see `BacktestService.run_batch`."""
        return self._backend.run_batch(signals, sigvars, **self._complete(config))

    def compare(self, signals: Mapping[str, Any], **config: Any) -> pd.DataFrame:
        """Returns one row per signal: signal, sharpe, annual_return, max_drawdown, turnover. Raises the first error.

        All numbers are before costs. sharpe and annual_return are annualised; max_drawdown and turnover (a daily mean) are fractions.
        """
        results = self.batch(signals, on_error="raise", **config)
        columns = ["signal", "sharpe", "annual_return", "max_drawdown", "turnover"]
        rows = [(name, r.sharpe, r.annual_return, r.max_drawdown, r.turnover_mean) for name, r in results.items()]
        return pd.DataFrame(rows, columns=columns)

    def audit(self, signal: Any, previous: Any = None, **config: Any) -> SignalAudit:
        """Examines a signal for look-ahead; see `BacktestService.audit`."""
        return self._backend.audit(signal, previous, **self._complete(config))

    def fama_macbeth(self, signal: Any, controls: Sequence[str] = (), **options: Any) -> FamaMacBeth:
        """Regresses returns on a signal, day by day; see `BacktestService.fama_macbeth`."""
        left_out = ("resid", "resid_style", "input_type", "sort_method", "rank_within", "breakpoints")
        config = self._complete(options, left_out)
        config.pop("study", None)
        return self._backend.fama_macbeth(signal, controls, **config)

    def similar(self, signal: Any, library: Mapping[str, Any], **config: Any) -> pd.DataFrame:
        """Compares a signal with a library of signals: is it new? See `BacktestService.similar`."""
        return self._backend.similar(signal, library, **self._complete(config))

    def stats(self) -> dict[str, Any]:
        """Returns the loaded data and the counts of its use."""
        return self._backend.stats()

    @property
    def is_ready(self) -> bool:
        """True if a run would be answered."""
        return self._backend.is_ready

    def close(self) -> None:
        """Closes the connection to a server. The service of this process is shared and stays open."""
        if isinstance(self._backend, RemoteService):
            self._backend.close()

    def __enter__(self) -> BacktestClient:
        return self

    def __exit__(self, *exception: object) -> None:
        self.close()


def quick_backtest(signal: Any, **config: Any) -> BacktestResult:
    """Runs one backtest with the defaults of `BacktestClient`.

    Args:
        signal: As in `BacktestService.run`.
        **config: Run options, and arguments of `BacktestService.get` such as snapshot or start_date.
    """
    names = {field.name for field in dataclasses.fields(ServiceConfig)}
    service = {name: value for name, value in config.items() if name in names}
    return BacktestClient(**service).run(signal, **{name: value for name, value in config.items() if name not in names})

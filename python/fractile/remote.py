# Copyright The fractile authors. Licensed under the Apache License, Version 2.0.
"""The server's side of a client: requests in Arrow, answers in JSON, errors as exceptions."""

from __future__ import annotations

import http.client
import itertools
import json
import math
import os
import time
import urllib.parse
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Unpack

import pandas as pd

from fractile import _core, errors
from fractile.audit import SignalAudit
from fractile.errors import FractileError, ServerError, SignalError
from fractile.frames import is_bytes, read_signal, split_options, table_to_frame, view_bytes
from fractile.ledger import Moments, resolve_study
from fractile.option_types import RunOptions
from fractile.regressions import FamaMacBeth, regression_arguments
from fractile.result import BacktestResult
from fractile.run_options import to_json
from fractile.wire import WireResult

_STREAM, _FILE = "application/vnd.apache.arrow.stream", "application/vnd.apache.arrow.file"
_FILE_TYPES = {".csv": "text/csv", ".arrow": _FILE, ".feather": _FILE, ".ipc": _FILE}
_BUSY = (429, 503)


class RemoteService:
    """Runs backtests on a server, with the methods of `BacktestService`.

    Args:
        url: Address, such as "http://localhost:8000".
        token: Sent as a bearer token.
        timeout: Seconds for a request, including the wait for a full server.
    """

    def __init__(self, url: str, token: str | None = None, timeout: float = 120) -> None:
        parts = urllib.parse.urlsplit(url)
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise errors.ConfigError(
                f'INVALID_VALUE: expected server_url as "http://localhost:8000", found {url!r}.', "INVALID_VALUE"
            )
        self._url, self._parts, self._timeout = url, parts, timeout
        self._headers = {"Accept": "application/json"} | ({"Authorization": f"Bearer {token}"} if token else {})

    def run(self, signal: Any, sigvar: str = "signal", study: str | None = None, **config: Unpack[RunOptions]) -> BacktestResult:
        """Runs one backtest; omitted options have the server's defaults. The server's ledger counts it for `study`."""
        body, kind, left = _encode(signal, [sigvar], config)
        query, counted = self._with_study({"config": {**left, "sigvar": sigvar}}, study)
        return BacktestResult(WireResult(self._answer("/run", body, kind, query)), self, counted)

    def _with_study(self, query: dict[str, Any], study: str | None) -> tuple[dict[str, Any], str]:
        """Returns the query and its study; "" if it names none."""
        counted = resolve_study(study)
        # "" tells a server that has its own study that the run belongs to none.
        return (query, "") if not counted and study is None else ({**query, "study": counted}, counted)

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
        """Runs every pair of lag and resid mode in one request; keys such as "lag0_residoff"."""
        body, kind, left = _encode(signal, [sigvar], config)
        whole = {"config": {**left, "sigvar": sigvar}, "lags": list(lags), "resid_modes": list(resid_modes)}
        query, counted = self._with_study(whole, study)
        answer = self._answer("/suite", body, kind, query)
        return {name: BacktestResult(WireResult(cell), self, counted) for name, cell in answer.items()}

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
        """Runs many signals, one request each; see `BacktestService.run_batch`."""
        from fractile.progress import track
        from fractile.service import parse_error

        if on_error not in ("return", "raise"):
            raise parse_error("on_error", '"return" or "raise"', on_error)
        items: dict[Any, tuple[Any, str]]
        if sigvars is not None:
            items = {name: (signals, name) for name in sigvars}
        else:
            items = {k: (v, sigvar) for k, v in (signals.items() if isinstance(signals, Mapping) else enumerate(signals))}
        out: dict[Any, Any] = {}
        for name, (signal, column) in track(items.items(), len(items), "batch", progress):
            try:
                out[name] = self.run(signal, sigvar=column, study=study, **config)
            except FractileError as error:
                # Without a server every other signal would fail too.
                if on_error == "raise" or error.code == "SERVER_UNREACHABLE":
                    raise
                out[name] = error
        return list(out.values()) if sigvars is None and not isinstance(signals, Mapping) else out

    def deflate(self, study: str, run_id: str, periods_per_year: int, ret: Moments, ret_net: Moments) -> dict[str, Any]:
        """Asks the server's ledger; see `fractile.ledger.Ledger`."""
        moments = {
            name: json.dumps([None if math.isnan(x) else x for x in values])
            for name, values in (("ret", ret), ("ret_net", ret_net))
        }
        query = urllib.parse.urlencode({"run_id": run_id, "periods_per_year": periods_per_year, **moments})
        found = self._ask("GET", f"/studies/{urllib.parse.quote(study)}/deflation?{query}")
        return {name: math.nan if value is None else value for name, value in found.items()}

    def audit(self, signal: Any, previous: Any = None, sigvar: str = "signal", **config: Unpack[RunOptions]) -> SignalAudit:
        """Examines a signal for look-ahead; see `BacktestService.audit`."""
        if previous is None:
            body, kind, left = _encode(signal, [sigvar], config)
            return SignalAudit(self._answer("/audit", body, kind, {"config": {**left, "sigvar": sigvar}}))
        reading, left = split_options(config)
        body = _to_stream(signal, [sigvar], reading)
        query = {"config": {**left, "sigvar": sigvar}, "previous": len(body)}
        return SignalAudit(self._answer("/audit", body + _to_stream(previous, [sigvar], reading), _STREAM, query))

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
        """Regresses returns on a signal, day by day; see `BacktestService.fama_macbeth`."""
        names, _ = regression_arguments(sigvar, controls, standardize, winsorize, lags, min_names)
        body, kind, left = _encode(signal, names, config)
        query = {"signals": names, "controls": list(controls), "standardize": standardize, "winsorize": winsorize}
        more = {"lags": lags, "min_names": min_names, "config": {**left, "sigvar": names[0]}}
        return FamaMacBeth(self._answer("/fama_macbeth", body, kind, {**query, **more}))

    def similar(
        self,
        signal: Any,
        library: Mapping[str, Any],
        sigvar: str = "signal",
        study: str | None = None,
        **config: Unpack[RunOptions],
    ) -> pd.DataFrame:
        """Compares a signal with a library of signals in one request; see `BacktestService.similar`."""
        reading, left = split_options(config)
        bodies = [_to_stream(each, [sigvar], reading) for each in (signal, *library.values())]
        places = itertools.accumulate(len(body) for body in bodies)
        whole = {"config": {**left, "sigvar": sigvar}, "library": dict(zip(map(str, library), places))}
        query, _ = self._with_study(whole, study)
        return table_to_frame(self._answer("/similar", b"".join(bodies), _STREAM, query)["table"], texts=("name",))

    def stats(self) -> dict[str, Any]:
        """Returns the answer of ``GET /stats``."""
        return dict(self._ask("GET", "/stats"))

    @property
    def is_ready(self) -> bool:
        """True if the server answers and has its snapshot loaded."""
        try:
            status, _, text = self._request("GET", "/health", None, {}, min(self._timeout, 5))
            return status == 200 and bool(json.loads(text).get("is_ready"))
        except (ServerError, ValueError):
            return False

    def close(self) -> None:
        """Does nothing: no connection stays open between requests."""

    def _answer(self, path: str, body: bytes, kind: str, query: Mapping[str, Any]) -> dict[str, Any]:
        texts = {name: to_json(value) for name, value in query.items()}
        target = f"{path}?{urllib.parse.urlencode({'orient': 'split', **texts})}"
        return dict(self._ask("POST", target, body, {"Content-Type": kind}))

    def _ask(self, method: str, target: str, body: bytes | None = None, headers: Mapping[str, str] | None = None) -> Any:
        deadline = time.monotonic() + self._timeout
        while True:
            left = max(deadline - time.monotonic(), 0.001)
            status, retry_after, text = self._request(method, target, body, headers or {}, left)
            if status == 200:
                try:
                    return json.loads(text)
                except ValueError:
                    raise self._unexpected(status, text) from None
            if status in _BUSY and retry_after is not None and time.monotonic() + retry_after < deadline:
                time.sleep(retry_after)
                continue
            raise self._error_of(status, text)

    def _request(
        self, method: str, target: str, body: bytes | None, headers: Mapping[str, str], timeout: float
    ) -> tuple[int, float | None, bytes]:
        https = self._parts.scheme == "https"
        make = http.client.HTTPSConnection if https else http.client.HTTPConnection
        connection = make(str(self._parts.hostname), self._parts.port, timeout=timeout)
        try:
            connection.request(method, self._parts.path.rstrip("/") + target, body, {**self._headers, **headers})
            response = connection.getresponse()
            wait = response.getheader("Retry-After", "")
            return response.status, float(wait) if wait.isdigit() else None, response.read()
        except TimeoutError:
            raise ServerError(
                f"SERVER_TIMEOUT: expected an answer of {self._url} within {self._timeout:g} s, found none. "
                "Pass a longer timeout, or look at the server's log.",
                "SERVER_TIMEOUT",
            ) from None
        except (OSError, http.client.HTTPException) as error:
            raise ServerError(
                f"SERVER_UNREACHABLE: expected a server at {self._url}, found none ({error}). "
                "Is it running? Start one with: fractile serve",
                "SERVER_UNREACHABLE",
            ) from None
        finally:
            connection.close()

    def _error_of(self, status: int, text: bytes) -> FractileError:
        try:
            error = json.loads(text)["error"]
            code, message = str(error["code"]), str(error["message"])
        except (ValueError, TypeError, KeyError):
            return self._unexpected(status, text)
        return errors.make_error(code, message)

    def _unexpected(self, status: int, text: bytes) -> ServerError:
        shown = text[:200].decode("utf-8", "replace")
        return ServerError(
            f"SERVER_ANSWER: expected an answer of a fractile server at {self._url}, found status {status}: {shown!r}. "
            "Check the address.",
            "SERVER_ANSWER",
        )


def _encode(signal: Any, sigvars: Sequence[str], config: Mapping[str, Any]) -> tuple[bytes, str, Mapping[str, Any]]:
    """A signal as the body of a request, its content type, and the options that the server applies.

    Files and bytes that a server reads are sent as they are. Another signal is read as in process, so that the same object is
    the same signal there and here.
    """
    reading, others = split_options(config)
    if is_bytes(signal):
        data = bytes(view_bytes(signal))
        return data, _FILE if data.startswith(b"ARROW1") else _STREAM, config
    if isinstance(signal, (str, os.PathLike)):
        path = os.fspath(signal)
        kind = _FILE_TYPES.get(os.path.splitext(path)[1].lower())
        if kind is not None and not os.path.isdir(path):
            try:
                with open(path, "rb") as file:
                    return file.read(), kind, config
            except OSError as error:
                raise SignalError(
                    f'UNREADABLE_SIGNAL: expected a file at "{path}", found: {error.strerror}. Check the path.',
                    "UNREADABLE_SIGNAL",
                ) from None
    return _to_stream(signal, sigvars, reading), _STREAM, others


def _to_stream(signal: Any, sigvars: Sequence[str], reading: Mapping[str, Any] | None = None) -> bytes:
    return _core.signal_to_bytes(read_signal(signal, sigvars, reading))

# Copyright The fractile authors. Licensed under the Apache License, Version 2.0.
"""The tear sheet: results as one HTML file that opens offline."""

from __future__ import annotations

import json
import os
import weakref
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from fractile import _core
from fractile.errors import ConfigError, FractileError
from fractile.frames import read_signal, reading_text
from fractile.wire import WireResult

if TYPE_CHECKING:
    from fractile.audit import SignalAudit
    from fractile.result import BacktestResult


@dataclass(frozen=True)
class Source:
    """The way back to a result's run: its signal, as long as the user holds it, and where it ran."""

    engine: _core.Backtester
    signal: Callable[[], Any]
    sigvar: str
    reading: Mapping[str, Any]
    config: _core.RunConfig
    place: dict[str, Any]

    def with_sheet_tables(self, raw: _core.RawResult) -> _core.RawResult:
        """`raw` with the tables that a sheet draws; as it is if the signal is gone or has changed."""
        signal = self.signal()
        if signal is None:
            return raw
        try:
            rows = read_signal(signal, [self.sigvar], self.reading)
        except FractileError:
            return raw
        return self.engine.with_sheet_tables(rows, 0, self.config, raw)


def make_source(
    engine: _core.Backtester,
    signal: Any,
    sigvar: str,
    reading: Mapping[str, Any],
    config: _core.RunConfig,
    place: Mapping[str, Any],
) -> Source | None:
    """None if the signal cannot be held without keeping its memory."""
    name = os.fspath(signal) if isinstance(signal, (str, os.PathLike)) else "SIGNAL"
    if isinstance(signal, (str, os.PathLike)):
        reference: Callable[[], Any] = lambda: signal  # noqa: E731
    else:
        try:
            reference = weakref.ref(signal)
        except TypeError:
            return None
    return Source(
        engine,
        reference,
        sigvar,
        reading,
        config,
        {"signal": str(name), "sigvar": sigvar, "reading": reading_text(reading), **place},
    )


def report(
    results: BacktestResult | Mapping[str, BacktestResult],
    path: str | os.PathLike[str] | None = None,
    title: str | None = None,
    compute: bool = True,
    audit: SignalAudit | None = None,
) -> str:
    """Writes the tear sheet of a result, or of several side by side, as one HTML file that opens offline.

    Args:
        results: A result, or results by name.
        path: The file; None writes none.
        title: Heading of the sheet.
        compute: Run again for tables that the sheet draws and the result lacks. It needs the signal: the same object, still
            alive and unchanged, in this process. False draws what there is.
        audit: The look-ahead audit of the signal, which the sheet draws too. For a single result.

    Returns:
        The HTML.

    Raises:
        ConfigError: The file cannot be written, or `results` is empty.
    """
    named = dict(results) if isinstance(results, Mapping) else {"": results}
    if not named:
        raise ConfigError("INVALID_VALUE: expected a result or more, found none. Pass a result.", "INVALID_VALUE")
    if audit is not None and len(named) > 1:
        raise ConfigError(
            f"INVALID_VALUE: expected one result with an audit, found {len(named)}. Write a sheet for each.", "INVALID_VALUE"
        )
    entries = [_entry(str(name), result, compute, audit) for name, result in named.items()]
    first = next(iter(named.values()))
    heading = title if title is not None else f"Run {first.run_id[:12]}" if len(named) == 1 else "Comparison"
    html = _core.tear_sheet(entries, heading)
    if path is not None:
        _write(os.fspath(path), html)
    return html


def _entry(
    name: str, result: BacktestResult, compute: bool, audit: SignalAudit | None
) -> tuple[str, _core.RawResult, dict[str, Any], str, str]:
    raw = result._raw
    if isinstance(raw, WireResult):
        raw = _core.RawResult.from_json(raw.to_json("split"))
    source = result._source
    if compute and source is not None:
        raw = source.with_sheet_tables(raw)
    trials = result._describe_study()
    study = f"Study {result._study}: {trials}" if trials else ""
    found = json.dumps(audit.to_dict()) if audit is not None else ""
    return name or f"Run {result.run_id[:12]}", raw, source.place if source else {}, study, found


def _write(path: str, html: str) -> None:
    try:
        with open(path, "w", encoding="utf-8") as file:
            file.write(html)
    except OSError as error:
        raise ConfigError(
            f'INVALID_VALUE: expected a file to write the sheet to, found "{path}": {error.strerror}. Check the folder.',
            "INVALID_VALUE",
        ) from None

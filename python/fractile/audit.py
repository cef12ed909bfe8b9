# Copyright The fractile authors. Licensed under the Apache License, Version 2.0.
"""The findings of an audit; `python -m fractile.audit FILE` draws the JSON of an audit that comes on stdin."""

from __future__ import annotations

import html
import io
import json
import pathlib
import sys
import textwrap
from collections.abc import Iterator
from typing import Any

import numpy as np
import pandas as pd

from fractile.errors import FractileError
from fractile.frames import table_to_frame

_COLOURS = {"look-ahead": "#b03a48", "suspicious": "#d9822b"}
_STYLE = (
    "body{font:15px/1.5 system-ui,sans-serif;color:#2b2f36;max-width:60rem;margin:2rem auto;padding:0 1rem}"
    "table{border-collapse:collapse}td,th{padding:.3rem .7rem .3rem 0;text-align:left;vertical-align:top}"
    "td.number{text-align:right}tr{border-bottom:1px solid #e3e5e8}small{color:#5f6670}"
)


def _to_records(frame: pd.DataFrame) -> list[dict[str, Any]]:
    """Rows as JSON has them, with every bit of a number; NaN is None."""
    return [{str(k): None if v != v else v for k, v in row.items()} for row in frame.to_dict("records")]


class SignalAudit:
    """The checks of a signal and its profile; docs/how_to_audit.md says what each means."""

    def __init__(self, body: dict[str, Any]) -> None:
        self._body = body

    @property
    def verdict(self) -> str:
        """The worst status of the checks: pass, suspicious or look-ahead."""
        return str(self._body["verdict"])

    @property
    def checks(self) -> pd.DataFrame:
        """One row per check: check, status, value, threshold, meaning, rows (the first offending ones)."""
        return _to_frame(self._body["checks"])

    @property
    def profile(self) -> pd.DataFrame:
        """One row per k from -10 to 10: k, ic (mean rank correlation with the return of day k), t_nw, days, names, share."""
        return _to_frame(self._body["profile"])

    @property
    def first_k(self) -> int:
        """The first k of the profile whose return can be earned."""
        return int(self._body["first_k"])

    @property
    def snapshot(self) -> str:
        """Id of the snapshot."""
        return str(self._body["snapshot"])

    @property
    def config(self) -> dict[str, Any]:
        """The options of the audit."""
        return dict(self._body["config"])

    @property
    def elapsed_seconds(self) -> float:
        """Wall time of the engine."""
        return float(self._body["elapsed_seconds"])

    def to_json(self) -> str:
        """The body that ``POST /audit?orient=split`` answers; NaN is null."""
        return json.dumps(self._body)

    def to_dict(self) -> dict[str, Any]:
        """`to_json` as a dict, with a list of records per table."""
        tables = {name: _to_records(_to_frame(self._body[name])) for name in ("checks", "profile")}
        return {**self._body, **tables}

    def to_text(self) -> str:
        """The verdict, and each check with its meaning."""
        lines = [f"verdict: {self.verdict}", ""]
        for check in self._rows():
            lines += textwrap.wrap(
                f"{check.status:<14}  {check.check:<16}  {check.meaning}", 110, subsequent_indent=" " * 34, break_on_hyphens=False
            )
            lines += [f"{'':<34}{row}" for row in check.rows.split("; ") if row]
        return "\n".join(lines) + "\n"

    def to_html(self, path: str | None = None) -> str:
        """One page with the verdict, the checks and the profile, with its picture if matplotlib is installed.

        Args:
            path: File to write the page to as well.
        """
        page = (
            f'<!doctype html><html lang="en"><meta charset="utf-8"><title>Audit: {self.verdict}</title><style>{_STYLE}</style>'
            f"<body><h1>Audit of a signal</h1>{self._body_html()}{self._picture()}</body></html>\n"
        )
        if path is not None:
            pathlib.Path(path).write_text(page, encoding="utf-8")
        return page

    def _rows(self) -> Iterator[Any]:
        yield from self.checks.itertuples()

    def _body_html(self) -> str:
        rows = "".join(
            f"<tr><td>{_coloured(check.status)}</td><td>{check.check}</td><td class=number>{_number(check.value)}</td>"
            f"<td class=number>{_number(check.threshold)}</td><td>{html.escape(check.meaning)}"
            f"{''.join(f'<br><small>{html.escape(row)}</small>' for row in check.rows.split('; ') if row)}</td></tr>"
            for check in self._rows()
        )
        return (
            f"<p>Verdict: <b>{_coloured(self.verdict)}</b> <small>snapshot {html.escape(self.snapshot)}, "
            f"{self.elapsed_seconds * 1e3:.0f} ms</small></p><table><tr><th>status</th><th>check</th><th>value</th>"
            f"<th>threshold</th><th>meaning</th></tr>{rows}</table>"
        )

    def _picture(self) -> str:
        try:
            figure = self.plot()
        except FractileError:
            return ""
        svg = io.StringIO()
        figure.savefig(svg, format="svg")
        text = svg.getvalue()
        return f"<h2>Profile</h2>{text[text.index('<svg') :]}"

    def plot(self, path: str | None = None) -> Any:
        """Draws the profile with matplotlib; saves to `path` (.png, .pdf, .svg) if it is given."""
        from fractile.audit_plot import plot_profile

        return plot_profile(self, path)

    def __reduce__(self) -> tuple[Any, tuple[dict[str, Any]]]:
        return SignalAudit, (self._body,)

    def __repr__(self) -> str:
        faults = self.checks[self.checks["status"].isin(list(_COLOURS))]["check"]
        named = f", faults={list(faults)}" if len(faults) else ""
        return f"SignalAudit(verdict={self.verdict!r}{named}, checks={len(self.checks)}, snapshot={self.snapshot!r})"

    def _repr_html_(self) -> str:
        return f"<div>{self._body_html()}</div>"


def _to_frame(table: dict[str, Any]) -> pd.DataFrame:
    return table_to_frame(table, texts=("check", "status", "meaning", "rows"), wholes=("k", "days"))


def _coloured(status: str) -> str:
    return f'<span style="color:{_COLOURS[status]}">{status}</span>' if status in _COLOURS else status


def _number(value: float) -> str:
    return f"{value:.4g}" if np.isfinite(value) else ""


def _draw_audit(body: Any, path: str) -> None:
    """A page, or the picture of the profile."""
    audit = SignalAudit(body)
    if pathlib.Path(path).suffix.lower() == ".html":
        audit.to_html(path)
    else:
        audit.plot(path)


if __name__ == "__main__":
    from fractile.plot import draw_stdin

    sys.exit(draw_stdin(sys.argv[1:], "fractile.audit", _draw_audit))

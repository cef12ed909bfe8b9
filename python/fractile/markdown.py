# Copyright The fractile authors. Licensed under the Apache License, Version 2.0.
"""A result as a short page of Markdown, for people and agents."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

from fractile import _core
from fractile.errors import FractileError

if TYPE_CHECKING:
    from fractile.result import BacktestResult

# Statistic, column of the summary before costs, column after costs, format.
_STATISTICS = (
    ("Sharpe ratio", "sharpe_ret", "sharpe_ret_net", "{:.2f}"),
    ("95 % interval", "", "", "{:.2f}"),
    ("return a year", "ret_ann", "ret_net_ann", "{:.2%}"),
    ("standard deviation a year", "ret_std", "ret_net_std", "{:.2%}"),
    ("max drawdown", "maxdd", "maxdd_net", "{:.2%}"),
    ("t (Newey and West)", "t_stat_nw", "", "{:.2f}"),
)
_DEFAULTS = {option["name"]: json.loads(option["default"]) for option in _core.options()}


def to_markdown(result: BacktestResult) -> str:
    """`BacktestResult.to_markdown`."""
    parts = [_title(result), _summary(result), _counts(result), _warnings(result), _study(result), _options(result)]
    return "\n\n".join(part for part in parts if part) + "\n"


def _title(result: BacktestResult) -> str:
    dates = result.daily["date"]
    span = f"{dates.iloc[0]:%Y-%m-%d} to {dates.iloc[-1]:%Y-%m-%d}" if len(dates) else "no position on any day"
    return f"# Backtest on {_escape(result.snapshot)}, {span}"


def _summary(result: BacktestResult) -> str:
    overall = result.summary.iloc[0]

    def show(column: str, form: str) -> str:
        return form.format(overall[column]) if column and math.isfinite(overall[column]) else ""

    rows = [[name, show(gross, form), show(net, form)] for name, gross, net, form in _STATISTICS]
    low, high = result.sharpe_interval
    if math.isfinite(low) and math.isfinite(high):
        rows[1][1] = f"{low:.2f} to {high:.2f}"
    shown = [row for row in rows if row[1] or row[2]]
    return _table(("overall book", "before costs", "after costs"), shown, "|---|---:|---:|") if shown else ""


def _counts(result: BacktestResult) -> str:
    overall, counts = result.summary.iloc[0], result.diagnostics
    found = [f"{overall['num_date']} periods"]
    if overall["num_date"]:
        found.append(f"{overall['numcos_l']:.0f} long and {overall['numcos_s']:.0f} short names")
    if math.isfinite(result.turnover_mean):
        found.append(f"turnover {result.turnover_mean:.1%} a period")
    found.append(f"{counts['rows_used']:,} of {counts['rows_given']:,} rows used")
    return f"{', '.join(found)}; run {_code(result.run_id)}"


def _warnings(result: BacktestResult) -> str:
    lines = [f"- {_escape(text)}" for text in result.diagnostics["warnings"]]
    return "\n".join(["## Warnings", "", *lines]) if lines else ""


def _study(result: BacktestResult) -> str:
    if result.study is None:
        return ""
    try:
        found = result.deflation()
    except FractileError:  # the ledger cannot be read any more
        return ""
    after = f"; {found['dsr_net']:.2f} after costs" if math.isfinite(found["dsr_net"]) else ""
    return f"## Study {_escape(result.study)}\n\n{_escape(found['text'])}{after}"


def _options(result: BacktestResult) -> str:
    changed = {name: value for name, value in result.config.items() if value != _DEFAULTS.get(name)}
    if not changed:
        return ""
    rows = [(_escape(name), _code(value if isinstance(value, str) else json.dumps(value))) for name, value in changed.items()]
    return f"## Options other than the defaults\n\n{_table(('option', 'value'), rows, '|---|---|')}"


def _table(header: Sequence[str], rows: Sequence[Sequence[str]], rule: str) -> str:
    lines: Iterator[str] = (f"| {' | '.join(row)} |" for row in (header, *rows))
    return "\n".join([next(lines), rule, *lines])


def _escape(text: Any) -> str:
    """Foreign text in one line, in which no character is markup."""
    return re.sub(r"([\\`*\[\]<|])", r"\\\1", " ".join(str(text).split()))


def _code(text: str) -> str:
    """Foreign text as code in a cell of a table."""
    line = " ".join(text.split()).replace("|", "\\|")
    ticks = "`" * (1 + max((len(run) for run in re.findall("`+", line)), default=0))
    space = " " if len(ticks) > 1 else ""
    return f"{ticks}{space}{line}{space}{ticks}"

# Copyright The fractile authors. Licensed under the Apache License, Version 2.0.
"""Pictures: the figure that a notebook shows, and those of inference. Importing it needs matplotlib.

Each function returns the matplotlib figure, and saves it to `path` (.png, .pdf, .svg) if one is given.
"""

from __future__ import annotations

import io
import math
from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.figure import Figure
from matplotlib.layout_engine import ConstrainedLayoutEngine

from fractile import _core, stats
from fractile.ledger import Study
from fractile.stats.series import check_level, refuse

_BLUE, _ORANGE, _RED, _GREY, _INK = "#1f5fa8", "#d9822b", "#b03a48", "#8a8f98", "#2b2f36"
_CORRECTED = {"p": _GREY, "p_bh": _BLUE, "p_holm": _ORANGE, "p_romano_wolf": _RED}


class Page(Figure):
    """A figure without pyplot, so without windows and global state. A notebook shows it if it is a cell's last value."""

    def _repr_png_(self) -> bytes:
        buffer = io.BytesIO()
        self.savefig(buffer, format="png", dpi=80)
        return buffer.getvalue()


def _open(height: float, title: str) -> tuple[Page, Any]:
    page = Page(figsize=(9, height), layout=ConstrainedLayoutEngine(), facecolor="white")
    axes = page.subplots()
    axes.set_title(title, loc="left", fontsize=11, color=_INK)
    axes.spines[["top", "right"]].set_visible(False)
    axes.tick_params(colors=_INK, labelsize=9)
    return page, axes


def _save(page: Page, path: str | None) -> Page:
    from fractile.plot import check_path

    check_path(path)
    if path is not None:
        page.savefig(path, dpi=130)
    return page


def sharpe_intervals(results: Mapping[str, Any], series: str = "ret", level: float = 0.95, path: str | None = None) -> Page:
    """The annualised Sharpe ratio of each result with its interval under autocorrelation (se_hac).

    Args:
        results: Results by name, the first at the top.
        series: "ret" or "ret_net".
    """
    reach = _core.stats.normal_quantile((1 + check_level(level)) / 2)
    if not results:
        raise refuse("a result", "none", "Pass a dict of results.")
    page, axes = _open(0.9 + 0.36 * len(results), f"Sharpe ratio of {series}, {100 * level:g} % interval")
    for place, (_, result) in enumerate(results.items()):
        ratio = stats.sharpe_ratio(result.daily[series], result.periods_per_year)
        error = reach * math.sqrt(result.periods_per_year) * ratio.se_hac
        axes.errorbar(ratio.annualised, place, xerr=error, fmt="o", color=_BLUE, ecolor=_BLUE, capsize=3)
    axes.axvline(0, color=_GREY, lw=0.8)
    axes.set_yticks(range(len(results)), list(map(str, results)))
    axes.set_ylim(len(results) - 0.5, -0.5)
    return _save(page, path)


def p_values(table: pd.DataFrame, level: float = 0.05, path: str | None = None) -> Page:
    """The p-values of `fractile.multiple_testing`, plain and corrected, from the smallest; below the line is significant."""
    check_level(level)
    page, axes = _open(4.5, f"{len(table)} signals: p-values and their corrections")
    order = table["p"].to_numpy().argsort(kind="stable")
    for name, colour in _CORRECTED.items():
        values = table[name].to_numpy()[order]
        axes.plot(range(1, len(values) + 1), values, ".-", color=colour, lw=1, ms=4, label=name)
    axes.axhline(level, color=_INK, lw=0.8, ls="--")
    axes.set_yscale("log")
    axes.set_xlabel("rank of p", fontsize=9, color=_INK)
    axes.legend(frameon=False, fontsize=9)
    return _save(page, path)


def trials(study: Study, path: str | None = None) -> Page:
    """The annualised Sharpe ratio of every trial of a study, and what the best of so many is expected to have without skill."""
    table = study.trials()
    table = table[table["sr"].notna()]
    if table.empty:
        raise refuse(f'a trial of study "{study.name}" with a Sharpe ratio', "none", "Run one.")
    table = table[table["periods_per_year"] == table["periods_per_year"].mode()[0]]
    root = math.sqrt(table["periods_per_year"].iloc[0])
    best = table.loc[table["sr"].idxmax()]
    found = study.deflate(str(best["run_id"]))
    page, axes = _open(4.5, f"{study.name}: {found['text']}")
    numbers = np.arange(1, len(table) + 1)
    axes.plot(numbers, root * table["sr"], "o", color=_BLUE, ms=4, alpha=0.7, label="trial")
    axes.plot(numbers, root * table["sr"].cummax(), color=_ORANGE, lw=1.2, drawstyle="steps-post", label="best so far")
    variance = found["variance"]
    if np.isfinite(variance):
        height = root * stats.expected_maximum_sharpe(found["trials_effective"], variance)
        axes.axhline(height, color=_RED, lw=1, ls="--", label="expected best without skill")
    axes.axhline(0, color=_GREY, lw=0.8)
    axes.set_xlabel("trial, in the order of time", fontsize=9, color=_INK)
    axes.set_ylabel("Sharpe ratio", fontsize=9, color=_INK)
    axes.legend(frameon=False, fontsize=9)
    return _save(page, path)

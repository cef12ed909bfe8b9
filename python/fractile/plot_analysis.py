# Copyright The fractile authors. Licensed under the Apache License, Version 2.0.
"""Pictures of the analysis tables quantiles, decay, capacity and double_sort."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from fractile.errors import ConfigError
from fractile.plot import GREY, GROSS, INK, LOSS, NET, RULE, check_path, new_page, style_axes

if TYPE_CHECKING:
    from fractile.result import BacktestResult


def plot_analysis(result: BacktestResult, table: str, path: str | None = None) -> Any:
    """Draws one analysis of a run.

    Args:
        result: A run with that analysis.
        table: "quantiles", "decay", "capacity" or "double_sort".
        path: File to save to (.png, .pdf, .svg); None only returns the figure.

    Returns:
        The matplotlib figure.

    Raises:
        ConfigError: The table has no picture, the run has no such table, matplotlib is not installed, or the file's
            ending is another one.
    """
    check_path(path)
    if table not in _PICTURES:
        raise ConfigError(
            f"INVALID_VALUE: expected a table among {', '.join(_PICTURES)}, found {table!r}. Correct it.", "INVALID_VALUE"
        )
    frame = getattr(result, table)
    if frame is None:
        raise ConfigError(
            f'INVALID_VALUE: expected a run with analysis "{table}", found none. Pass analysis=["{table}"] to the run.',
            "INVALID_VALUE",
        )
    figure = new_page((11, 4.8))
    figure.suptitle(result.snapshot, fontsize=11, color=INK, x=0.012, ha="left")
    _PICTURES[table](figure, result, frame)
    if path is not None:
        figure.savefig(path, dpi=130)
    return figure


def _percent(axes: Any) -> None:
    from matplotlib.ticker import FuncFormatter

    axes.yaxis.set_major_formatter(FuncFormatter(lambda y, _: f"{100 * y + 0.0:g}%"))


def _panel(axes: Any, label: str, title: str) -> None:
    style_axes(axes, label)
    axes.set_title(title, loc="left", fontsize=9.5, color=GREY, pad=4)
    axes.set_axisbelow(True)
    axes.grid(axis="y", color=RULE, lw=0.8)
    axes.axhline(0, color=GREY, lw=0.8)


def _draw_quantiles(figure: Any, result: BacktestResult, table: pd.DataFrame) -> None:
    left, right = figure.subplots(1, 2, width_ratios=[1, 1.3])
    bins = table.iloc[:-1]
    _panel(left, "return", "return of each bin of the signal, annualised")
    left.bar(bins["bin"], bins["ret_ann"], color=[LOSS if x < 0 else GROSS for x in bins["ret_ann"]], width=0.7)
    _percent(left)
    _panel(right, "spread", "cumulative return of the highest bin over the lowest")
    spread = result.quantile_daily
    spread = spread[spread["bin"] == "top-bottom"]
    right.plot(spread["date"].to_numpy(), spread["ret"].cumsum().to_numpy(), color=GROSS, lw=1.6)
    right.tick_params(axis="x", rotation=30)
    _percent(right)


def _draw_decay(figure: Any, result: BacktestResult, table: pd.DataFrame) -> None:
    left, right = figure.subplots(1, 2)
    table = table.sort_values("horizon")
    at = np.arange(len(table))
    _panel(left, "ic", "mean rank correlation with the return, and two of its errors")
    with np.errstate(divide="ignore", invalid="ignore"):
        error = 2 * np.abs(table["ic"] / table["ic_t_nw"])
    left.bar(at, table["ic"], yerr=error, color=GROSS, ecolor=GREY, width=0.6)
    _panel(right, "autocorrelation", "rank correlation of the signal with itself")
    right.plot(at, table["rank_autocorrelation"].to_numpy(), color=NET, lw=1.6, marker="o", ms=4)
    for axes in (left, right):
        axes.set_xticks(at, table["horizon"])
        axes.set_xlabel("horizon, trading days", fontsize=9, color=INK)


def _draw_capacity(figure: Any, result: BacktestResult, table: pd.DataFrame) -> None:
    left, right = figure.subplots(1, 2)
    table = table.sort_values("gmv_musd")
    sizes = table["gmv_musd"].to_numpy()
    _panel(left, "sharpe", "Sharpe ratio after power-law costs")
    left.plot(sizes, table["sharpe_ret_net"].to_numpy(), color=GROSS, lw=1.6, marker="o", ms=4)
    _panel(right, "return", "return after costs, annualised")
    right.plot(sizes, table["ret_net_ann"].to_numpy(), color=GROSS, lw=1.6, marker="o", ms=4)
    _percent(right)
    marks = ((left, "half_sharpe", "half of the Sharpe ratio"), (right, "break_even", "break-even"))
    for axes, name, text in marks:
        axes.set_xscale("log")
        axes.set_xlabel("capital of one side, million dollars", fontsize=9, color=INK)
        size = result.capacity_musd[name]
        if np.isfinite(size):
            axes.axvline(size, color=NET, lw=1.2, label=f"{text}: {size:,.4g}")
            axes.legend(frameon=False, fontsize=9)


def _draw_double_sort(figure: Any, result: BacktestResult, table: pd.DataFrame) -> None:
    axes = figure.subplots()
    style_axes(axes, "double_sort")
    axes.set_title("return per year, percent, and its t below", loc="left", fontsize=9.5, color=GREY, pad=4)
    first, second = list(dict.fromkeys(table["bin1"])), list(dict.fromkeys(table["bin2"]))
    grids = [table[column].to_numpy().reshape(len(first), len(second)) for column in ("ret_ann", "t_nw")]
    bound = max(float(np.nanmax(np.abs(grids[0]), initial=0.0)), 1e-12)
    axes.imshow(grids[0], aspect="auto", cmap="RdBu", vmin=-bound, vmax=bound)
    if grids[0].size <= 400:  # more texts would overlap
        for (row, column), ret in np.ndenumerate(grids[0]):
            if np.isfinite(ret):
                text = f"{100 * ret + 0.0:.1f}\n{grids[1][row, column]:.1f}"
                colour = "white" if abs(ret) > 0.6 * bound else INK
                axes.text(column, row, text, ha="center", va="center", fontsize=8.5, color=colour)
    axes.set_xticks(range(len(second)), second)
    axes.set_yticks(range(len(first)), first)
    axes.set_xlabel("bin of the signal", fontsize=9, color=INK)
    axes.set_ylabel(str(result.config["double_var"]), fontsize=9, color=INK)


_PICTURES: dict[str, Callable[[Any, Any, pd.DataFrame], None]] = {
    "quantiles": _draw_quantiles,
    "decay": _draw_decay,
    "capacity": _draw_capacity,
    "double_sort": _draw_double_sort,
}

# Copyright The fractile authors. Licensed under the Apache License, Version 2.0.
"""A result as one picture."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from fractile.result import BacktestResult

_GROSS, _NET, _LOSS, _GREY = "#1f5fa8", "#d9822b", "#b03a48", "#8a8f98"


def plot_result(result: BacktestResult, path: str | None = None) -> Any:
    """Cumulative return gross and net, drawdown, turnover and a monthly heat map.

    Args:
        result: A result with at least one day.
        path: File to save to (.png, .pdf, .svg); None only returns the figure.

    Returns:
        The matplotlib figure.
    """
    from matplotlib.figure import Figure
    from matplotlib.ticker import PercentFormatter

    daily = result.daily
    dates = daily["date"].to_numpy()
    figure = Figure(figsize=(11, 8.5), layout="constrained")
    top, middle, bottom, heat = figure.subplots(4, 1, height_ratios=[3, 1.2, 1.2, 1.6])
    figure.suptitle(
        f"Sharpe {result.sharpe:.2f}, return {result.annual_return:.1%} a year, "
        f"max drawdown {result.max_drawdown:.1%}, turnover {result.turnover_mean:.2f} a day",
        fontsize=12,
    )
    top.plot(dates, daily["cumret"], color=_GROSS, lw=1.6, label="gross")
    if daily["cumret_net"].notna().any():
        top.plot(dates, daily["cumret_net"], color=_NET, lw=1.6, label="net of costs")
    top.legend(frameon=False, loc="upper left")
    top.set_ylabel("cumulative return")
    middle.fill_between(dates, daily["drawdown"], 0, color=_LOSS, alpha=0.6, lw=0)
    middle.set_ylabel("drawdown")
    if daily["turnover"].notna().any():
        bottom.plot(dates, daily["turnover"], color=_GREY, lw=0.8)
    bottom.set_ylabel("turnover")
    for axes in (top, middle, bottom):
        axes.yaxis.set_major_formatter(PercentFormatter(1.0))
        axes.grid(axis="y", color="#e3e5e8", lw=0.8)
        axes.spines[["top", "right"]].set_visible(False)
        if len(dates):
            axes.set_xlim(dates[0], dates[-1])
    _draw_months(heat, result)
    if path is not None:
        figure.savefig(path, dpi=130)
    return figure


def _draw_months(axes: Any, result: BacktestResult) -> None:
    """Returns by year and month, as colours and numbers."""
    daily = result.daily
    year, month = daily["date"].dt.year.to_numpy(), daily["date"].dt.month.to_numpy()
    years = np.unique(year)
    grid = np.full((max(len(years), 1), 12), np.nan)
    for row, y in enumerate(years):
        for m in np.unique(month[year == y]):
            grid[row, m - 1] = daily["ret"].to_numpy()[(year == y) & (month == m)].sum()
    bound = float(np.nanmax(np.abs(grid))) if len(years) else 1.0
    axes.imshow(grid, aspect="auto", cmap="RdBu", vmin=-bound, vmax=bound)
    for y in range(len(years)):
        for x in range(12):
            if np.isfinite(grid[y, x]):
                dark = abs(grid[y, x]) > 0.6 * bound
                axes.text(x, y, f"{grid[y, x]:.1%}", ha="center", va="center", fontsize=8, color="white" if dark else "black")
    axes.set_xticks(range(12), ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"])
    axes.set_yticks(range(len(years)), years)
    axes.set_ylabel("month")
    axes.tick_params(length=0)
    for spine in axes.spines.values():
        spine.set_visible(False)

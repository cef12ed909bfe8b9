# Copyright The fractile authors. Licensed under the Apache License, Version 2.0.
"""Draws a result as one picture; `python -m fractile.plot FILE` reads the JSON of a result from stdin."""

from __future__ import annotations

import json
import pathlib
import sys
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np

from fractile.errors import ConfigError, FractileError

if TYPE_CHECKING:
    from fractile.result import BacktestResult

GROSS, NET, LOSS, GREY, INK, RULE = "#1f5fa8", "#d9822b", "#b03a48", "#8a8f98", "#2b2f36", "#e3e5e8"
_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
_MEAN_DAYS = 21
_ENDINGS = (".png", ".pdf", ".svg")


def plot_result(result: BacktestResult, path: str | None = None) -> Any:
    """Draws cumulative return gross and net, drawdown, turnover and a heat map of months.

    Args:
        result: A result; if it has no days, the panels are empty.
        path: File to save to (.png, .pdf, .svg); None only returns the figure.

    Returns:
        The matplotlib figure; its axes are labelled "return", "drawdown", "turnover" and "months".

    Raises:
        ConfigError: matplotlib is not installed, or the file has another extension.
    """
    check_path(path)
    months = _sum_months(result)
    height = 0.32 * len(months) + 0.7
    figure = new_page((11, 7.2 + height))
    top, middle, bottom, heat = figure.subplots(4, 1, height_ratios=[3.4, 1.2, 1.2, height])
    figure.suptitle(_describe(result), fontsize=11, color=INK, x=0.012, ha="left", linespacing=1.6)
    _draw_return(top, result)
    _draw_drawdown(middle, result)
    _draw_turnover(bottom, result)
    _share_dates((top, middle, bottom), result)
    _draw_months(heat, months)
    if path is not None:
        figure.savefig(path, dpi=130)
    return figure


def new_page(size: tuple[float, float]) -> Any:
    """An empty figure of a size in inches. Raises ConfigError if matplotlib is not installed."""
    try:
        from matplotlib.layout_engine import ConstrainedLayoutEngine

        from fractile.figure import Page
    except ImportError:
        raise ConfigError(
            "INVALID_VALUE: expected matplotlib to draw with, found none. Install it: pip install matplotlib.", "INVALID_VALUE"
        ) from None
    layout = ConstrainedLayoutEngine(h_pad=0.08, w_pad=0.1, hspace=0.03)
    return Page(figsize=size, layout=layout, facecolor="white")


def check_path(path: str | None) -> None:
    """Raises ConfigError before any work if the file cannot be drawn to."""
    if path is not None and pathlib.Path(path).suffix.lower() not in _ENDINGS:
        raise ConfigError(
            f'INVALID_VALUE: expected a file to draw to that ends in {", ".join(_ENDINGS)}, found "{path}". '
            f'Write "{pathlib.Path(path).stem or "result"}.png".',
            "INVALID_VALUE",
        )


def _describe(result: BacktestResult) -> str:
    if len(result.daily) == 0:
        return f"No position on any day\n{result.snapshot}"
    summary = result.summary.iloc[0]
    net = ""
    if np.isfinite(summary["sharpe_ret_net"]):
        net = f" ({summary['sharpe_ret_net']:.2f} net of costs)"
    numbers = [
        f"Sharpe {result.sharpe:.2f}{net}",
        f"return {result.annual_return:.1%} a year",
        f"max drawdown {result.max_drawdown:.1%}",
    ]
    if np.isfinite(result.turnover_mean):
        numbers.append(f"turnover {result.turnover_mean:.1%} a {_period(result)}")
    dates = result.daily["date"]
    span = f"{dates.iloc[0]:%Y-%m-%d} to {dates.iloc[-1]:%Y-%m-%d}"
    names = f"{summary['numcos_l']:.0f} long and {summary['numcos_s']:.0f} short names"
    return f"{'   ·   '.join(numbers)}\n{result.snapshot}, {span}, {names}"


def _period(result: BacktestResult) -> str:
    """The word for one row of `daily`."""
    words = {252: "day", 365: "day", 52: "week", 12: "month", 4: "quarter", 1: "year"}
    return words.get(result.periods_per_year, "period")


def style_axes(axes: Any, label: str) -> None:
    """The look of all panels: no frame, a quiet title."""
    axes.set_label(label)
    axes.set_title(label, loc="left", fontsize=9.5, color=GREY, pad=4)
    axes.tick_params(labelsize=8.5, colors=INK, length=0)
    axes.spines[:].set_visible(False)


def _draw_return(axes: Any, result: BacktestResult) -> None:
    daily = result.daily
    style_axes(axes, "return")
    axes.set_title("cumulative return", loc="left", fontsize=9.5, color=GREY, pad=4)
    axes.axhline(0, color=GREY, lw=0.8)
    for column, colour, label in (("cumret_net", NET, "net of costs"), ("cumret", GROSS, "gross")):
        if daily[column].notna().any():
            axes.plot(daily["date"].to_numpy(), daily[column].to_numpy(), color=colour, lw=1.7, label=label)
    if axes.get_legend_handles_labels()[0]:
        axes.legend(*(part[::-1] for part in axes.get_legend_handles_labels()), frameon=False, loc="best", fontsize=9)


def _draw_drawdown(axes: Any, result: BacktestResult) -> None:
    daily = result.daily
    style_axes(axes, "drawdown")
    axes.fill_between(daily["date"].to_numpy(), daily["drawdown"].to_numpy(), 0, color=LOSS, alpha=0.45, lw=0)
    axes.plot(daily["date"].to_numpy(), daily["drawdown"].to_numpy(), color=LOSS, lw=0.9)
    axes.set_ylim(top=0)


def _draw_turnover(axes: Any, result: BacktestResult) -> None:
    daily = result.daily
    style_axes(axes, "turnover")
    turnover = daily["turnover"]
    if not turnover.notna().any():
        if len(turnover):
            axes.text(0.5, 0.5, "not computed", transform=axes.transAxes, ha="center", va="center", color=GREY)
        return
    axes.plot(daily["date"].to_numpy(), turnover.to_numpy(), color=GREY, lw=0.7, alpha=0.7, label=f"per {_period(result)}")
    window = _MEAN_DAYS if _period(result) == "day" else result.periods_per_year
    if len(turnover) > 2 * window > 2:
        mean = turnover.rolling(window).mean().to_numpy()
        axes.plot(daily["date"].to_numpy(), mean, color=INK, lw=1.4, label=f"mean of {window} {_period(result)}s")
        axes.legend(frameon=False, loc="lower right", bbox_to_anchor=(1, 0.97), borderaxespad=0, fontsize=8.5, ncols=2)
    axes.set_ylim(bottom=0)


def _share_dates(all_axes: tuple[Any, ...], result: BacktestResult) -> None:
    """Gives all panels one axis of dates, with labels below the last panel."""
    import matplotlib.dates
    from matplotlib.ticker import FuncFormatter, MaxNLocator

    days: Any = matplotlib.dates  # matplotlib declares no types for it
    dates = result.daily["date"].to_numpy()
    for axes in all_axes:
        if len(dates) and axes.has_data():
            axes.yaxis.set_major_locator(MaxNLocator(6 if axes is all_axes[0] else 3, steps=[1, 2, 2.5, 5, 10]))
            axes.yaxis.set_major_formatter(FuncFormatter(lambda y, _: f"{100 * y + 0.0:g}%"))
        else:
            axes.set_yticks([])
        axes.set_axisbelow(True)
        axes.grid(color=RULE, lw=0.8)
        axes.sharex(all_axes[0])
        axes.tick_params(labelbottom=axes is all_axes[-1])
    if len(dates) == 0:
        for axes in all_axes:
            axes.set_xticks([])
        return
    locator = days.AutoDateLocator(minticks=4, maxticks=12)
    all_axes[0].xaxis.set_major_locator(locator)
    all_axes[0].xaxis.set_major_formatter(days.ConciseDateFormatter(locator, show_offset=False))
    day = np.timedelta64(1, "D")
    all_axes[0].set_xlim(dates[0] - day, dates[-1] + day)


def _sum_months(result: BacktestResult) -> dict[int, np.ndarray]:
    """Returns gross returns by year: twelve months (NaN if the month has no days) and the year's sum."""
    year, month = result.daily["date"].dt.year.to_numpy(), result.daily["date"].dt.month.to_numpy()
    ret = result.daily["ret"].to_numpy()
    out: dict[int, np.ndarray] = {}
    for y in np.unique(year):
        months = [ret[(year == y) & (month == m)] for m in range(1, 13)]
        out[int(y)] = np.array([part.sum() if len(part) else np.nan for part in months] + [ret[year == y].sum()])
    return out


def _draw_months(axes: Any, months: dict[int, np.ndarray]) -> None:
    style_axes(axes, "months")
    axes.set_title("return by month, percent", loc="left", fontsize=9.5, color=GREY, pad=4)
    axes.grid(False)
    if not months:
        axes.set_xticks([])
        axes.set_yticks([])
        return
    grid = np.array(list(months.values()))
    bound = max(float(np.nanmax(np.abs(grid[:, :12]))), 1e-12)
    # The year's sum has no colour, because its scale differs from that of the months.
    axes.imshow(grid[:, :12], aspect="auto", cmap="RdBu", vmin=-bound, vmax=bound, extent=(-0.5, 11.5, len(grid) - 0.5, -0.5))
    axes.set_xlim(-0.5, 12.6)
    for (row, column), value in np.ndenumerate(grid):
        if not np.isfinite(value):
            continue
        is_year = column == 12
        is_dark = not is_year and abs(value) > 0.6 * bound
        size = 9.5 if is_year else 8.5
        axes.text(
            column + 0.05 * is_year,
            row,
            f"{100 * value + 0.0:.1f}",
            ha="center",
            va="center",
            fontsize=size,
            color="white" if is_dark else INK,
        )
    axes.set_xticks(range(13), [*_MONTHS, "year"])
    axes.set_yticks(range(len(grid)), list(map(str, months)))


def draw_stdin(arguments: list[str], module: str, draw: Callable[[Any, str], None]) -> int:
    """Draws what the command line writes to stdin as JSON (``orient=split``) to the file that `arguments` names.

    Args:
        arguments: One file.
        module: Name of the program, for its usage.
        draw: Takes the JSON as a dict, and the file.

    Returns:
        The exit status.
    """
    if len(arguments) != 1:
        print(f"usage: python -m {module} FILE < result.json", file=sys.stderr)
        return 2
    try:
        draw(json.load(sys.stdin), arguments[0])
    except (FractileError, OSError) as error:
        print(error, file=sys.stderr)
        return 1
    return 0


def _draw_result(body: Any, path: str) -> None:
    from fractile.result import BacktestResult
    from fractile.wire import WireResult

    plot_result(BacktestResult(WireResult(body)), path)


if __name__ == "__main__":
    sys.exit(draw_stdin(sys.argv[1:], "fractile.plot", _draw_result))

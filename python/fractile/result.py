# Copyright The fractile authors. Licensed under the Apache License, Version 2.0.
"""The result of a run."""

from __future__ import annotations

import base64
import html
import json
from collections.abc import Iterator
from functools import cached_property
from typing import TYPE_CHECKING, Any

import pandas as pd

from fractile import _core
from fractile.errors import FractileError
from fractile.ledger import Ledger, LocalLedger, ledger_file
from fractile.wire import WireResult

if TYPE_CHECKING:
    import os

    from fractile.audit import SignalAudit
    from fractile.factor_models import Attribution
    from fractile.tear_sheet import Source

_DAYS_OF_NS = 106_751  # either way from 1970
_TUPLE = ("summary", "daily", "turnover", "tc")
TABLES: dict[str, dict[str, Any]] = {table["name"]: table for table in _core.result_tables()}


def to_frame(columns: dict[str, Any]) -> pd.DataFrame:
    """Makes a DataFrame over the engine's columns. Days become datetime64[ns], or [s] if a year is out of its range."""
    data: dict[str, Any] = {}
    for name, values in columns.items():
        if name.endswith(":days"):
            is_near = len(values) == 0 or (values.min() > -_DAYS_OF_NS and values.max() < _DAYS_OF_NS)
            unit = "ns" if is_near else "s"
            data[name.removesuffix(":days")] = values.astype("datetime64[D]").astype(f"datetime64[{unit}]")
        else:
            data[name] = values
    return pd.DataFrame(data)


def _from_json(text: str, file: str | None = None, study: str = "") -> BacktestResult:
    return BacktestResult(WireResult(json.loads(text)), None if file is None else LocalLedger(file), study)


class BacktestResult:
    """Tables and numbers of one run; unpacks as ``summary, daily, turnover, tc``.

    Each table of docs/tables.md is a property: a DataFrame, or None if the run was not asked for it.
    """

    def __init__(
        self, raw: _core.RawResult | WireResult, ledger: Ledger | None = None, study: str = "", source: Source | None = None
    ) -> None:
        self._raw = raw
        self._ledger = ledger
        self._study = study
        self._source = source
        self._frames: dict[str, pd.DataFrame] = {}

    def _table(self, name: str) -> pd.DataFrame:
        if name not in self._frames:
            self._frames[name] = to_frame(self._raw.table(name))
        return self._frames[name]

    def _find(self, name: str) -> Any:
        """Returns a table, or None if the run was not asked for it. A table of one value becomes the value, a record a dict."""
        frame = self._table(name)
        if not len(frame.columns):
            return None
        if TABLES[name]["is_record"]:
            return {column: values.iloc[0].item() for column, values in frame.items()}
        return frame.to_numpy()[0, 0].item() if TABLES[name]["is_scalar"] else frame

    def __iter__(self) -> Iterator[pd.DataFrame]:
        return (self._table(name) for name in _TUPLE)

    def __len__(self) -> int:
        return len(_TUPLE)

    def __getitem__(self, index: Any) -> Any:
        if isinstance(index, str):
            return getattr(self, index)
        return tuple(self)[index]

    if TYPE_CHECKING:  # the properties that the end of this module adds

        def __getattr__(self, name: str) -> Any: ...

    def _overall(self, column: str) -> float:
        return float(self.summary[column].iloc[0])

    @property
    def sharpe(self) -> float:
        """Annualised Sharpe ratio of the overall book, before costs."""
        return self._overall("sharpe_ret")

    @property
    def annual_return(self) -> float:
        """The mean return per period, times the periods per year, of the overall book, before costs."""
        return self._overall("ret_ann")

    @property
    def max_drawdown(self) -> float:
        """The deepest drawdown of the overall book, before costs; 0 or less."""
        return self._overall("maxdd")

    @property
    def turnover_mean(self) -> float:
        """Mean daily turnover of the overall book; 1 is a full replacement."""
        return self._overall("turnover")

    @cached_property
    def diagnostics(self) -> dict[str, Any]:
        """Counts of used rows, and of dropped rows by cause, with examples."""
        return dict(self._raw.diagnostics)

    @cached_property
    def config(self) -> dict[str, Any]:
        """All options of the run."""
        return dict(json.loads(self._raw.config_json))

    @property
    def run_id(self) -> str:
        """A hash that identifies the run: equal runs have equal hashes on every surface and machine."""
        return self._raw.run_id

    @property
    def snapshot(self) -> str:
        """Id of the snapshot."""
        return self._raw.snapshot

    @property
    def periods_per_year(self) -> int:
        """P, the number of periods per year that annualises the statistics."""
        return self._raw.periods_per_year

    @property
    def elapsed_seconds(self) -> float:
        """Wall time of the engine."""
        return self._raw.elapsed_seconds

    @property
    def timings(self) -> dict[str, float]:
        """Seconds by stage."""
        return dict(self._raw.timings)

    def to_json(self, orient: str = "records") -> str:
        """The JSON body with which ``POST /run`` answers; NaN is null."""
        return self._raw.to_json(orient)

    def to_dict(self) -> dict[str, Any]:
        """`to_json` as a dict."""
        return dict(json.loads(self.to_json()))

    def to_markdown(self) -> str:
        """A page of Markdown, for people and agents.

        It holds the overall book with the interval of its Sharpe ratio, the warnings, the trials of the study, and the options
        other than the defaults.
        """
        from fractile.markdown import to_markdown

        return to_markdown(self)

    @property
    def study(self) -> str | None:
        """Name of the study that counts the run as a trial."""
        return self._study or None

    def deflation(self, study: str | None = None) -> dict[str, Any]:
        """The run among the trials of a study, as the ledger has them now.

        Args:
            study: Its name; None is the study of the run.

        Returns:
            study, trials, trials_effective (independent ones), variance and variance_net of their Sharpe ratios per period, dsr and
            dsr_net (the deflated ratios), is_best, and text.

        Raises:
            ConfigError: The ledger has no such study, or the run has none.
        """
        from fractile.inference import deflate

        return deflate(self, self._ledger or LocalLedger(ledger_file()), self._study if study is None else study)

    def _describe_study(self) -> str:
        """A sentence for a result of a study; "" for others, and if the ledger cannot be read any more."""
        try:
            return str(self.deflation()["text"]) if self._study else ""
        except FractileError:
            return ""

    def inference(
        self, level: float = 0.95, draws: int = 10000, seed: int = 0, study: str | None = None, trials: Any = None
    ) -> pd.DataFrame:
        """Errors, intervals and tests of the Sharpe ratio, the mean and the drawdown of every portfolio.

        Args:
            level: Coverage of the intervals, which are percentiles of the stationary bootstrap.
            draws: Draws of the bootstrap.
            seed: The same seed yields the same numbers on any machine.
            study: Name of a study, by whose trials the overall book is deflated; None is the study of the run, "" is none.
            trials: In place of a study, (number, variance of their Sharpe ratios per period) of the trials, for the deflated ratio.

        Returns:
            One row per (byvar, group) and series (ret, ret_net), as docs/inference.md describes it. The Sharpe
            ratio, its errors, its interval and the interval of the mean are annualised.
        """
        from fractile.inference import infer

        return infer(self, level, draws, seed, study, trials)

    def attribution(self, factors: Any, series: str = "ret", lags: int | None = None) -> Attribution:
        """Explains the book's returns by factors: alpha, exposures and their errors under autocorrelation.

        Args:
            factors: Factor returns per period: a frame with a column each, by date (its index, or the column ``date``), or a Series.
            series: The returns to explain: ret, ret_net, resret, resret_net, ret_l or ret_s of the overall book.
            lags: Lags of Newey and West; None: floor(4 (n / 100)^(2/9)).

        Raises:
            ConfigError: Collinear factors, or fewer dates than coefficients and 2.
        """
        from fractile.factor_models import attribute

        return attribute(self, factors, series, lags)

    @property
    def sharpe_interval(self) -> tuple[float, float]:
        """The 95 % interval of `sharpe` from its error under autocorrelation."""
        from fractile.inference import sharpe_interval

        return sharpe_interval(self)

    @cached_property
    def monotonicity(self) -> dict[str, float] | None:
        """Tests if returns rise from bin to bin. None unless the run has ``analysis=["quantiles"]``.

        "spearman" and "share_increasing" are of the table; "p_value" is the p of `monotonic_relation_test` (Patton and
        Timmermann 2010) with its defaults, on the days on which every bin holds a name.
        """
        found: dict[str, float] | None = self._find("monotonicity")
        if found is None:
            return None
        from fractile.quantiles import monotonicity_p_value

        return {**found, "p_value": monotonicity_p_value(self.quantile_daily, int(self.config["n_fractile"]))}

    def contribution(self, date: Any = None, top: int | None = 20) -> pd.DataFrame:
        """The names with the largest contributions to the overall book. Needs ``analysis=["drilldown"]``.

        Args:
            date: A day: date, security_id, side (long, short, or none for a name sold that day), weight, ret,
                contribution = weight·ret and tc of its trade. None: security_id, days held, contribution and tc, sums
                over the run.
            top: How many, the largest contribution in size first; None lists all, which add up to the book's ret and tc.

        Raises:
            ConfigError: The run was not asked for drilldown, or has no such day.
        """
        from fractile.drilldown import list_contributions

        return list_contributions(self, date, top)

    def worst_days(self, n: int = 10) -> pd.DataFrame:
        """`contribution` (top 5) of the n days with the lowest return of the overall book, the lowest first."""
        from fractile.drilldown import list_days

        return list_days(self, n, worst=True)

    def best_days(self, n: int = 10) -> pd.DataFrame:
        """`contribution` (top 5) of the n days with the highest return of the overall book, the highest first."""
        from fractile.drilldown import list_days

        return list_days(self, n, worst=False)

    def plot(self, path: str | None = None, table: str | None = None) -> Any:
        """Draws returns, drawdown, turnover and a monthly heat map with matplotlib; saves to `path` if given.

        Args:
            path: File to save to (.png, .pdf, .svg); None only returns the figure.
            table: An analysis of the run to draw instead: "quantiles", "decay", "capacity" or "double_sort".
        """
        if table is not None:
            from fractile.plot_analysis import plot_analysis

            return plot_analysis(self, table, path)
        from fractile.plot import plot_result

        return plot_result(self, path)

    def report(
        self,
        path: str | os.PathLike[str],
        title: str | None = None,
        compute: bool = True,
        audit: SignalAudit | None = None,
    ) -> None:
        """Writes the tear sheet: one HTML file that opens offline.

        Args:
            path: The file.
            title: Heading of the sheet.
            compute: Run again for tables that the sheet draws and this result lacks, if the signal is still alive and unchanged.
            audit: The look-ahead audit of the signal, which the sheet draws too.
        """
        from fractile.tear_sheet import report

        report(self, path, title, compute, audit)

    def __reduce__(self) -> tuple[Any, tuple[Any, ...]]:
        text = self._raw.to_json("split")
        if isinstance(self._ledger, LocalLedger):
            return _from_json, (text, self._ledger.file, self._study)
        return _from_json, (text,)

    def __repr__(self) -> str:
        low, high = self.sharpe_interval
        return (
            f"BacktestResult(sharpe={self.sharpe:.2f} [{low:.2f}, {high:.2f}], annual_return={self.annual_return:.2%}, "
            f"max_drawdown={self.max_drawdown:.2%}, turnover_mean={self.turnover_mean:.3f}, "
            f"days={len(self.daily)}, run_id={self.run_id[:12]})"
        ) + (f"\n{trials}" if (trials := self._describe_study()) else "")

    def _repr_html_(self) -> str:
        columns = ["byvar", "group", "num_date", "numcos_l", "numcos_s", "ret_ann", "ret_std", "sharpe_ret"]
        columns += ["sharpe_ret_net", "maxdd", "turnover", "tc_ann", "t_stat_nw"]
        table = self.summary[columns].to_html(index=False, border=0, float_format=lambda x: f"{x:.4g}", na_rep="")
        low, high = self.sharpe_interval
        used = self.diagnostics["rows_used"]
        given = self.diagnostics["rows_given"]
        trials = f"<div>{html.escape(text)}</div>" if (text := self._describe_study()) else ""
        return (
            f"<div><b>Sharpe {self.sharpe:.2f}</b> (95 %: {low:.2f} to {high:.2f}) &nbsp; return {self.annual_return:.2%} a year &nbsp; "
            f"max drawdown {self.max_drawdown:.2%} &nbsp; turnover {self.turnover_mean:.3f} a day{trials}{table}"
            f"<small>{used:,} of {given:,} rows used &nbsp; snapshot {html.escape(self.snapshot)} &nbsp; "
            f"{self.elapsed_seconds * 1e3:.1f} ms &nbsp; run {self.run_id[:12]}</small>{self._picture()}</div>"
        )

    def _picture(self) -> str:
        """`plot` as an image of the page; "" without days or matplotlib."""
        if not len(self.daily):
            return ""
        try:
            data = self.plot()._repr_png_()
        except FractileError:
            return ""
        source = f"data:image/png;base64,{base64.b64encode(data).decode('ascii')}"
        return f'<br><img src="{source}" alt="Cumulative return, drawdown, turnover and monthly returns">'


def _make_property(table: dict[str, Any]) -> property:
    name = table["name"]
    asked_by = f" None unless the run has ``{table['asked_by']}``." if table["asked_by"] else ""
    return property(lambda self: self._find(name), doc=f"{table['doc']}{asked_by}")


for _table in TABLES.values():
    if not hasattr(BacktestResult, _table["name"]):
        setattr(BacktestResult, _table["name"], _make_property(_table))

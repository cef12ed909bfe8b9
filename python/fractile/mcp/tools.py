# Copyright The fractile authors. Licensed under the Apache License, Version 2.0.
"""The calls behind the tools: each computes, counts what it has shown as trials, and judges it."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Mapping
from typing import Any

import pandas as pd

import fractile
from fractile import _core
from fractile.errors import ConfigError, FractileError
from fractile.factor_models import hedge
from fractile.mcp import schemas, signals
from fractile.mcp.declarations import MAX_CELLS, declare
from fractile.mcp.limits import Clock, Limits, refuse
from fractile.mcp.reports import Reports
from fractile.mcp.trials import StudyTrials, Trial, trial_of

_NO_RUN = "no run had a result"


class Toolbox:
    """The tools of one server, under the limits of its operator.

    Args:
        root: Folder of the snapshots.
        limits: Of the operator.
        reports: Where tear sheets go; None writes none.
    """

    def __init__(self, root: str, limits: Limits, reports: Reports | None = None) -> None:
        self._root = root
        self._limits = limits
        self._reports = reports
        self._clock = Clock(limits.seconds)
        self._trials = StudyTrials(root, limits)
        self.tools = {tool.name: tool for tool in declare()}

    def call(self, name: str, arguments: Mapping[str, Any]) -> dict[str, Any]:
        """The answer of a tool of `tools`.

        Raises:
            FractileError: As the product itself raises it, or a limit is reached.
        """
        answer: dict[str, Any] = getattr(self, self.tools[name].name)(**arguments)
        return answer

    # Snapshots

    def list_snapshots(self) -> dict[str, Any]:
        """Snapshots that the client may use; days of the hold-out period are not shown."""
        frame = fractile.list_snapshots(self._root)
        allowed, end = self._limits.snapshots, self._limits.end_date
        rows = [row for row in frame.to_dict("records") if allowed is None or row["id"] in allowed]
        seen = [row for row in rows if end is None or pd.Timestamp(row["first_date"]) <= pd.Timestamp(end)]
        return {"snapshots": [self._describe(row) for row in seen]}

    def _describe(self, row: Any) -> dict[str, Any]:
        last = pd.Timestamp(row["last_date"])
        end = self._limits.end_date
        if end is not None:
            last = min(last, pd.Timestamp(end))
        calendar = _core.snapshot_report(self._root, str(row["id"]))
        return {
            "id": str(row["id"]),
            "securities": int(row["securities"]) if end is None else None,
            "first_date": pd.Timestamp(row["first_date"]).date().isoformat(),
            "last_date": last.date().isoformat(),
            "frequency": str(calendar["frequency"]),
            "periods_per_year": int(calendar["periods_per_year"]),
        }

    def describe_snapshot(self, snapshot: str | None = None) -> dict[str, Any]:
        """Columns, dates and the data report of a snapshot; no report if a hold-out period is set, since it covers all days."""
        id = self._choose(snapshot)
        columns = fractile.open_snapshot(id, self._root).column_names  # refuses an id that is missing
        rows = fractile.list_snapshots(self._root)
        row = self._describe(rows[rows["id"] == id].iloc[0])
        report = [] if self._limits.end_date else fractile.snapshot_report(id, self._root)["text"].astype(str).tolist()
        return row | {"columns": columns, "report": report}

    # Runs

    def run(
        self,
        signal: Mapping[str, Any],
        config: Mapping[str, Any] | None = None,
        snapshot: str | None = None,
        daily: bool = False,
    ) -> dict[str, Any]:
        """One backtest, counted as a trial."""
        service, options = self._service(snapshot), dict(config or {})
        with self._trials.counting(1), self._clock.running():
            rows = self._read(signal, options)
            return self._answer(self._run(service, rows, options), daily)

    def suite(
        self,
        signal: Mapping[str, Any],
        lags: list[int],
        resid_modes: list[str] | None = None,
        config: Mapping[str, Any] | None = None,
        snapshot: str | None = None,
    ) -> dict[str, Any]:
        """Every pair of lag and residual mode; each is a trial."""
        service, options, modes = self._service(snapshot), dict(config or {}), resid_modes or ["off"]
        count = self._check_cells("suite", len(lags) * len(modes))
        with self._trials.counting(count), self._clock.running():
            rows = self._read(signal, options)
            results = service.run_suite(rows, lags, modes, study=self._limits.study, **options)
            return {"results": {name: self._answer(result, False) for name, result in results.items()}}

    def sweep(
        self,
        signals: Mapping[str, Mapping[str, Any]],
        grid: Mapping[str, list[Any]] | None = None,
        config: Mapping[str, Any] | None = None,
        snapshot: str | None = None,
    ) -> dict[str, Any]:
        """Every signal with every combination of the grid; each is a trial, and a failure is a row."""
        service, names, axes = self._service(snapshot), list(grid or {}), list((grid or {}).values())
        n_cells = 1
        for values in axes:
            n_cells = self._check_cells("sweep", n_cells * len(values))
        count = self._check_cells("sweep", len(signals) * n_cells)
        out: list[dict[str, Any]] = []
        trials: list[Trial | None] = []
        with self._trials.counting(count), self._clock.running() as check:
            for (name, signal), values in itertools.product(signals.items(), itertools.product(*axes)):
                cell = dict(zip(names, values))
                options = dict(config or {}) | cell
                row: dict[str, Any] = {"signal": name, "cell": cell}
                try:
                    check()
                    result = self._run(service, self._read(signal, options), options)
                    row |= {"run_id": result.run_id, "summary": self._summary(result, overall=True)[0]}
                    trials.append(trial_of(result))
                except FractileError as error:
                    row["error"] = {"code": error.code, "message": str(error)}
                    trials.append(None)
                out.append(row)
            return {"rows": out} | self._judge_rows(out, trials)

    def compare(
        self, signals: Mapping[str, Mapping[str, Any]], config: Mapping[str, Any] | None = None, snapshot: str | None = None
    ) -> dict[str, Any]:
        """Signals side by side, with p-values that allow for their number. Each is a trial."""
        service, options = self._service(snapshot), dict(config or {})
        with self._trials.counting(len(signals)), self._clock.running() as check:
            results = self._run_named(service, signals, options, check)
            tests = fractile.multiple_testing(results)
            columns = ["signal", "sharpe", "t_nw", "p", "p_holm", "p_bh", "p_romano_wolf"]
            rows = [schemas.plain(row) for row in tests[columns].to_dict("records")]
            judged = self._judge_rows(rows, [trial_of(results[row["signal"]]) for row in rows])
            return {"rows": rows, "reality_check_p": schemas.number(tests.attrs["reality_check_p"])} | judged

    def similar(
        self,
        signal: Mapping[str, Any],
        library: Mapping[str, Mapping[str, Any]],
        config: Mapping[str, Any] | None = None,
        snapshot: str | None = None,
    ) -> dict[str, Any]:
        """A signal beside others. The alpha beyond each is left out: it would be a further trial, which `spanning` counts."""
        service, options = self._service(snapshot), dict(config or {})
        with self._trials.counting(1 + len(library)), self._clock.running():
            rows = self._read(signal, options)
            members = {name: self._read(member, options) for name, member in library.items()}
            found = service.similar(rows, members, study=self._limits.study, **options).drop(columns="alpha_t")
            result = self._run(service, rows, options)
            return {
                "run_id": result.run_id,
                "snapshot": result.snapshot,
                "rows": [schemas.plain(row) for row in found.to_dict("records")],
                "trials": self._trials.judge(trial_of(result)),
            }

    # Examinations

    def audit(
        self, signal: Mapping[str, Any], config: Mapping[str, Any] | None = None, snapshot: str | None = None
    ) -> dict[str, Any]:
        """The look-ahead checks of a signal. They look at its Sharpe ratio, so the run with the same options counts as a trial."""
        service, options = self._service(snapshot), dict(config or {})
        with self._trials.counting(1), self._clock.running():
            rows = self._read(signal, options)
            found = service.audit(rows, **options)
            # `restated` needs an older vintage, which this tool does not take.
            checks = [check for check in found.checks.to_dict("records") if check["check"] != "restated"]
            dates = next(check for check in checks if check["check"] == "dates")
            answer: dict[str, Any] = {"verdict": found.verdict, "snapshot": found.snapshot}
            if dates["status"] == "look-ahead":
                # A run refuses such a signal, so no trial can count what the other checks say about its returns.
                checks = [dates]
                answer["trials"] = self._trials.judge_nothing("impossible dates refuse the signal")
            else:
                result = self._run(service, rows, options)
                answer |= {"run_id": result.run_id, "trials": self._trials.judge(trial_of(result))}
            return answer | {"checks": [_describe_check(check) for check in checks]}

    def fama_macbeth(
        self,
        signal: Mapping[str, Any],
        controls: list[str] | None = None,
        standardize: bool = False,
        config: Mapping[str, Any] | None = None,
        snapshot: str | None = None,
    ) -> dict[str, Any]:
        """The mean of the signal's daily coefficients, which are the returns of a book: their Sharpe ratio is a trial.

        The coefficients of controls are not shown. Otherwise a call with ten controls would show ten books and count one.
        """
        service, options, names = self._service(snapshot), dict(config or {}), sorted(controls or [])
        with self._trials.counting(1), self._clock.running():
            rows = self._read(signal, options)
            # Sorted, so that the order of controls does not change the last bits of the coefficients and with them the trial.
            found = service.fama_macbeth(rows, names, standardize, **options)
            name = str(options.get("sigvar", "signal"))
            led_to = {"controls": names, "standardize": standardize, "config": found.config}
            returns = found.daily.set_index("date")[name]
            per_year = int(_core.snapshot_report(self._root, found.snapshot)["periods_per_year"])
            trial = self._trials.add("fama_macbeth", found.snapshot, led_to, per_year, returns)
            table = found.table.set_index("name", drop=False)
            return {
                "trial": trial.run_id,
                "snapshot": found.snapshot,
                "coefficient": schemas.plain(table.loc[name].to_dict()),
                "controls": names,
                "mean_names": schemas.number(found.mean_names),
                "mean_r2": schemas.number(found.mean_r2),
                "left_out": found.left_out,
                "trials": self._trials.judge(trial),
            }

    # Books beside others

    def attribution(
        self,
        signal: Mapping[str, Any],
        factors: Mapping[str, Any],
        series: str = "ret",
        lags: int | None = None,
        config: Mapping[str, Any] | None = None,
        snapshot: str | None = None,
    ) -> dict[str, Any]:
        """Factor exposures of a book. Its returns less those of the factors are a trial beside that of the run."""
        service, options = self._service(snapshot), dict(config or {})
        with self._trials.counting(2), self._clock.running():
            returns = signals.read_factors(factors, self._limits)
            result = self._run(service, self._read(signal, options), options)
            found = result.attribution(returns, series, lags)
            names = [str(name) for name in returns.columns]
            return self._judge_hedged("attribution", result, returns, series, names) | {
                "table": [schemas.plain(row) for row in found.table.to_dict("records")],
                "alpha": schemas.number(found.alpha),
                "alpha_annualised": schemas.number(found.alpha_annualised),
                "r2": schemas.number(found.r2),
                "appraisal": schemas.number(found.appraisal),
                "periods": found.periods,
                "left_out": found.left_out,
            }

    def spanning(
        self,
        signal: Mapping[str, Any],
        others: Mapping[str, Mapping[str, Any]] | None = None,
        factors: Mapping[str, Any] | None = None,
        series: str = "ret",
        config: Mapping[str, Any] | None = None,
        snapshot: str | None = None,
    ) -> dict[str, Any]:
        """The test that other books earn as much. The returns less those of their mixture are a trial beside the runs."""
        service, options = self._service(snapshot), dict(config or {})
        if not others and factors is None:
            raise refuse("spanning", "others, factors or both", "neither", 'Send {"others": {"name": signal}}.')
        with self._trials.counting(2 + len(others or {})), self._clock.running() as check:
            table = signals.read_factors(factors, self._limits) if factors is not None else pd.DataFrame()
            result = self._run(service, self._read(signal, options), options)
            books = self._run_named(service, others or {}, options, check)
            mixture: dict[str, Any] = {str(name): table[name] for name in table} | {
                name: book.daily.set_index("date")[series].rename(name) for name, book in books.items()
            }
            found = fractile.spanning(result, mixture, series)
            return self._judge_hedged("spanning", result, mixture, series, list(mixture)) | {
                "periods": int(found["periods"]),
                **{name: schemas.number(found[name]) for name in ("alpha", "t", "sharpe2_increase", "f", "p")},
            }

    def _judge_hedged(
        self, kind: str, result: fractile.BacktestResult, others: Any, series: str, names: list[str]
    ) -> dict[str, Any]:
        led_to = {"run_id": result.run_id, "series": series, "others": names}
        returns = hedge(result, others, series)
        trial = self._trials.add(kind, result.snapshot, led_to, result.periods_per_year, returns, series.endswith("_net"))
        return {
            "run_id": result.run_id,
            "trial": trial.run_id,
            "snapshot": result.snapshot,
            "series": series,
            "trials": self._trials.judge(trial),
        }

    # The hold-out period

    def reveal(
        self, signal: Mapping[str, Any], config: Mapping[str, Any] | None = None, snapshot: str | None = None
    ) -> dict[str, Any]:
        """The hold-out period, once: one signal with one set of options. The ledger records it apart from the study."""
        first = self._limits.holdout_from
        if first is None:
            raise refuse("reveal", "a server with a hold-out period", "none", "Every day is open to the other tools.")
        visible, options = self._service(snapshot), dict(config or {})
        with self._trials.alone(), self._clock.running():
            if self._trials.count(self._limits.holdout_study):
                raise refuse("reveal", "one call per study", "a second one", "The hold-out period of this study is used up.")
            rows = self._read(signal, options)
            # Errors of the signal show here, on days that the client sees.
            self._run(visible, rows, options)
            hidden = fractile.BacktestService.get(self._choose(snapshot), start_date=first.isoformat(), root=self._root)
            try:
                result = hidden.run(rows, study=self._limits.holdout_study, **options)
            except FractileError as error:
                # Nothing is counted, so nothing may be told of these days: the message could name dates and numbers of them.
                raise ConfigError(
                    f"{error.code}: expected a run on the hold-out period, found that it is refused. The signal needs rows on it.",
                    error.code,
                ) from None
            return {
                "run_id": result.run_id,
                "from": first.isoformat(),
                "summary": self._summary(result),
                "sharpe_interval": [schemas.number(x) for x in result.sharpe_interval],
                "warnings": list(result.diagnostics["warnings"]),
                "trials": self._trials.judge(trial_of(result), self._limits.holdout_study),
            }

    # Studies and errors

    def study(self, top: int = 10) -> dict[str, Any]:
        """The study of this client: its trials, and the best of them by the Sharpe ratio after costs."""
        if not self._trials.count():
            return {"study": self._limits.study, "best": [], "trials": self._trials.judge_nothing("there is no trial")}
        found = self._trials.best_of_study(top)
        if not found:
            return {"study": self._limits.study, "best": [], "trials": self._trials.judge_nothing("its trials were deleted")}
        keys = ["run_id", "snapshot", "periods", "sr", "sr_net", "kind"]
        rows = [schemas.plain({name: row[name] for name in keys}) for row in found]
        judged = self._judge_rows(rows, [row["trial"] for row in found])
        return {"study": self._limits.study, "best": rows, "trials": judged["trials"]}

    def explain_error(self, code: str) -> dict[str, Any]:
        """The class and the HTTP status of an error code."""
        for name, number, category, status in _core.ERROR_TABLE:
            if name == code:
                return {"code": name, "number": number, "category": category, "http_status": status}
        nearest = str(_core.nearest_name(code, [entry[0] for entry in _core.ERROR_TABLE]))
        raise refuse("code", "a name of docs/errors.md", f'"{code[:100]}"', f'The nearest is "{nearest}".')

    # Common parts of the tools

    def _choose(self, snapshot: str | None) -> str:
        if snapshot is not None:
            return self._limits.check_snapshot(snapshot)
        if self._limits.snapshots:
            return self._limits.snapshots[-1]
        return str(_core.newest_snapshot(self._root))

    def _service(self, snapshot: str | None) -> fractile.BacktestService:
        return fractile.BacktestService.get(self._choose(snapshot), end_date=self._limits.end_date, root=self._root)

    def _read(self, signal: Mapping[str, Any], options: Mapping[str, Any]) -> Any:
        return signals.read(signal, options, self._limits)

    def _run(self, service: fractile.BacktestService, rows: Any, options: Mapping[str, Any]) -> fractile.BacktestResult:
        return service.run(rows, study=self._limits.study, **options)

    def _run_named(
        self, service: fractile.BacktestService, named: Mapping[str, Mapping[str, Any]], options: Mapping[str, Any], check: Any
    ) -> dict[str, fractile.BacktestResult]:
        out = {}
        for name, signal in named.items():
            check()
            out[name] = self._run(service, self._read(signal, options), options)
        return out

    @staticmethod
    def _check_cells(tool: str, count: int) -> int:
        if count > MAX_CELLS:
            raise refuse(f"runs of a {tool}", f"at most {MAX_CELLS}", str(count), "Send fewer signals or options.")
        return count

    def _summary(self, result: fractile.BacktestResult, overall: bool = False) -> list[dict[str, Any]]:
        frame = result.summary
        return [schemas.plain(row) for row in (frame[frame["byvar"] == "overall"] if overall else frame).to_dict("records")]

    def _answer(self, result: fractile.BacktestResult, daily: bool) -> dict[str, Any]:
        answer = {
            "run_id": result.run_id,
            "snapshot": result.snapshot,
            "summary": self._summary(result),
            "sharpe_interval": [schemas.number(x) for x in result.sharpe_interval],
            "rows_given": result.diagnostics["rows_given"],
            "rows_used": result.diagnostics["rows_used"],
            "warnings": list(result.diagnostics["warnings"]),
            "trials": self._trials.judge(trial_of(result)),
        }
        if daily:
            frame = result.daily
            dated = frame.assign(date=frame["date"].dt.strftime("%Y-%m-%d"))
            answer["daily"] = [schemas.plain(row) for row in dated.to_dict("records")]
        report = None if self._reports is None else self._reports.write(result)
        return answer if report is None else answer | {"report": report}

    def _judge_rows(self, rows: list[dict[str, Any]], trials: Iterable[Trial | None]) -> dict[str, Any]:
        """Adds the deflated ratios to rows. Returns the place of the best row, and what is left of its Sharpe ratio."""
        there = [(place, trial) for place, trial in enumerate(trials) if trial is not None]
        if not there:
            return {"best": None, "trials": self._trials.judge_nothing(_NO_RUN)}
        best, judged, ratios = self._trials.judge_best([trial for _, trial in there])
        for (place, _), (ratio, ratio_net) in zip(there, ratios):
            rows[place] |= {"deflated_sharpe": ratio, "deflated_sharpe_net": ratio_net}
        return {"best": there[best][0], "trials": judged}


def _describe_check(check: Mapping[Any, Any]) -> dict[str, Any]:
    """A check without its numbers. One that passed has no text, since its text tells the Sharpe ratio of another lag."""
    out: dict[str, Any] = {"check": check["check"], "status": check["status"]}
    if check["status"] != "pass":
        out["meaning"] = check["meaning"]
    if check["rows"]:
        out["rows"] = check["rows"].split("; ")
    return out

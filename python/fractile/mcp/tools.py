# Copyright The fractile authors. Licensed under the Apache License, Version 2.0.
"""The tools of the server: their inputs, their answers, and the calls that compute them."""

from __future__ import annotations

import dataclasses
import itertools
import math
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import pandas as pd

import fractile
from fractile import _core
from fractile.errors import FractileError
from fractile.mcp import schemas, signals
from fractile.mcp.limits import Clock, Limits, refuse

# Deflated Sharpe ratio from which a result counts as one that survives its study.
SURVIVES_FROM = 0.95
MAX_CELLS = 1000
_TEXT = {"type": "string"}
_COUNT = {"type": "integer"}
_SNAPSHOT = {"type": "string", "description": "Id of a snapshot; the newest if it is left out."}
_SUMMARY = schemas.row_of("summary")
_DEFLATION = schemas.object_of(
    {
        "study": _TEXT,
        "trials": _COUNT,
        "trials_effective": schemas.NUMBER,
        "deflated_sharpe": schemas.NUMBER,
        "deflated_sharpe_net": schemas.NUMBER,
        "is_best": {"type": "boolean"},
        "survives": {"type": "boolean"},
        "verdict": {"type": "string", "description": "One sentence: would the result survive the number of trials?"},
    }
)
_ANSWER = schemas.object_of(
    {
        "run_id": _TEXT,
        "snapshot": _TEXT,
        "summary": schemas.array_of(_SUMMARY),
        "sharpe_interval": schemas.array_of(schemas.NUMBER),
        "rows_given": _COUNT,
        "rows_used": _COUNT,
        "warnings": schemas.array_of(_TEXT),
        "trials": _DEFLATION,
    },
    {"daily": schemas.array_of(schemas.row_of("daily")), "report": _TEXT},
)
_FAILURE = schemas.object_of({"code": _TEXT, "message": _TEXT})
_CHECK = schemas.object_of(
    {"check": _TEXT, "status": {"enum": ["pass", "not applicable", "note", "suspicious", "look-ahead"]}},
    {
        "meaning": _TEXT | {"description": "The finding; left out if the check passed."},
        "rows": schemas.array_of(_TEXT) | {"description": "The first offending rows."},
    },
)
_AUDIT = schemas.object_of(
    {
        "verdict": {"enum": ["pass", "suspicious", "look-ahead"], "description": "The worst status of the checks."},
        "snapshot": _TEXT,
        "checks": schemas.array_of(_CHECK),
        "trials": _COUNT,
    },
    {"run_id": _TEXT | {"description": "The trial; left out if impossible dates refuse the signal."}},
)


@dataclasses.dataclass(frozen=True)
class Tool:
    """A tool: name, meaning, schemas and the function that answers."""

    name: str
    doc: str
    input: dict[str, Any]
    output: dict[str, Any]
    call: Callable[..., dict[str, Any]]


class Toolbox:
    """The tools of one server, under the limits of its operator."""

    def __init__(self, root: str, limits: Limits) -> None:
        self._root = root
        self._limits = limits
        self._clock = Clock(limits.seconds)
        self.tools = {tool.name: tool for tool in self._declare()}

    def call(self, name: str, arguments: Mapping[str, Any]) -> dict[str, Any]:
        """The answer of a tool.

        Raises:
            FractileError: As the product itself raises it, or a limit is reached.
        """
        return self.tools[name].call(**arguments)

    # Snapshots

    def list_snapshots(self) -> dict[str, Any]:
        """Snapshots that the client may use; days of the hold-out period are not shown."""
        frame = fractile.list_snapshots(self._root)
        allowed = self._limits.snapshots
        rows = [self._describe(row) for row in frame.to_dict("records") if allowed is None or row["id"] in allowed]
        return {"snapshots": rows}

    def _describe(self, row: Any) -> dict[str, Any]:
        last = pd.Timestamp(row["last_date"])
        end = self._limits.end_date
        if end is not None:
            last = min(last, pd.Timestamp(end))
        calendar = _core.snapshot_report(self._root, str(row["id"]))
        return {
            "id": str(row["id"]),
            "securities": int(row["securities"]),
            "first_date": pd.Timestamp(row["first_date"]).date().isoformat(),
            "last_date": last.date().isoformat(),
            "frequency": str(calendar["frequency"]),
            "periods_per_year": int(calendar["periods_per_year"]),
        }

    def describe_snapshot(self, snapshot: str | None = None) -> dict[str, Any]:
        """Columns, dates and the data report of a snapshot; no report if a hold-out period is set, since it covers all days."""
        id = self._choose(snapshot)
        rows = fractile.list_snapshots(self._root)
        row = self._describe(rows[rows["id"] == id].iloc[0])
        report = [] if self._limits.end_date else fractile.snapshot_report(id, self._root)["text"].astype(str).tolist()
        return row | {"columns": fractile.open_snapshot(id, self._root).column_names, "report": report}

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
        rows = self._read(signal, options)
        with self._computing():
            return self._answer(service.run(rows, study=self._limits.study, **options), daily)

    def suite(
        self,
        signal: Mapping[str, Any],
        lags: list[int],
        resid_modes: list[str] | None = None,
        config: Mapping[str, Any] | None = None,
        snapshot: str | None = None,
    ) -> dict[str, Any]:
        """Every pair of lag and residual mode; each is a trial."""
        service, options = self._service(snapshot), dict(config or {})
        modes = resid_modes or ["off"]
        self._check_runs(len(lags) * len(modes))
        rows = self._read(signal, options)
        with self._computing():
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
        service, names = self._service(snapshot), list(grid or {})
        cells = [dict(zip(names, values)) for values in itertools.product(*(grid or {}).values())]
        count = len(signals) * len(cells)
        if count > MAX_CELLS:
            raise refuse("runs of a sweep", f"at most {MAX_CELLS}", str(count), "Send fewer signals or a smaller grid.")
        self._check_runs(count)
        out = []
        with self._computing():
            for name, signal in signals.items():
                for cell in cells:
                    options = dict(config or {}) | cell
                    row: dict[str, Any] = {"signal": name, "cell": cell}
                    try:
                        rows = self._read(signal, options)
                        result = service.run(rows, study=self._limits.study, **options)
                        row |= {"run_id": result.run_id, "summary": self._summary(result, overall=True)[0]}
                    except FractileError as error:
                        row["error"] = {"code": error.code, "message": str(error)}
                    out.append(row)
        return {"rows": out, "trials": self._count_trials()}

    def compare(
        self, signals: Mapping[str, Mapping[str, Any]], config: Mapping[str, Any] | None = None, snapshot: str | None = None
    ) -> dict[str, Any]:
        """Signals side by side, with p-values that allow for their number. Each is a trial."""
        service, options = self._service(snapshot), dict(config or {})
        self._check_runs(len(signals))
        with self._computing():
            results = {
                name: service.run(self._read(signal, options), study=self._limits.study, **options)
                for name, signal in signals.items()
            }
            tests = fractile.multiple_testing(results)
            columns = ["signal", "sharpe", "t_nw", "p", "p_holm", "p_bh", "p_romano_wolf"]
            return {
                "rows": [_plain(row) for row in tests[columns].to_dict("records")],
                "reality_check_p": _number(tests.attrs["reality_check_p"]),
                "trials": self._count_trials(),
            }

    def audit(
        self, signal: Mapping[str, Any], config: Mapping[str, Any] | None = None, snapshot: str | None = None
    ) -> dict[str, Any]:
        """The look-ahead checks of a signal. They look at its Sharpe ratio, so the run with the same options counts as a trial."""
        service, options = self._service(snapshot), dict(config or {})
        rows = self._read(signal, options)
        with self._computing():
            found = service.audit(rows, **options)
            # `restated` needs an older vintage, which this tool does not take.
            checks = [check for check in found.checks.to_dict("records") if check["check"] != "restated"]
            dates = next(check for check in checks if check["check"] == "dates")
            answer: dict[str, Any] = {"verdict": found.verdict, "snapshot": found.snapshot}
            if dates["status"] == "look-ahead":
                # A run refuses such a signal, so no trial can count what the other checks say about its returns.
                checks = [dates]
            else:
                answer["run_id"] = service.run(rows, study=self._limits.study, **options).run_id
            return answer | {"checks": [_describe_check(check) for check in checks], "trials": self._count_trials()}

    def fama_macbeth(
        self,
        signal: Mapping[str, Any],
        controls: list[str] | None = None,
        standardize: bool = False,
        config: Mapping[str, Any] | None = None,
        snapshot: str | None = None,
    ) -> dict[str, Any]:
        """Mean coefficients of a regression per day. They show the signal's premium, so the run with the same options is a trial."""
        service, options = self._service(snapshot), dict(config or {})
        rows = self._read(signal, options)
        with self._computing():
            run_id = service.run(rows, study=self._limits.study, **options).run_id
            found = service.fama_macbeth(rows, controls or [], standardize, **options)
            return {
                "run_id": run_id,
                "snapshot": found.snapshot,
                "table": [_plain(row) for row in found.table.to_dict("records")],
                "mean_names": found.mean_names,
                "mean_r2": _number(found.mean_r2),
                "left_out": found.left_out,
                "trials": self._count_trials(),
            }

    def reveal(
        self, signal: Mapping[str, Any], config: Mapping[str, Any] | None = None, snapshot: str | None = None
    ) -> dict[str, Any]:
        """The hold-out period, once: one signal with one set of options. The ledger records it apart from the study."""
        if self._limits.holdout_from is None:
            raise refuse("reveal", "a server with a hold-out period", "none", "Every day is open to the other tools.")
        if self._trials_of(self._limits.holdout_study):
            raise refuse("reveal", "one call per study", "a second one", "The hold-out period of this study is used up.")
        id, options = self._choose(snapshot), dict(config or {})
        rows = self._read(signal, options)
        service = fractile.BacktestService.get(id, start_date=self._limits.holdout_from.isoformat(), root=self._root)
        with self._computing():
            result = service.run(rows, study=self._limits.holdout_study, **options)
            return {
                "run_id": result.run_id,
                "from": self._limits.holdout_from.isoformat(),
                "summary": self._summary(result),
                "sharpe_interval": [_number(x) for x in result.sharpe_interval],
                "warnings": list(result.diagnostics["warnings"]),
            }

    # Studies and errors

    def study(self, top: int = 10) -> dict[str, Any]:
        """The study of this client: its trials, and the best of them by the Sharpe ratio after costs."""
        count = self._count_trials()
        if not count:
            return {"study": self._limits.study, "trials": 0, "best": []}
        trials = fractile.study(self._limits.study, self._root).trials()
        best = trials.sort_values("sr_net", ascending=False, kind="stable").head(top)
        keys = ["run_id", "snapshot", "periods", "sr", "sr_net"]
        return {"study": self._limits.study, "trials": count, "best": [_plain(row) for row in best[keys].to_dict("records")]}

    def explain_error(self, code: str) -> dict[str, Any]:
        """The class and the HTTP status of an error code."""
        for name, number, category, status in _core.ERROR_TABLE:
            if name == code:
                return {"code": name, "number": number, "category": category, "http_status": status}
        raise refuse("code", "a name of docs/errors.md", f'"{code}"', f'The nearest is "{self._nearest_code(code)}".')

    @staticmethod
    def _nearest_code(code: str) -> str:
        return str(_core.nearest_name(code, [entry[0] for entry in _core.ERROR_TABLE]))

    # Common parts of the tools

    def _choose(self, snapshot: str | None) -> str:
        if snapshot is not None:
            return self._limits.check_snapshot(snapshot)
        if self._limits.snapshots:
            return self._limits.snapshots[-1]
        return str(_core.newest_snapshot(self._root))

    def _service(self, snapshot: str | None) -> fractile.BacktestService:
        self._check_runs(1)
        return fractile.BacktestService.get(self._choose(snapshot), end_date=self._limits.end_date, root=self._root)

    def _read(self, signal: Mapping[str, Any], options: Mapping[str, Any]) -> Any:
        return signals.read(signal, options, self._limits)

    @contextmanager
    def _computing(self) -> Iterator[None]:
        self._clock.check()
        began = time.monotonic()
        try:
            yield
        finally:
            self._clock.add(time.monotonic() - began)

    def _trials_of(self, study: str) -> int:
        frame = fractile.studies(self._root)
        row = frame[frame["study"] == study]
        return 0 if row.empty else int(row["trials"].iloc[0] + row["forgotten"].iloc[0])

    def _count_trials(self) -> int:
        return self._trials_of(self._limits.study)

    def _check_runs(self, more: int) -> None:
        if self._limits.runs is None:
            return
        count = self._count_trials()
        if count + more > self._limits.runs:
            raise refuse(
                "runs", f"up to {self._limits.runs} trials of this study", f"{count} and {more} more", "Ask the operator."
            )

    def _summary(self, result: fractile.BacktestResult, overall: bool = False) -> list[dict[str, Any]]:
        frame = result.summary
        return [_plain(row) for row in (frame[frame["byvar"] == "overall"] if overall else frame).to_dict("records")]

    def _answer(self, result: fractile.BacktestResult, daily: bool) -> dict[str, Any]:
        answer = {
            "run_id": result.run_id,
            "snapshot": result.snapshot,
            "summary": self._summary(result),
            "sharpe_interval": [_number(x) for x in result.sharpe_interval],
            "rows_given": result.diagnostics["rows_given"],
            "rows_used": result.diagnostics["rows_used"],
            "warnings": list(result.diagnostics["warnings"]),
            "trials": self._judge(result),
        }
        if daily:
            frame = result.daily
            answer["daily"] = [_plain(row) for row in frame.assign(date=frame["date"].dt.strftime("%Y-%m-%d")).to_dict("records")]
        if self._limits.reports is not None:
            file = self._limits.reports / f"{result.run_id}.html"
            result.report(str(file))
            answer["report"] = str(file)
        return answer

    def _judge(self, result: fractile.BacktestResult) -> dict[str, Any]:
        found = result.deflation()
        ratio = found["dsr_net"]
        survives = bool(ratio >= SURVIVES_FROM)
        count = f"{found['trials']} trial{'s' if found['trials'] != 1 else ''}"
        shown = "unknown" if math.isnan(ratio) else f"{ratio:.2f}"
        verdict = (
            f"{'It survives' if survives else 'It would not survive'}: after costs and {count} "
            f"(about {found['trials_effective']:.0f} independent) its deflated Sharpe ratio is {shown}; "
            f"{SURVIVES_FROM:g} is needed."
        )
        return {
            "study": self._limits.study,
            "trials": int(found["trials"]),
            "trials_effective": _number(found["trials_effective"]),
            "deflated_sharpe": _number(found["dsr"]),
            "deflated_sharpe_net": _number(ratio),
            "is_best": bool(found["is_best"]),
            "survives": survives,
            "verdict": verdict,
        }

    def _declare(self) -> Iterator[Tool]:
        # A list: one tool after the other.
        snapshot = {"snapshot": _SNAPSHOT}
        config = {"config": schemas.options()}
        signal = {"signal": signals.SCHEMA}
        named = {"signals": {"type": "object", "additionalProperties": signals.SCHEMA, "minProperties": 1}}
        about = {
            "id": _TEXT,
            "securities": _COUNT,
            "first_date": _TEXT,
            "last_date": _TEXT,
            "frequency": _TEXT,
            "periods_per_year": _COUNT,
        }
        texts = schemas.array_of(_TEXT)
        yield Tool(
            "list_snapshots",
            "Lists the snapshots of market data.",
            schemas.object_of({}),
            schemas.object_of({"snapshots": schemas.array_of(schemas.object_of(about))}),
            self.list_snapshots,
        )
        yield Tool(
            "describe_snapshot",
            "Shows columns, dates and the data report of a snapshot.",
            schemas.object_of({}, snapshot),
            schemas.object_of(about | {"columns": texts, "report": texts}),
            self.describe_snapshot,
        )
        yield Tool(
            "run",
            "Backtests one signal. Every call counts as a trial; the answer deflates the Sharpe ratio by the number of trials.",
            schemas.object_of(
                signal, config | snapshot | {"daily": {"type": "boolean", "description": "Return daily rows too."}}
            ),
            _ANSWER,
            self.run,
        )
        lags = {"lags": schemas.array_of({"type": "integer", "minimum": 0}) | {"minItems": 1}}
        modes = {"resid_modes": schemas.array_of({"enum": ["off", "industry", "factor", "all"]})}
        yield Tool(
            "suite",
            "Backtests one signal with every pair of lag and residual mode. Each pair counts as a trial.",
            schemas.object_of(signal | lags, modes | config | snapshot),
            schemas.object_of({"results": {"type": "object", "additionalProperties": _ANSWER}}),
            self.suite,
        )
        row = schemas.object_of(
            {"signal": _TEXT, "cell": {"type": "object"}}, {"run_id": _TEXT, "summary": _SUMMARY, "error": _FAILURE}
        )
        grid = {"grid": {"type": "object", "additionalProperties": {"type": "array", "minItems": 1}}}
        yield Tool(
            "sweep",
            f"Backtests named signals with every combination of a grid of options, up to {MAX_CELLS} runs. Each counts as a trial.",
            schemas.object_of(named, grid | config | snapshot),
            schemas.object_of({"rows": schemas.array_of(row), "trials": _COUNT}),
            self.sweep,
        )
        tested = {name: schemas.NUMBER for name in ("sharpe", "t_nw", "p", "p_holm", "p_bh", "p_romano_wolf")}
        yield Tool(
            "compare",
            "Compares named signals, with p-values that allow for their number. Each counts as a trial.",
            schemas.object_of(named, config | snapshot),
            schemas.object_of(
                {
                    "rows": schemas.array_of(schemas.object_of({"signal": _TEXT} | tested)),
                    "reality_check_p": schemas.NUMBER,
                    "trials": _COUNT,
                }
            ),
            self.compare,
        )
        yield Tool(
            "audit",
            "Looks for look-ahead in a signal. It counts as the trial that `run` makes of the same signal with the same options.",
            schemas.object_of(signal, config | snapshot),
            _AUDIT,
            self.audit,
        )
        premium = {name: schemas.NUMBER for name in ("mean", "se", "t", "se_nw", "t_nw")}
        yield Tool(
            "fama_macbeth",
            "Regresses the returns of each day on a signal and panel columns. It counts as the trial that `run` makes of the signal.",
            schemas.object_of(
                signal,
                {"controls": schemas.array_of(_TEXT), "standardize": {"type": "boolean"}} | config | snapshot,
            ),
            schemas.object_of(
                {
                    "run_id": _TEXT,
                    "snapshot": _TEXT,
                    "table": schemas.array_of(schemas.object_of({"name": _TEXT, "periods": _COUNT} | premium)),
                    "mean_names": schemas.NUMBER,
                    "mean_r2": schemas.NUMBER,
                    "left_out": _COUNT,
                    "trials": _COUNT,
                }
            ),
            self.fama_macbeth,
        )
        yield Tool(
            "reveal",
            "Backtests one signal on the hold-out period. It can be called once per study.",
            schemas.object_of(signal, config | snapshot),
            schemas.object_of(
                {
                    "run_id": _TEXT,
                    "from": _TEXT,
                    "summary": schemas.array_of(_SUMMARY),
                    "sharpe_interval": schemas.array_of(schemas.NUMBER),
                    "warnings": texts,
                }
            ),
            self.reveal,
        )
        trial = {"run_id": _TEXT, "snapshot": _TEXT, "periods": _COUNT, "sr": schemas.NUMBER, "sr_net": schemas.NUMBER}
        yield Tool(
            "study",
            "Shows the trials that this client has made, and the best of them.",
            schemas.object_of({}, {"top": {"type": "integer", "minimum": 1, "maximum": 100}}),
            schemas.object_of({"study": _TEXT, "trials": _COUNT, "best": schemas.array_of(schemas.object_of(trial))}),
            self.study,
        )
        yield Tool(
            "explain_error",
            "Explains an error code.",
            schemas.object_of({"code": _TEXT}),
            schemas.object_of({"code": _TEXT, "number": _COUNT, "category": _TEXT, "http_status": _COUNT}),
            self.explain_error,
        )


def _number(value: Any) -> float | None:
    return None if value is None or not math.isfinite(value) else float(value)


def _describe_check(check: Mapping[Any, Any]) -> dict[str, Any]:
    """A check without its numbers. One that passed has no text, since its text tells the Sharpe ratio of another lag."""
    out: dict[str, Any] = {"check": check["check"], "status": check["status"]}
    if check["status"] != "pass":
        out["meaning"] = check["meaning"]
    if check["rows"]:
        out["rows"] = check["rows"].split("; ")
    return out


def _plain(row: Mapping[Any, Any]) -> dict[str, Any]:
    """A row of a frame as JSON values."""
    out: dict[str, Any] = {}
    for name, value in row.items():
        plain = value.item() if hasattr(value, "item") else value
        out[str(name)] = None if isinstance(plain, float) and not math.isfinite(plain) else plain
    return out

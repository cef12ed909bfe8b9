# Copyright The fractile authors. Licensed under the Apache License, Version 2.0.
"""The tools of the server: names, meanings, and schemas of inputs and answers."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple

from fractile.mcp import schemas, signals, trials

MAX_CELLS = 1000
SERIES = ("ret", "ret_net", "resret", "resret_net", "ret_l", "ret_s")
_TEXT = {"type": "string"}
_COUNT = {"type": "integer"}
_COUNT_OR_NULL = {"type": ["integer", "null"]}
_TEXTS = schemas.array_of(_TEXT)
_TRIALS = {"trials": trials.SCHEMA}
_SIGNAL = {"signal": signals.SCHEMA}
_SIGNALS = {"type": "object", "additionalProperties": signals.SCHEMA, "minProperties": 1, "maxProperties": MAX_CELLS}
_OPTIONS = {
    "config": schemas.options(),
    "snapshot": {"type": "string", "description": "Id of a snapshot; the newest if it is left out."},
}
_SNAPSHOT = {"snapshot": _OPTIONS["snapshot"]}
_SERIES = {"enum": list(SERIES), "default": "ret", "description": "Returns of the overall book."}
_SUMMARY = schemas.row_of("summary")
_INTERVAL = schemas.array_of(schemas.NUMBER)
_REPORT = _TEXT | {"description": "Link to the tear sheet; left out if the server writes none."}
_ANSWER = schemas.object_of(
    {
        "run_id": _TEXT,
        "snapshot": _TEXT,
        "summary": schemas.array_of(_SUMMARY),
        "sharpe_interval": _INTERVAL,
        "rows_given": _COUNT,
        "rows_used": _COUNT,
        "warnings": _TEXTS,
        **_TRIALS,
    },
    {"daily": schemas.array_of(schemas.row_of("daily")), "report": _REPORT},
)
_RATIOS = {"deflated_sharpe": schemas.NUMBER, "deflated_sharpe_net": schemas.NUMBER}
_ABOUT = {
    "id": _TEXT,
    "securities": _COUNT_OR_NULL | {"description": "null if a hold-out period is set, since the number covers all days."},
    "first_date": _TEXT,
    "last_date": _TEXT,
    "frequency": _TEXT,
    "periods_per_year": _COUNT,
}


class Tool(NamedTuple):
    """A tool: name, meaning, JSON schemas of arguments and answer. The method of `Toolbox` with the same name answers."""

    name: str
    doc: str
    input: dict[str, Any]
    output: dict[str, Any]


def declare() -> Iterator[Tool]:
    """All tools."""
    yield from _of_snapshots()
    yield from _of_runs()
    yield from _of_many_runs()
    yield from _of_examinations()
    yield from _of_books()
    yield from _of_the_study()


def _of_snapshots() -> Iterator[Tool]:
    yield Tool(
        "list_snapshots",
        "Lists the snapshots of market data.",
        schemas.object_of({}),
        schemas.object_of({"snapshots": schemas.array_of(schemas.object_of(_ABOUT))}),
    )
    yield Tool(
        "describe_snapshot",
        "Shows columns, dates and the data report of a snapshot.",
        schemas.object_of({}, _SNAPSHOT),
        schemas.object_of(_ABOUT | {"columns": _TEXTS, "report": _TEXTS}),
    )


def _of_runs() -> Iterator[Tool]:
    daily = {"daily": {"type": "boolean", "description": "Return daily rows too."}}
    yield Tool(
        "run",
        "Backtests one signal. Every call counts as a trial; the answer deflates the Sharpe ratio by the number of trials.",
        schemas.object_of(_SIGNAL, _OPTIONS | daily),
        _ANSWER,
    )
    lags = {"lags": schemas.array_of({"type": "integer", "minimum": 0}) | {"minItems": 1, "maxItems": MAX_CELLS}}
    modes = {"resid_modes": schemas.array_of({"enum": ["off", "industry", "factor", "all"]}) | {"minItems": 1, "maxItems": 4}}
    yield Tool(
        "suite",
        "Backtests one signal with every pair of lag and residual mode. Each pair counts as a trial.",
        schemas.object_of(_SIGNAL | lags, modes | _OPTIONS),
        schemas.object_of({"results": {"type": "object", "additionalProperties": _ANSWER}}),
    )
    yield Tool(
        "reveal",
        "Backtests one signal on the hold-out period. It can be called once per study. "
        "The signal is first run on the days before, which counts as a trial.",
        schemas.object_of(_SIGNAL, _OPTIONS),
        schemas.object_of(
            {
                "run_id": _TEXT,
                "from": _TEXT,
                "summary": schemas.array_of(_SUMMARY),
                "sharpe_interval": _INTERVAL,
                "warnings": _TEXTS,
                **_TRIALS,
            }
        ),
    )


def _of_many_runs() -> Iterator[Tool]:
    failure = schemas.object_of({"code": _TEXT, "message": _TEXT})
    row = schemas.object_of(
        {"signal": _TEXT, "cell": {"type": "object"}}, {"run_id": _TEXT, "summary": _SUMMARY, "error": failure} | _RATIOS
    )
    best = {
        "best": _COUNT_OR_NULL | {"description": "Place of the row that `trials` judges: the highest Sharpe ratio after costs."}
    }
    grid = {"grid": {"type": "object", "additionalProperties": {"type": "array", "minItems": 1}}}
    yield Tool(
        "sweep",
        f"Backtests named signals with every combination of a grid of options, up to {MAX_CELLS} runs. Each counts as a trial.",
        schemas.object_of({"signals": _SIGNALS}, grid | _OPTIONS),
        schemas.object_of({"rows": schemas.array_of(row)} | best | _TRIALS),
    )
    tested = {name: schemas.NUMBER for name in ("sharpe", "t_nw", "p", "p_holm", "p_bh", "p_romano_wolf")}
    yield Tool(
        "compare",
        "Compares named signals, with p-values that allow for their number. Each counts as a trial.",
        schemas.object_of({"signals": _SIGNALS}, _OPTIONS),
        schemas.object_of(
            {"rows": schemas.array_of(schemas.object_of({"signal": _TEXT} | tested | _RATIOS)), "reality_check_p": schemas.NUMBER}
            | best
            | _TRIALS
        ),
    )
    member = {"name": _TEXT, "rank_correlation": schemas.NUMBER, "return_correlation": schemas.NUMBER, "common": schemas.NUMBER}
    yield Tool(
        "similar",
        "Compares a signal with a library of signals, the nearest first: is it new? Each counts as the trial that `run` makes of it.",
        schemas.object_of(_SIGNAL | {"library": _SIGNALS}, _OPTIONS),
        schemas.object_of({"run_id": _TEXT, "snapshot": _TEXT, "rows": schemas.array_of(schemas.object_of(member))} | _TRIALS),
    )


def _of_examinations() -> Iterator[Tool]:
    check = schemas.object_of(
        {"check": _TEXT, "status": {"enum": ["pass", "not applicable", "note", "suspicious", "look-ahead"]}},
        {
            "meaning": _TEXT | {"description": "The finding; left out if the check passed."},
            "rows": _TEXTS | {"description": "The first offending rows."},
        },
    )
    yield Tool(
        "audit",
        "Looks for look-ahead in a signal. It counts as the trial that `run` makes of the same signal with the same options.",
        schemas.object_of(_SIGNAL, _OPTIONS),
        schemas.object_of(
            {
                "verdict": {"enum": ["pass", "suspicious", "look-ahead"], "description": "The worst status of the checks."},
                "snapshot": _TEXT,
                "checks": schemas.array_of(check),
                **_TRIALS,
            },
            {"run_id": _TEXT | {"description": "The trial; left out if impossible dates refuse the signal."}},
        ),
    )
    premium = {name: schemas.NUMBER for name in ("mean", "se", "t", "se_nw", "t_nw")}
    yield Tool(
        "fama_macbeth",
        "Regresses the returns of each day on a signal and panel columns, and shows the signal's mean coefficient. "
        "Every set of controls and options counts as a trial.",
        schemas.object_of(_SIGNAL, {"controls": _TEXTS | {"uniqueItems": True}, "standardize": {"type": "boolean"}} | _OPTIONS),
        schemas.object_of(
            {
                "trial": _TEXT | {"description": "Id of the trial in the study."},
                "snapshot": _TEXT,
                "coefficient": schemas.object_of({"name": _TEXT, "periods": _COUNT} | premium),
                "controls": _TEXTS,
                "mean_names": schemas.NUMBER,
                "mean_r2": schemas.NUMBER,
                "left_out": _COUNT,
                **_TRIALS,
            }
        ),
    )


def _of_books() -> Iterator[Tool]:
    of_book = {
        "run_id": _TEXT,
        "trial": _TEXT | {"description": "Id of the trial that the hedged returns are."},
        "snapshot": _TEXT,
        "series": _TEXT,
        "periods": _COUNT,
        **_TRIALS,
    }
    loading = schemas.object_of({"name": _TEXT} | {name: schemas.NUMBER for name in ("coefficient", "se", "t", "p")})
    numbers = {name: schemas.NUMBER for name in ("alpha", "alpha_annualised", "r2", "appraisal")}
    yield Tool(
        "attribution",
        "Explains the returns of a signal's book by factor returns. The run counts as a trial; the returns less those of the factors "
        "count as another, which the answer judges.",
        schemas.object_of(
            _SIGNAL | {"factors": signals.FACTORS_SCHEMA},
            {"series": _SERIES, "lags": _COUNT_OR_NULL | {"minimum": 0, "description": "Of Newey and West."}} | _OPTIONS,
        ),
        schemas.object_of(of_book | {"table": schemas.array_of(loading), "left_out": _COUNT} | numbers),
    )
    yield Tool(
        "spanning",
        "Tests if a mixture of other signals' books and factors earns what a signal's book earns. Each run counts as a trial; "
        "the returns less those of the mixture count as another, which the answer judges.",
        schemas.object_of(_SIGNAL, {"others": _SIGNALS, "factors": signals.FACTORS_SCHEMA, "series": _SERIES} | _OPTIONS),
        schemas.object_of(of_book | {name: schemas.NUMBER for name in ("alpha", "t", "sharpe2_increase", "f", "p")}),
    )


def _of_the_study() -> Iterator[Tool]:
    trial = {"run_id": _TEXT, "snapshot": _TEXT, "periods": _COUNT, "sr": schemas.NUMBER, "sr_net": schemas.NUMBER}
    kind = {"kind": _TEXT | {"description": "run, or the tool that made the trial: fama_macbeth, attribution or spanning."}}
    yield Tool(
        "study",
        "Shows the trials that this client has made, and the best of them.",
        schemas.object_of({}, {"top": {"type": "integer", "minimum": 1, "maximum": 100}}),
        schemas.object_of({"study": _TEXT, "best": schemas.array_of(schemas.object_of(trial | kind | _RATIOS))} | _TRIALS),
    )
    yield Tool(
        "explain_error",
        "Explains an error code.",
        schemas.object_of({"code": _TEXT}),
        schemas.object_of({"code": _TEXT, "number": _COUNT, "category": _TEXT, "http_status": _COUNT}),
    )

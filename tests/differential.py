# Copyright The fractile authors. Licensed under the Apache License, Version 2.0.
"""A randomised comparison of the engine and the oracle, over all options and small markets full of ties and missing values.

make differential MINUTES=10              cases until the time is over, from a new seed
python tests/differential.py --first 7 --runs 10000   cases 7 to 10006
python tests/differential.py --first 123 --runs 1     case 123 again

A case is a whole number: it gives the market, the signal and the options. A case that fails is made smaller (options back to their
defaults, signal rows removed while it still fails) and printed as a script.
"""

from __future__ import annotations

import argparse
import dataclasses
import functools
import io
import random
import sys
import tempfile
import time
import warnings
from typing import Any

import fractile
import pandas as pd
from oracle import OracleRefused, OracleUnsure, run
from oracle.markets import add_avail, add_costs, add_given, make_panel, make_signal
from oracle.panel import Panel
from support.comparison import assert_equal_results

CASES_PER_MARKET = 25
DATE_COLUMNS = ("date_sig", "date_avail", "date_ret", "date_openret")


@dataclasses.dataclass(frozen=True)
class Market:
    """A panel in the three forms that a case needs."""

    frame: pd.DataFrame
    panel: Panel
    service: fractile.BacktestService


@dataclasses.dataclass(frozen=True)
class Case:
    """One run: the number of its market, the signal and the options."""

    market: int
    signal: pd.DataFrame
    options: dict[str, Any]


@functools.lru_cache(maxsize=2)
def open_market(number: int) -> Market:
    """A market of 12 to 30 days and 8 to 24 names, made into a snapshot that lives until the process ends."""
    chooser = random.Random(number)
    frame = make_panel(number, n_days=chooser.randint(12, 30), n_names=chooser.randint(8, 24))
    if chooser.random() < 0.5:
        frame = add_costs(frame, number)
    with tempfile.TemporaryDirectory(prefix="differential-") as root:
        fractile.create_snapshot("m", frame, root=root, dtype="float64")
        service = fractile.BacktestService.get("m", root=root, compact=False)
    return Market(frame, Panel(frame), service)


def draw_options(chooser: random.Random) -> dict[str, Any]:
    """Valid options: each takes its default in half of the cases, so that a case combines some of them."""
    # Longer than 60 lines: a list with one line per option.

    def often(default: Any, *others: Any) -> Any:
        return default if chooser.random() < 0.5 else chooser.choice(others)

    groups = ["overall", "year", "quarter", "month", "cap", "country", "sector_id", "industry_id"]
    options = {
        "fractile": often((10, 90), (20, 80), (33.3, 66.7), (50, 50), (25, 75), (1, 99.5), (0.01, 99.99), (5, 60)),
        "byvar_list": ["overall", *chooser.sample(groups[1:], chooser.randint(0, 3))],
        "mincos": often(1, 2, 3, 5),
        "from_open": often(False, True),
        "lag": often(0, 1, 2, 5),
        "method": often("long_short", "long_only"),
        "calc_turnover": chooser.random() < 0.8,
        "upper_pct": often(95, 50, 75, 99.9, 100),
        "tc_model": chooser.choice(["naive", "power_law"]),
        "tc_level": often(None, {"small": 50}, {"big": 0, "median": 3.5}, {"small": 0}),
        "tc_value": often((0.35, 0.4), (0.35, 0.0), (0.0, 0.4), (1.0, 1.0), (0.2, 0.5)),
        "gmv_musd": often(10, 1000, 0.1),
        "drift": often(False, True, "book"),
        "charge_entry_exit": often(False, True),
        "bad_open": often("drop", "keep"),
        "max_weight": often(1, 0.5, 0.2, 0.05),
        "borrow_bps": often(None, 0, 120),
        "delisting_return": often(0, -0.3, -1),
        "factors": often(
            None,
            ["score"],
            ["momentum", "cap", "size"],
            ["yield", "value", "score", "adv", "leverage", "mcap", "vol", "growth", "size"],
        ),
        "neutralize_weight": often("equal", "mcap", "sqrt_mcap"),
        "lookahead": often("warn", "error"),
        "characteristics_asof": often("previous_day", "return_day"),
        "universe": often(
            None, {"cap": [1, 2, 3]}, {"adv": {"min": 1e3}}, {"country": ["US", "GB"]}, {"cap": [3], "mcap": {"max": 1e9}}
        ),
        "hold_days": often(1, 2, 3, 7, "next"),
        "periods_per_year": often(None, 12, 52, 365),
        "analysis": chooser.sample(["ic", "fractile", "coverage"], chooser.randint(0, 3)),
        "n_fractile": often(10, 2, 3, 7),
        "input_type": often("value", "fractile", "position", "weight"),
        "weight": often("equal", "value", "volume"),
    }
    if options["input_type"] == "value":
        options["resid"] = often("off", "industry", "factor", "all")
        if chooser.random() < 0.3:
            options.update(sort_method="double", double_var=chooser.choice(["score", "mcap", "cap"]))
            options["double_frac"] = chooser.choice([2, 3, 5])
        else:
            options["rank_within"] = often(None, "sector_id", "country", "industry_id")
        options["weight"] = often("equal", "value", "volume", "rank", "signal")
        options["breakpoints"] = often(None, {"cap": [1, 2]}, {"country": ["US"]}, {"adv": {"min": 1e6}})
        if chooser.random() < 0.3:
            a, b = options["fractile"]
            options["exit_fractile"] = chooser.choice(
                [(a, b), ((a + b) / 2, (a + b) / 2), (a + (b - a) / 4, b), (a, b - (b - a) / 3)]
            )
    else:
        options["analysis"] = [name for name in options["analysis"] if name != "fractile"]
        if options["input_type"] == "weight":
            options["weight"] = "equal"
            options["max_weight"] = 1
    if options.get("exit_fractile") is None and options["hold_days"] == 1 and not options["drift"]:
        options["overlap"] = often(1, 2, 3, 5)
    return options


def draw_signal(chooser: random.Random, frame: pd.DataFrame, options: dict[str, Any]) -> pd.DataFrame:
    """Rows with many ties, few or none, or one value alone; with the dates that a user can give."""
    seed = chooser.randrange(10**6)
    rows = make_signal(frame, seed, ties=chooser.random() < 0.5, messy=chooser.random() < 0.7)
    shape = chooser.choice(["as drawn", "whole", "signs", "flat", "tiny", "huge"])
    if options["input_type"] in ("fractile", "position"):
        shape = "signs"
    if shape == "whole":
        rows["signal"] = rows["signal"].round()
    elif shape == "signs":
        rows["signal"] = rows["signal"].round().clip(-1, 1)
    elif shape == "flat":
        rows["signal"] = rows["signal"].where(rows["signal"].isna(), 2.5)
    elif shape in ("tiny", "huge"):
        rows["signal"] *= 1e-9 if shape == "tiny" else 1e9
    given = "date_openret" if options["from_open"] else "date_ret"
    dates = chooser.choice(["plain", "avail", "times", "given", "avail and given"])
    if dates != "plain" and dates != "given":
        rows = add_avail(rows, seed, times=dates == "times")
    if "given" in dates:
        rows = add_given(rows, seed, given)
    return rows


def make_case(number: int) -> Case:
    market, chooser = number // CASES_PER_MARKET, random.Random(f"case {number}")
    options = draw_options(chooser)
    return Case(market, draw_signal(chooser, open_market(market).frame, options), options)


def difference(case: Case) -> str | None:
    """The first difference between engine and oracle, or None. None too if a regression is nearly singular (section 3, rule 3)."""
    market = open_market(case.market)
    wanted: Any
    try:
        wanted = run(market.frame, case.signal, panel=market.panel, is_strict=True, **case.options)
    except OracleRefused as refusal:
        wanted = refusal.code
    except OracleUnsure:
        return None  # no answer to compare with
    try:
        found = market.service.run(case.signal, keep_weights=True, threads=1 + case.market % 2, **case.options)
    except fractile.FractileError as error:
        return None if error.code == wanted else f"the engine refuses ({error}), the oracle finds {describe(wanted)}"
    if isinstance(wanted, str):
        return f"the oracle refuses ({wanted}), the engine does not"
    try:
        assert_equal_results(found, wanted)
    except AssertionError as error:
        return str(error).strip() or "the results differ"
    return None


def describe(wanted: Any) -> str:
    return wanted if isinstance(wanted, str) else "a result"


def make_smaller(case: Case) -> Case:
    """A case that still fails, with fewer options and fewer signal rows."""
    for name in list(case.options):
        fewer = dataclasses.replace(case, options={k: v for k, v in case.options.items() if k != name})
        if still_fails(fewer):
            case = fewer
    part = len(case.signal) // 2
    while part:
        start = 0
        while start < len(case.signal):
            rows = case.signal.drop(case.signal.index[start : start + part])
            fewer = dataclasses.replace(case, signal=rows.reset_index(drop=True))
            if len(rows) and still_fails(fewer):
                case = fewer
            else:
                start += part
        part //= 2
    return case


def still_fails(case: Case) -> bool:
    try:
        return difference(case) is not None
    except Exception:  # an option that needs another, or rows that the oracle cannot read
        return False


def script(case: Case) -> str:
    rows = case.signal.to_csv(index=False)
    return (
        "# Run from the root of the repository: PYTHONPATH=tests .venv/bin/python THIS_FILE\n"
        "from differential import difference, read_case\n\n"
        f"OPTIONS = {case.options!r}\n"
        f'ROWS = """{rows}"""\n'
        f"print(difference(read_case({case.market}, ROWS, OPTIONS)))\n"
    )


def read_case(market: int, rows: str, options: dict[str, Any]) -> Case:
    """A case as script() writes it."""
    signal = pd.read_csv(io.StringIO(rows), dtype={"security_id": "Int64"})
    for column in signal.columns.intersection(DATE_COLUMNS):
        signal[column] = pd.to_datetime(signal[column], format="ISO8601")
    return Case(market, signal, options)


def main() -> int:
    parser = argparse.ArgumentParser(description="Compare engine and oracle on random cases")
    parser.add_argument("--minutes", type=float, default=float("inf"), help="stop after so many minutes")
    parser.add_argument("--runs", type=int, help="stop after so many cases")
    parser.add_argument("--first", type=int, default=random.SystemRandom().randrange(10**9), help="number of the first case")
    arguments = parser.parse_args()
    if arguments.runs is None and arguments.minutes == float("inf"):
        parser.error("expected --minutes or --runs, found neither")
    warnings.simplefilter("ignore")
    start, number = time.monotonic(), arguments.first
    while time.monotonic() - start < 60 * arguments.minutes and (
        arguments.runs is None or number - arguments.first < arguments.runs
    ):
        case = make_case(number)
        found = difference(case)
        if found:
            print(f"Case {number} fails: {found}\nMade smaller:\n\n{script(make_smaller(case))}", file=sys.stderr)
            return 1
        number += 1
    print(
        f"{number - arguments.first} cases from number {arguments.first} on: engine and oracle agree ({time.monotonic() - start:.0f} s)."
    )
    return 0


if __name__ == "__main__":
    sys.exit(main())

# Copyright The fractile authors. Licensed under the Apache License, Version 2.0.
"""Backtests the signals of the real panel with options off and on; prints docs/real_data.md.

The panel (US stocks, 2015 and 2016) is not in the repository. Its folder is $FRACTILE_REAL_DATA, else ../shared/data/us_2015_2017.

    python examples/real_data_table.py > docs/real_data.md
"""

import json
import os
import pathlib
import sys
import tempfile
from typing import Any

import fractile
import pandas as pd

ROOT = pathlib.Path(__file__).resolve().parents[1]
FOLDER = pathlib.Path(os.environ.get("FRACTILE_REAL_DATA") or ROOT.parent / "shared" / "data" / "us_2015_2017")

LIQUID = {"cap": [1, 2], "close_adj": {"min": 2}}
ONE_BY_ONE: dict[str, dict[str, Any]] = {
    "plain": {},
    "lag": {"lag": 1},
    "value": {"weight": "value"},
    "volume": {"weight": "volume"},
    "industry": {"resid": "industry"},
    "factor": {"resid": "factor"},
    "all": {"resid": "all"},
    "from_open": {"from_open": True},
    "long_only": {"method": "long_only"},
    "double": {"sort_method": "double", "double_var": "cap"},
    "universe": {"universe": LIQUID},
    "drift": {"drift": True},
    "power_law": {"tc_model": "power_law"},
    "hold": {"hold_days": 5},
    "return_day": {"characteristics_asof": "return_day", "weight": "value"},
    "all_on": {
        "resid": "all", "from_open": True, "weight": "value", "universe": LIQUID, "drift": True, "tc_model": "power_law",
        "sort_method": "double", "double_var": "cap", "hold_days": 2, "lag": 1, "fractile": (20, 80),
    },
}  # fmt: skip
CONSTRUCTION: dict[str, dict[str, Any]] = {
    "within": {"rank_within": "industry_id"},
    "breakpoints": {"breakpoints": {"cap": [1]}},
    "breakpoints_value": {"breakpoints": {"cap": [1]}, "weight": "value"},
    "rank": {"weight": "rank", "fractile": (50, 50)},
    "signal": {"weight": "signal", "fractile": (50, 50)},
    "capped": {"weight": "value", "max_weight": 0.02},
    "band": {"exit_fractile": (20, 80)},
    "wide_band": {"exit_fractile": (40, 60)},
    "overlap": {"overlap": 21},
    "drift_book": {"drift": "book"},
    "entry_exit": {"charge_entry_exit": True},
    "keep_open": {"from_open": True, "bad_open": "keep"},
    "borrow": {"borrow_bps": 50},
    "delisting": {"delisting_return": -0.3},
    "weighted": {"resid": "all", "neutralize_weight": "sqrt_mcap"},
    "own_factors": {"resid": "factor", "factors": ["size", "volatility"]},
}
EVENTS: dict[str, dict[str, Any]] = {
    "plain": {},
    "hold": {"hold_days": 20},
    "hold_long": {"hold_days": 60},
    "hold_all": {"hold_days": 60, "resid": "all"},
    "hold_from_open": {"hold_days": 20, "from_open": True},
    "hold_costs": {"hold_days": 20, "tc_model": "power_law", "drift": True, "universe": LIQUID},
}
#: Runs by signal file.
RUNS = {"momentum_12_1": {**ONE_BY_ONE, **CONSTRUCTION}, "reversal_5d": ONE_BY_ONE, "value": ONE_BY_ONE, "filings": EVENTS}
GROUPS = ["overall", "year", "cap"]


def describe(options: dict[str, Any]) -> str:
    if options == ONE_BY_ONE["all_on"]:
        return "many at once"
    return f"`{write(options)}`" if options else "defaults"


def write(options: dict[str, Any]) -> str:
    return ", ".join(f"{name}={json.dumps(value) if name == 'universe' else value}" for name, value in options.items())


def number(x: float, form: str) -> str:
    text = format(x, form)
    return text.removeprefix("-") if not any(digit in text for digit in "123456789") else text


def table(columns: list[str], rows: list[list[str]]) -> str:
    lines = [columns, ["---", *["---:"] * (len(columns) - 1)], *rows]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines) + "\n"


def row_of(result: fractile.BacktestResult, options: dict[str, Any]) -> list[str]:
    s = result.summary.iloc[0]
    ic = result.ic_summary["mean"].iloc[0]
    shares = [s["ret_ann"], s["ret_net_ann"], s["maxdd"], s["maxdd_net"]]
    return [
        describe(options),
        number(s["sharpe_ret"], ".2f"),
        number(s["sharpe_ret_net"], ".2f"),
        *(number(x, ".1%") for x in shares),
        number(s["turnover"], ".3f"),
        number(ic, ".4f"),
        str(s["num_date"]),
        f"{s['numcos_l']:.0f}",
    ]


def main() -> None:
    if not (FOLDER / "panel.parquet").exists():
        sys.exit(f"expected the real panel in {FOLDER}, found none. Set $FRACTILE_REAL_DATA to its folder.")
    columns = [
        "options",
        "Sharpe",
        "Sharpe net",
        "return",
        "return net",
        "drawdown",
        "drawdown net",
        "turnover",
        "IC",
        "days",
        "names per side",
    ]
    groups = {}
    with tempfile.TemporaryDirectory() as root:
        fractile.create_snapshot("us", FOLDER / "panel.parquet", root=root)
        service = fractile.BacktestService.get("us", root=root)
        stats = service.stats()
        print(INTRODUCTION.format(rows=stats["master_rows"], days=stats["dates_count"], many=write(ONE_BY_ONE["all_on"])))
        for name, runs in RUNS.items():
            signal = pd.read_parquet(FOLDER / f"signal_{name}.parquet")
            rows = []
            for options in runs.values():
                rows.append(row_of(service.run(signal, analysis=["ic"], **options), options))
            print(f"## `{name}`\n\n{table(columns, rows)}")
            hold = {"hold_days": 20} if name == "filings" else {}
            summary = service.run(signal, byvar_list=GROUPS, **hold).summary
            groups[name] = {f"{row.byvar} {row.group}": number(row.sharpe_ret, ".2f") for row in summary.itertuples()}
        print("## Sharpe ratio by group\n\nEach cap is ranked on its own; the filings are held for 20 days.\n")
        labels = ["overall overall", "year 2015", "year 2016", "cap 1", "cap 2", "cap 3"]
        lines = [[f"`{name}`", *(found.get(label, "") for label in labels)] for name, found in groups.items()]
        print(table(["signal", "overall", "2015", "2016", "cap 1", "cap 2", "cap 3"], lines), end="")


INTRODUCTION = """\
# Real stocks

This page shows the returns of four simple signals on US stocks from 2015-03-23 to 2016-12-30 ({rows:,} panel rows, {days} trading days), with the options of a
run off and on. `examples/real_data_table.py` prints the page. `tests/python/test_real_data.py` compares each of these runs with the independent implementation, on
a part of the panel. 450 days prove nothing about a signal: the page shows the effect of the options.

The panel is derived from pystock-data, (c) Chang-Hung Liang, `eliangcs/pystock-data` on GitHub, CC BY-SA 4.0, and is not part of
this repository, which has only these summaries. The panel's own checks agree with published returns and index levels of 2016.

Columns: the book has weight 1 on each side (methodology sections 6 to 8). Return is per year, turnover per day, net is after costs, IC is the mean daily rank
correlation, days are those with a position. Four results stand out. Reversal earns in the smallest stocks only, and costs take nearly all of its return. Value
weighed by the size of the return day (`characteristics_asof="return_day"`, not known at the trade) loses instead of gaining. A few days of holding change a slow
signal little. The power law is expensive for a book that trades cap 3.
"Many at once" is `{many}`.
"""

if __name__ == "__main__":
    main()

# Copyright The fractile authors. Licensed under the Apache License, Version 2.0.
"""Decay, capacity, bands and industry-neutral books of the real signals; prints docs/real_signals.md.

The panel is that of real_data_table.py, beside which this script lies.

    python examples/real_signals.py > docs/real_signals.md
"""

import sys
import tempfile
from typing import Any

import fractile
import pandas as pd
from real_data_table import FOLDER, number, table

SIGNALS = ("momentum_12_1", "reversal_5d", "value")
LIQUID = {"cap": [1, 2], "close_adj": {"min": 2}}
HORIZONS = [1, 2, 5, 10, 21, 63]
GMV = [1, 10, 100, 1000]
# The books of each signal, all of liquid names.
BOOKS: dict[str, dict[str, Any]] = {
    "plain": {},
    "band, leaves at 20 %": {"exit_fractile": (20, 80)},
    "band, leaves at 40 %": {"exit_fractile": (40, 60)},
    "overlap of 5 days": {"overlap": 5},
    "within sectors": {"rank_within": "sector_id"},
    "industry residual": {"resid": "industry"},
    "rank weights of all names": {"weight": "rank", "fractile": (50, 50)},
}
INTRODUCTION = """\
# Three real signals, looked at closely

Momentum (12 months without the last), reversal (5 days) and value on the US stocks of [real_data.md](real_data.md), names of cap 1 and 2 above 2 dollars.
`examples/real_signals.py` prints this page. Costs are those of the default model. The sample has less than two years, so 95 % intervals of the Sharpe ratios reach
about 1.5 to either side: the page shows what the options do to a book, not which signal is good.
"""


def describe_books(service: fractile.BacktestService, signal: pd.DataFrame) -> str:
    rows = []
    for name, options in BOOKS.items():
        s = service.run(signal, universe=LIQUID, **options).summary.iloc[0]
        shares = [number(s[column], ".1%") for column in ("ret_ann", "tc_ann", "ret_net_ann")]
        ratios = [number(s[column], ".2f") for column in ("sharpe_ret", "sharpe_ret_net")]
        rows.append([name, *shares, *ratios, number(s["turnover"], ".3f"), f"{s['numcos_l']:.0f}"])
    columns = ["book", "return", "cost", "return net", "Sharpe", "Sharpe net", "turnover", "names per side"]
    return table(columns, rows)


def describe_decay(decay: pd.DataFrame, half_life: float) -> str:
    rows = [
        [
            str(row.horizon), number(row.ic, ".4f"), number(row.ic_t_nw, ".2f"), number(row.ret_ann, ".1%"),
            number(row.sharpe_ret, ".2f"), number(row.rank_autocorrelation, ".3f"),
        ]
        for row in decay.itertuples(index=False)
    ]  # fmt: skip
    columns = ["horizon, days", "IC", "its t", "return", "Sharpe", "rank autocorrelation"]
    known = f"{half_life:.0f} days" if half_life == half_life else "not defined"
    return table(columns, rows) + f"\nHalf-life by the autocorrelation of one day: {known}.\n"


def describe_capacity(result: fractile.BacktestResult) -> str:
    rows = [
        [f"{row.gmv_musd:g}", number(row.ret_net_ann, ".1%"), number(row.sharpe_ret_net, ".2f"), number(row.tc_ann, ".1%")]
        for row in result.capacity.itertuples(index=False)
    ]
    return table(["size of a side, million dollars", "return net", "Sharpe net", "cost"], rows)


def main() -> None:
    if not (FOLDER / "panel.parquet").exists():
        sys.exit(f"expected the real panel in {FOLDER}, found none. Set $FRACTILE_REAL_DATA to its folder.")
    print(INTRODUCTION)
    with tempfile.TemporaryDirectory() as root:
        fractile.create_snapshot("us", FOLDER / "panel.parquet", root=root)
        service = fractile.BacktestService.get("us", root=root)
        for name in SIGNALS:
            signal = pd.read_parquet(FOLDER / f"signal_{name}.parquet")
            result = service.run(signal, universe=LIQUID, analysis=["decay", "capacity"], horizons=HORIZONS, capacity_gmv=GMV)
            print(f"## `{name}`\n\n{describe_books(service, signal)}")
            print(f"{describe_decay(result.decay, result.decay_half_life)}\n{describe_capacity(result)}")


if __name__ == "__main__":
    main()

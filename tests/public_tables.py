# Copyright The fractile authors. Licensed under the Apache License, Version 2.0.
"""Tables of the public package tidyfinance, made again: overlapping momentum in the form of Jegadeesh and Titman (1993), deciles,
and double sorts.

make public-tables                compares them and writes docs/public_tables.md

tidyfinance gets an environment of its own in build/public_tables, so that it shares nothing with fractile but the panel. Every
month of every table must agree within 1e-12.
"""

from __future__ import annotations

import argparse
import pathlib
import subprocess
import sys
import tempfile
import warnings
from typing import Any

import fractile
import numpy as np
import pandas as pd

ROOT = pathlib.Path(__file__).resolve().parent.parent
FOLDER = ROOT / "build" / "public_tables"
PAGE = ROOT / "docs" / "public_tables.md"
PACKAGES = ["tidyfinance==1.0.0", "polars==2.1.0", "numpy==2.4.6", "pyarrow==26.0.1"]
TOLERANCE = 1e-12
MONTHS = (3, 6, 9, 12)
WEIGHTS = {"ew": "equal", "vw": "value"}


def make_theirs() -> None:
    """Installs tidyfinance and has it make its panel and its tables."""
    FOLDER.mkdir(parents=True, exist_ok=True)
    python = FOLDER / "venv" / "bin" / "python"
    if not python.exists():
        subprocess.run([sys.executable, "-m", "venv", FOLDER / "venv"], check=True)
        subprocess.run([python, "-m", "pip", "install", "--quiet", *PACKAGES], check=True)
    subprocess.run([python, "-W", "ignore", ROOT / "tests" / "support" / "tidyfinance_tables.py", FOLDER], check=True)


def read_theirs(name: str, weight: str) -> pd.DataFrame:
    """Monthly returns by portfolio."""
    return pivot(pd.read_parquet(FOLDER / f"{name}.parquet"), "date", "portfolio", weight).rename(index=pd.to_datetime)


def pivot(table: pd.DataFrame, index: str, columns: str, values: str) -> pd.DataFrame:
    """A wide table; refuses a cell that occurs twice, which pivot_table() would average."""
    return table.pivot(index=index, columns=columns, values=values)  # noqa: PD010


class Comparison:
    """Runs of fractile on the panel of tidyfinance, and the largest difference between the two."""

    def __init__(self, root: str) -> None:
        panel = pd.read_parquet(FOLDER / "panel.parquet").rename(columns={"permno": "security_id"})
        panel["date"] = pd.to_datetime(panel["date"])
        fractile.create_snapshot("tidyfinance", panel[["security_id", "date", "ret", "mcap"]], root=root, dtype="float64")
        self.service = fractile.BacktestService.get("tidyfinance", root=root)
        self.panel = panel
        self.largest = 0.0
        self.months = 0

    def run(self, past: int, **options: Any) -> fractile.BacktestResult:
        """A backtest of the return of so many months, known at the end of the month before the one that it earns."""
        known = self.panel.groupby("security_id")["date"].shift(1)
        signal = pd.DataFrame(
            {"security_id": self.panel["security_id"], "date_sig": known, "signal": self.panel[f"past_{past}"]}
        ).dropna()
        return self.service.run(signal, **options)

    def check(self, name: str, ours: pd.Series, theirs: pd.Series) -> pd.Series:
        """Requires that two series have the same months and returns."""
        assert len(ours) > 0 and list(ours.index) == list(theirs.index), f"{name}: other months"
        assert not (ours.isna().any() or theirs.isna().any()), f"{name}: a month is missing"
        difference = float((ours - theirs).abs().max())
        assert difference <= TOLERANCE, f"{name}: a month differs by {difference:.3g}"
        self.largest = max(self.largest, difference)
        self.months += len(ours)
        return ours

    def winners_less_losers(self, past: int, held: int, skip: int) -> pd.Series:
        """Held books of `held` months, `skip` months after the ranking."""
        daily = self.run(past, overlap=held, lag=skip).daily
        theirs = read_theirs(f"held_{past}_{held}_{skip}", "ew")
        return self.check(f"{past}/{held}, skip {skip}", by_month(daily.set_index("date")["ret"]), theirs[10] - theirs[1])

    def deciles(self, weight: str) -> pd.Series:
        """The mean return of each decile; every month of each is compared."""
        table = self.run(6, analysis=["quantiles"], weight=WEIGHTS[weight]).quantile_daily
        ours, theirs = pivot(table, "date", "bin", "ret"), read_theirs("deciles", weight)
        for decile in theirs.columns:
            self.check(f"decile {decile}, {weight}", by_month(ours[str(decile)]), theirs[decile])
        return theirs.mean()

    def double_sort(self, style: str, weight: str) -> tuple[pd.Series, pd.DataFrame]:
        """The quintiles of momentum, averaged over those of size as tidyfinance reports them, and the cells."""
        options = {"double_var": "mcap", "double_frac": 5, "n_fractile": 5, "double_style": style, "weight": WEIGHTS[weight]}
        cells = pivot(self.run(6, analysis=["double_sort"], **options).double_sort, "bin1", "bin2", "ret")
        averages = cells.loc["average"].drop("high-low")
        theirs = read_theirs(style, weight).mean().rename(str)
        return self.check(f"{style}, {weight}", averages.sort_index(), theirs.sort_index()), cells


def by_month(values: pd.Series) -> pd.Series:
    """The same with timestamps as index."""
    return values.set_axis(pd.to_datetime(values.index))


def t_statistic(values: pd.Series) -> float:
    """The t of the mean if months are independent, as in the paper."""
    return float(values.mean() / (values.std() / np.sqrt(len(values))))


def momentum_table(comparison: Comparison) -> list[str]:
    """The form of Table I of the paper: 16 strategies, without and with a month between ranking and holding."""
    lines = ["| past months | skip | " + " | ".join(f"held {k}" for k in MONTHS) + " |", "|---" * (len(MONTHS) + 2) + "|"]
    for past in MONTHS:
        for skip in (0, 1):
            found = [comparison.winners_less_losers(past, held, skip) for held in MONTHS]
            cells = " | ".join(f"{100 * x.mean():.4f} ({t_statistic(x):.2f})" for x in found)
            lines.append(f"| {past} | {skip} | {cells} |")
    return lines


def double_sort_table(cells: pd.DataFrame) -> list[str]:
    """Rows: size; columns: momentum."""
    columns = [*map(str, range(1, 6)), "high-low"]
    lines = ["| size | " + " | ".join(columns) + " |", "|---" * (len(columns) + 1) + "|"]
    for size in [*map(str, range(1, 6)), "average"]:
        lines.append(f"| {size} | " + " | ".join(f"{100 * cells.loc[size, bin_]:.4f}" for bin_ in columns) + " |")
    return lines


def write_page(comparison: Comparison) -> None:
    """Compares all tables and writes the page."""
    momentum = momentum_table(comparison)
    deciles = {weight: comparison.deciles(weight) for weight in WEIGHTS}
    sorts = {(s, w): comparison.double_sort(s, w) for s in ("dependent", "independent") for w in WEIGHTS}
    decile_lines = ["| weights | " + " | ".join(map(str, range(1, 11))) + " |", "|---" * 11 + "|"]
    for weight, label in WEIGHTS.items():
        decile_lines.append(f"| {label} | " + " | ".join(f"{100 * x:.4f}" for x in deciles[weight]) + " |")
    average_lines = ["| style | weights | " + " | ".join(map(str, range(1, 6))) + " |", "|---" * 7 + "|"]
    for (style, weight), (averages, _) in sorts.items():
        average_lines.append(f"| {style} | {WEIGHTS[weight]} | " + " | ".join(f"{100 * x:.4f}" for x in averages) + " |")
    text = TEMPLATE.format(
        months=f"{comparison.months:,}",
        largest=f"{comparison.largest:.0e}",
        momentum="\n".join(momentum),
        deciles="\n".join(decile_lines),
        averages="\n".join(average_lines),
        cells="\n".join(double_sort_table(sorts["dependent", "vw"][1])),
    )
    PAGE.write_text(text)


TEMPLATE = """# Tables of a public package, made again

[tidyfinance](https://pypi.org/project/tidyfinance/) 1.0.0 is the package of a textbook of empirical finance (Scheuch, Voigt, Weiss
and Frey 2024). It has a panel of 1,000 simulated stocks in the form of CRSP's monthly file, 2000 to 2019, and functions that sort it:
overlapping portfolios as in Jegadeesh and Titman (1993), deciles, dependent and independent double sorts. `make public-tables`
installs it into an environment of its own, has it make its tables, makes them again with fractile, requires that every figure agrees
within 1e-12, and writes this page.

Compared were {months} monthly returns and means. The largest difference is {largest}.

The simulated returns have no momentum, so the tables show chance alone: they check how portfolios are built, not what momentum earns.
Figures are percent per month.

## Overlapping momentum

The form of Table I of Jegadeesh and Titman: the top decile by the return of the past months less the bottom one, equally weighted and
held for so many months; `skip` months lie between ranking and holding. The t statistic is in brackets. A figure is
`service.run(past_return, overlap=held, lag=skip)`.

{momentum}

tidyfinance averages the cohorts of a decile; fractile holds one netted book. A name that one cohort holds long and another short is
therefore smaller on both sides of `daily`, so the difference of the deciles, `ret`, is compared.

## Deciles

`analysis=["quantiles"]` by the past return of 6 months. Every month of each decile is compared; these are the means.

{deciles}

## Double sorts

`analysis=["double_sort"]`, `double_var="mcap"`, in 5 by 5 cells, by the past return of 6 months. tidyfinance reports the quintiles of momentum,
averaged over those of size; they are the rows `average`:

{averages}

The cells of the dependent sort with value weights, which fractile alone reports:

{cells}

## What differs

Breakpoints of one exchange: tidyfinance interpolates between two reference names, and fractile ranks against them
([section 12 of the methodology](methodology.md)), so a name between the two may be in the next bin. If the number of names is not a
multiple of the number of bins, the sizes of bins differ by one for the same reason.
"""


def main() -> None:
    """See the module."""
    argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter).parse_args()
    make_theirs()
    with tempfile.TemporaryDirectory() as root, warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)
        comparison = Comparison(root)
        write_page(comparison)
    print(f"{comparison.months:,} figures agree, the largest difference is {comparison.largest:.1e}: {PAGE.relative_to(ROOT)}")


if __name__ == "__main__":
    main()

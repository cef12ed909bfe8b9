# Copyright The fractile authors. Licensed under the Apache License, Version 2.0.
"""The tables of the package tidyfinance that tests/public_tables.py makes again. It runs in an environment of that package.

python tests/support/tidyfinance_tables.py FOLDER writes panel.parquet (permno, date, ret, mcap, and past_J, the return of the J months
before `date`) and a file per table (date, portfolio, ew, vw: monthly returns, equally and value-weighted).
"""

from __future__ import annotations

import pathlib
import sys

import polars as pl
import tidyfinance as tf

MONTHS = (3, 6, 9, 12)
OPTIONS = tf.data_options(ret_excess="ret")


def make_panel() -> pl.DataFrame:
    """A thousand simulated stocks from 2000 to 2019, in the form of CRSP's monthly file; each has a row in each month."""
    panel = tf.download_data("Pseudo Data", "crsp_monthly", start_date="2000-01-01", end_date="2019-12-31")
    growth = (1 + pl.col("ret")).log()
    past = {f"past_{j}": (growth.rolling_sum(j).shift(1).over("permno")).exp() - 1 for j in MONTHS}
    return panel.sort("permno", "date").with_columns(**past)


def portfolios(panel: pl.DataFrame, variables: str | list[str], method: str, bins: int, **options: int) -> pl.DataFrame:
    """The returns of sorted portfolios. A second variable is the control, over whose bins tidyfinance averages."""
    known = panel.drop_nulls([variables] if isinstance(variables, str) else variables)
    breakpoints = tf.breakpoint_options(n_portfolios=bins)
    control = {} if method == "univariate" else {"breakpoint_options_secondary": breakpoints}
    made = tf.compute_portfolio_returns(
        known, variables, method, breakpoint_options_main=breakpoints, data_options=OPTIONS, quiet=True, **control, **options
    )
    return made.select(
        pl.col("date").dt.month_end(),
        "portfolio",
        pl.col("ret_excess_ew").alias("ew"),
        pl.col("ret_excess_vw").alias("vw"),
    ).drop_nulls("ew")


def main() -> None:
    """Writes the panel and the tables."""
    folder = pathlib.Path(sys.argv[1])
    panel = make_panel()
    panel.select(
        "permno", pl.col("date").dt.month_end(), "ret", pl.col("mktcap").alias("mcap"), *(f"past_{j}" for j in MONTHS)
    ).write_parquet(folder / "panel.parquet")
    portfolios(panel, "past_6", "univariate", 10).write_parquet(folder / "deciles.parquet")
    for j in MONTHS:
        for k in MONTHS:
            for skip in (0, 1):
                held = portfolios(panel, f"past_{j}", "univariate", 10, holding_period=k, skip=skip)
                held.write_parquet(folder / f"held_{j}_{k}_{skip}.parquet")
    for style in ("dependent", "independent"):
        sorted_twice = portfolios(panel, ["past_6", "mktcap_lag"], f"bivariate-{style}", 5)
        sorted_twice.write_parquet(folder / f"{style}.parquet")


if __name__ == "__main__":
    main()

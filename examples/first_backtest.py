# Copyright The fractile authors. Licensed under the Apache License, Version 2.0.
"""Examines one signal closely. Run it beside snapshots/ after `fractile demo`."""

import pandas as pd

from api import BacktestService

service = BacktestService.get("2026-02-10-v1")
signal_df = pd.read_parquet("snapshots/2026-02-10-v1-signal.parquet")

result = service.run(signal_df, byvar_list=["overall", "year", "cap"], analysis=["ic", "fractile", "coverage"])
print(result.summary[["byvar", "group", "num_date", "sharpe_ret", "sharpe_ret_net", "turnover"]].to_string(index=False))
print("\nInformation coefficient")
print(result.ic_summary.to_string(index=False))
print("\nMean daily return by decile")
print(result.fractile[["bin", "ret", "names"]].to_string(index=False))

# Counts of used rows, and of dropped rows by cause.
counts = {name: count for name, count in result.diagnostics.items() if isinstance(count, int) and count}
print("\n" + ", ".join(f"{name} {count:,}" for name, count in counts.items()))

# How fast does the signal decay, and how much of it do industries and factors explain?
suite = service.run_suite(signal_df, lags=[0, 1, 5], resid_modes=["off", "all"])
print(
    "\n"
    + "\n".join(
        f"{name:<16} sharpe {one.sharpe:6.2f}   net {one.summary['sharpe_ret_net'].iloc[0]:6.2f}" for name, one in suite.items()
    )
)

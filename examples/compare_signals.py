# Copyright The fractile authors. Licensed under the Apache License, Version 2.0.
"""Screens noisy versions of a signal. Run it beside snapshots/ after `fractile demo`."""

import numpy as np
import pandas as pd

from api import BacktestClient

client = BacktestClient("2026-02-10-v1")
signal_df = pd.read_parquet("snapshots/2026-02-10-v1-signal.parquet")

rng = np.random.default_rng(0)
spread = signal_df["signal"].std()
wide = signal_df[["security_id", "date_sig"]].copy()
for share in (0, 1, 2, 4):
    wide[f"noise_{share}"] = signal_df["signal"] + share * spread * rng.normal(size=len(signal_df))

# One wide frame: its keys are read once for all of its columns. Turnover is left out while screening.
names = [name for name in wide if name.startswith("noise_")]
results = client.batch(wide, sigvars=names, calc_turnover=False)
print(pd.Series({name: result.sharpe for name, result in results.items()}, name="sharpe").to_string())

# The best two in full.
best = sorted(names, key=lambda name: -results[name].sharpe)[:2]
print(client.compare({name: wide.rename(columns={name: "signal"}) for name in best}).to_string(index=False))

# Copyright The fractile authors. Licensed under the Apache License, Version 2.0.
"""Makes a snapshot of a small panel: python poc/catalog.py [ID]. Put your own data in place of `panel`."""

import sys

import fractile
import numpy as np
import pandas as pd

rng = np.random.default_rng(7)
dates = pd.bdate_range("2024-01-02", "2024-06-28")
ids = np.arange(1, 201)
panel = pd.MultiIndex.from_product([dates, ids], names=["date", "security_id"]).to_frame(index=False)
panel["ret"] = rng.normal(0.0, 0.02, len(panel))  # close to close, a fraction; the only required number
panel["mcap"] = np.tile(rng.lognormal(20.0, 1.5, len(ids)), len(dates))  # dollars; optional, as all the others are
panel["cap"] = np.where(panel["mcap"] > 2e9, 1, np.where(panel["mcap"] > 3e8, 2, 3))

info = fractile.create_snapshot(sys.argv[1] if len(sys.argv) > 1 else "catalog-example", panel)
print(f"{info['id']}: {info['rows']:,} rows, {info['securities']} securities, {info['first_date']} to {info['last_date']}")
print(fractile.list_snapshots().to_string(index=False))

# Copyright The fractile authors. Licensed under the Apache License, Version 2.0.
"""Agents that try noise: each sends 500 signals of noise through the tools, picks the best, and reads its verdict.

PYTHONPATH=tests .venv/bin/python tests/noise_agents.py [--agents 100] [--signals 500]

A deflated Sharpe ratio (after costs) of 0.5 or more counts as fooled. Fails if more than 5 % of the agents are.
"""

from __future__ import annotations

import argparse
import contextlib
import pathlib
import sys
import tempfile
import warnings
from typing import Any

import fractile
import numpy as np
import pandas as pd
from fractile.mcp.limits import Limits
from fractile.mcp.tools import Toolbox
from oracle.markets import make_panel

N_DAYS, N_NAMES = 250, 60
BATCH = 100
MAX_FOOLED = 0.05
CONFIG = {"mincos": 2}


def make_noise(panel: pd.DataFrame, count: int, seed: int, folder: pathlib.Path) -> dict[str, dict[str, Any]]:
    """Signals of independent normal numbers on all rows of the panel, as files."""
    random = np.random.default_rng(seed)
    keys = panel[["security_id", "date"]].dropna().rename(columns={"date": "date_sig"})
    out = {}
    for k in range(count):
        keys.assign(signal=random.standard_normal(len(keys))).to_parquet(folder / f"{k}.parquet")
        out[f"noise{k}"] = {"path": f"{k}.parquet"}
    return out


def run_agent(root: pathlib.Path, panel: pd.DataFrame, seed: int, count: int) -> dict[str, Any]:
    """The verdict on the best of the signals that one agent tried."""
    with tempfile.TemporaryDirectory() as name:
        folder = pathlib.Path(name)
        signals = make_noise(panel, count, seed, folder)
        toolbox = Toolbox(str(root), Limits(study=f"agent-{seed}", folder=folder))
        names, rows = list(signals), []
        for at in range(0, count, BATCH):
            some = {name: signals[name] for name in names[at : at + BATCH]}
            rows += toolbox.call("sweep", {"signals": some, "config": CONFIG})["rows"]
        best = max(rows, key=lambda row: row["summary"]["sharpe_ret_net"] or float("-inf"))
        found = toolbox.call("run", {"signal": signals[best["signal"]], "config": CONFIG})
    assert found["run_id"] == best["run_id"] and found["trials"]["trials"] == count
    return found["trials"]


def main() -> int:
    parser = argparse.ArgumentParser(description="Agents that try noise")
    parser.add_argument("--agents", type=int, default=100)
    parser.add_argument("--signals", type=int, default=500)
    arguments = parser.parse_args()
    warnings.simplefilter("ignore")
    panel = make_panel(1, n_days=N_DAYS, n_names=N_NAMES)
    ratios = []
    with tempfile.TemporaryDirectory() as name, contextlib.suppress(KeyboardInterrupt):
        root = pathlib.Path(name)
        fractile.create_snapshot("market", panel, root=root)
        for seed in range(arguments.agents):
            found = run_agent(root, panel, seed, arguments.signals)
            ratios.append(found["deflated_sharpe_net"])
            print(f"agent {seed}: {found['verdict']}", flush=True)
    fooled = sum(ratio is not None and ratio >= 0.5 for ratio in ratios)
    print(
        f"{fooled} of {len(ratios)} agents have a deflated Sharpe ratio of 0.5 or more; the largest is {max(r or 0 for r in ratios):.2f}."
    )
    return int(fooled > MAX_FOOLED * len(ratios))


if __name__ == "__main__":
    sys.exit(main())

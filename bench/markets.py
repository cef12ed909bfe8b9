# Copyright The fractile authors. Licensed under the Apache License, Version 2.0.
"""The markets and signals of benchmarks; seeded, and made once."""

from __future__ import annotations

import argparse
import pathlib
import subprocess

import numpy as np
import pandas as pd
from fractile import list_snapshots

ROOT = pathlib.Path(__file__).resolve().parents[1]
FOLDER = ROOT / "build" / "bench" / "snapshots"
# By name: first day, last day, names per day. The demo is W2.
MARKETS = {
    "W2": ("2020-01-01", "2021-12-31", 5000),
    "W10": ("2012-01-01", "2021-12-31", 5000),
    "WFull": ("1997-01-01", "2021-12-31", 5000),
}


def make_parser(doc: str | None) -> argparse.ArgumentParser:
    """The arguments of a benchmark that compares runs in pairs."""
    parser = argparse.ArgumentParser(description=doc)
    parser.add_argument("--market", default="W10")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--pairs", type=int, default=7)
    parser.add_argument("--cases", default="", help="only cases whose name holds this")
    parser.add_argument("--root", default=str(FOLDER))
    parser.add_argument("--processor-time", action="store_true", help="instead of wall time")
    return parser


def make_market(name: str, root: pathlib.Path = FOLDER, with_panel: bool = False) -> None:
    """Makes the snapshot `name`, its signal beside it and, if asked, the panel as Parquet; existing files stay."""
    panel = panel_file(name, root)
    root.mkdir(parents=True, exist_ok=True)
    there = name in set(list_snapshots(root)["id"]) if any(root.iterdir()) else False
    if there and (panel.exists() or not with_panel):
        return
    if there:
        subprocess.run([ROOT / ".venv/bin/fractile", "snapshot", "remove", name, "--root", root], check=True, capture_output=True)
    command = [ROOT / "build/release/bin/fractile_market", root, name, *map(str, MARKETS[name])]
    subprocess.run([*command, panel] if with_panel else command, check=True, capture_output=True)


def panel_file(name: str, root: pathlib.Path = FOLDER) -> pathlib.Path:
    return root / f"{name}-panel.parquet"


def signal_file(name: str, root: pathlib.Path = FOLDER) -> pathlib.Path:
    return root / f"{name}-signal.parquet"


def read_signal(name: str, root: pathlib.Path = FOLDER) -> pd.DataFrame:
    """Reads the signal in the form that users have: int64 ids, datetime64[ns], float64; security-major."""
    signal = pd.read_parquet(signal_file(name, root))
    return pd.DataFrame(
        {
            "security_id": signal["security_id"].to_numpy(np.int64),
            "date_sig": pd.to_datetime(signal["date_sig"]).to_numpy("datetime64[ns]"),
            "signal": signal["signal"].to_numpy(np.float64),
        }
    )


def reorder(signal: pd.DataFrame) -> dict[str, pd.DataFrame]:
    """Returns the same rows in the three measured orders."""
    return {
        "security-major": signal,
        "date-major": signal.sort_values(["date_sig", "security_id"]).reset_index(drop=True),
        "shuffled": signal.sample(frac=1.0, random_state=1).reset_index(drop=True),
    }

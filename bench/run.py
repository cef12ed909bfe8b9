# Copyright The fractile authors. Licensed under the Apache License, Version 2.0.
"""Whole runs on the demo market: medians of 10, one and two threads, memory. Answers are checked first.

.venv/bin/python bench/run.py [--root DIR] [--json FILE]
"""

from __future__ import annotations

import argparse
import json
import pathlib
import statistics
import subprocess
import sys
import time

import numpy as np
import pandas as pd
from fractile import BacktestService, create_snapshot, list_snapshots

SNAPSHOT = "2026-02-10-v1"
REPETITIONS = 10


SERVICE_MEMORY = """
import os, sys
import numpy, pandas
def resident():
    return int(open("/proc/self/statm").read().split()[1]) * os.sysconf("SC_PAGESIZE") / 1e6
signal = pandas.read_parquet(sys.argv[3])
signal["date_sig"] = pandas.to_datetime(signal["date_sig"]).astype("datetime64[ns]")
imports = resident()
from fractile import BacktestService
service = BacktestService.get(sys.argv[1], root=sys.argv[2])
loaded = resident() - imports
service.run(signal)
print(loaded, resident() - imports)
"""


def service_memory(root: pathlib.Path) -> list[float]:
    """Resident memory of a new process beyond imports and the signal: after get, and after a run (MB)."""
    command = [sys.executable, "-c", SERVICE_MEMORY, SNAPSHOT, str(root), str(root / f"{SNAPSHOT}-signal.parquet")]
    return [float(x) for x in subprocess.run(command, check=True, capture_output=True, text=True).stdout.split()]


def median_ms(work, repetitions: int = REPETITIONS) -> float:
    work()
    times = []
    for _ in range(repetitions):
        began = time.perf_counter()
        work()
        times.append((time.perf_counter() - began) * 1e3)
    return statistics.median(times)


def check(signal: pd.DataFrame, panel: pd.DataFrame, result) -> None:
    """The plain run again in pandas: returns of the book within 1e-6 (float32 storage)."""
    dates = np.sort(panel["date"].unique())
    number = pd.Series(np.arange(len(dates)), index=dates)
    rows = signal.dropna().assign(n=lambda f: dates.searchsorted(f["date_sig"].to_numpy(), side="right") + 1)
    rows = rows.merge(panel.assign(n=panel["date"].map(number)), on=["security_id", "n"])
    by_day = rows.groupby("n")["signal"]
    rank, count = by_day.rank(), by_day.transform("size")
    side = np.where(100 * rank <= 10 * count, -1, np.where(100 * rank > 90 * count, 1, 0))
    held = rows.assign(side=side)[side != 0]
    mean = held.fillna({"ret": 0.0}).groupby(["n", "side"])["ret"].mean()
    want = (mean.xs(1, level="side") - mean.xs(-1, level="side")).to_numpy()
    np.testing.assert_allclose(result.daily["ret"].to_numpy(), want, atol=1e-6)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--root", default="build/bench/snapshots")
    parser.add_argument("--json", help="write the figures here")
    arguments = parser.parse_args()
    root = pathlib.Path(arguments.root)
    executable = pathlib.Path(sys.executable).with_name("fractile")
    subprocess.run([executable, "demo", "--root", root], check=True, stdout=subprocess.DEVNULL)

    began = time.perf_counter()
    service = BacktestService.get(SNAPSHOT, root=root)
    figures: dict[str, float] = {"get, new process, warm (ms)": (time.perf_counter() - began) * 1e3}
    signal = pd.read_parquet(root / f"{SNAPSHOT}-signal.parquet")
    signal["date_sig"] = pd.to_datetime(signal["date_sig"]).astype("datetime64[ns]")
    orders = {
        "security-major": signal,
        "date-major": signal.sort_values(["date_sig", "security_id"]).reset_index(drop=True),
        "shuffled": signal.sample(frac=1.0, random_state=1).reset_index(drop=True),
    }
    results = {name: service.run(rows) for name, rows in orders.items()}
    bits = {r.daily["ret_net"].to_numpy().tobytes() for r in results.values()}
    assert len(bits) == 1, "the order of rows changed a bit"
    if "check" not in set(list_snapshots(root)["id"]):
        create_snapshot("check", make_check_panel(), root=root)
    panel = make_check_panel()
    small = panel[["security_id", "date"]].rename(columns={"date": "date_sig"})
    small["signal"] = np.random.default_rng(3).normal(size=len(small))
    check(small, panel[["security_id", "date", "ret"]], BacktestService.get("check", root=root).run(small))

    for threads in (1, 2):
        for name, rows in orders.items():
            figures[f"full run, {name}, {threads} threads (ms)"] = median_ms(lambda r=rows, t=threads: service.run(r, threads=t))
        cases = {
            "calc_turnover=False": {"calc_turnover": False},
            "overall, year, cap": {"byvar_list": ["overall", "year", "cap"]},
            "resid industry": {"resid": "industry"},
            "resid all": {"resid": "all"},
        }
        for name, options in cases.items():
            figures[f"{name}, {threads} threads (ms)"] = median_ms(
                lambda o=options, t=threads: service.run(signal, threads=t, **o)
            )
    loaded, ran = service_memory(root)
    figures["resident beyond imports, after get (MB)"] = loaded
    figures["resident beyond imports and signal, after a run, mapped pages included (MB)"] = ran
    figures["signal rows"] = len(signal)
    for name, value in figures.items():
        print(f"{value:12.1f}  {name}")
    if arguments.json:
        pathlib.Path(arguments.json).write_text(json.dumps(figures, indent=2) + "\n")


def make_check_panel() -> pd.DataFrame:
    rng = np.random.default_rng(2)
    dates = pd.bdate_range("2020-01-01", periods=60)
    panel = pd.DataFrame({"security_id": np.repeat(np.arange(300), 60), "date": np.tile(dates, 300)})
    panel["ret"] = np.where(rng.random(len(panel)) < 0.01, np.nan, rng.normal(0, 0.02, len(panel)))
    return panel


if __name__ == "__main__":
    main()

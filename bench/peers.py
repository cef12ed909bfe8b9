# Copyright The fractile authors. Licensed under the Apache License, Version 2.0.
"""The same run by other systems on the same rows, alternating with ours: ratios of medians, and a check of the Sharpe ratios.

.venv/bin/python bench/peers.py [--peers FOLDER] [--rounds N] [--json FILE]

The folder holds the other systems' scripts (default $FRACTILE_PEERS, else ../shared/peerbench): gen_panel.py,
pandas_numpy_run.py, polars_comparator.py, roofline_dump.py, roofline.cpp and sketch.cpp. Rank correlations are off in all.
"""

from __future__ import annotations

import argparse
import json
import os
import pathlib
import re
import statistics
import subprocess
import sys

import pandas as pd
from fractile import BacktestService, create_snapshot, list_snapshots
from markets import ROOT, reorder
from whole_runs import median_ms

FOLDER = ROOT / "build" / "bench" / "peers"
DATA = FOLDER / "10y"
# The peers choose their own settings of OpenBLAS.
ENVIRONMENT = {name: value for name, value in os.environ.items() if not name.startswith("OPENBLAS_")}


def prepare(peers: pathlib.Path) -> None:
    FOLDER.mkdir(parents=True, exist_ok=True)
    if not (DATA / "signal.parquet").exists():
        subprocess.run([sys.executable, peers / "gen_panel.py", "--out", FOLDER, "--years", "10"], check=True)
    if not (FOLDER / "dump.sig.f64").exists():
        subprocess.run([sys.executable, peers / "roofline_dump.py", DATA, FOLDER / "dump"], check=True)
    for program in ("roofline", "sketch"):
        if not (FOLDER / program).exists():
            flags = ["-O3", "-march=native", "-std=c++20", "-pthread"]
            subprocess.run(["g++", *flags, peers / f"{program}.cpp", "-o", FOLDER / program], check=True)
    if not any(FOLDER.glob("snapshots/peers")):
        (FOLDER / "snapshots").mkdir(exist_ok=True)
        create_snapshot("peers", DATA / "master.parquet", root=FOLDER / "snapshots")
    assert "peers" in set(list_snapshots(FOLDER / "snapshots")["id"])


def run_script(peers: pathlib.Path, script: str, *options: str, threads: int = 1) -> dict:
    """Milliseconds and Sharpe ratio of the script's last line of JSON."""
    environment = {**ENVIRONMENT, "POLARS_MAX_THREADS": str(threads)}
    command = [sys.executable, str(peers / script), str(DATA), "--ic", "0", *options]
    done = subprocess.run(command, check=True, capture_output=True, text=True, env=environment, cwd=peers)
    found = json.loads(done.stdout.strip().splitlines()[-1])
    return {"ms": found["med"] * 1e3, "sharpe": found["sharpe"]}


def run_roofline(threads: int) -> dict[str, dict]:
    done = subprocess.run([FOLDER / "roofline", FOLDER / "dump", str(threads), "5"], check=True, capture_output=True, text=True)
    medians = dict(re.findall(r"^ *(.+?) +med +([0-9.]+) ms", done.stdout, flags=re.MULTILINE))
    gather = next(ms for name, ms in medians.items() if "gather" in name)
    fused = next(ms for name, ms in medians.items() if "FUSED" in name)
    sharpe = float(re.search(r"sharpe ([0-9.]+)", done.stdout).group(1))  # type: ignore[union-attr]
    return {"read and gather": {"ms": float(gather)}, "fused C++ loop": {"ms": float(fused), "sharpe": sharpe}}


def run_sketch(threads: int, order: str) -> dict:
    """A C++ program of dense slots: rows of the signal in one order, return days given."""
    command = [FOLDER / "sketch", FOLDER / "dump", str(threads), "5", order]
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    ms, sharpe = (re.search(pattern, done.stdout) for pattern in (r" all ([0-9.]+) ms", r"sharpe ([0-9.]+)"))
    return {"ms": float(ms.group(1)), "sharpe": float(sharpe.group(1))}  # type: ignore[union-attr]


def run_ours(service: BacktestService, signal: pd.DataFrame, threads: int) -> dict:
    figures = median_ms(lambda: service.run(signal, threads=threads), 5)
    return {"ms": figures["median"], "sharpe": float(service.run(signal, threads=threads).sharpe)}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--peers", default=os.environ.get("FRACTILE_PEERS", str(ROOT.parent / "shared" / "peerbench")))
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--json", help="write the figures here")
    arguments = parser.parse_args()
    peers = pathlib.Path(arguments.peers)
    if not peers.is_dir():
        print(f"no other systems here: expected their scripts in {peers}. Pass --peers FOLDER.")
        return
    prepare(peers)
    signal = pd.read_parquet(DATA / "signal.parquet", columns=["security_id", "date_sig", "date_ret", "signal"])
    for name in ("date_sig", "date_ret"):
        signal[name] = pd.to_datetime(signal[name]).astype("datetime64[ns]")
    shuffled = reorder(signal)["shuffled"]
    kept = BacktestService.get("peers", root=FOLDER / "snapshots")
    new = BacktestService.get("peers", root=FOLDER / "snapshots", cache_size=0)
    found: dict[str, list[dict]] = {}
    for _ in range(arguments.rounds):
        for threads in (1, 2):
            row = {f"fractile, {threads}": run_ours(kept, signal, threads)}
            row[f"fractile, new keys, {threads}"] = run_ours(new, signal, threads)
            row[f"fractile, new keys, shuffled, {threads}"] = run_ours(new, shuffled, threads)
            row[f"polars, {threads}"] = run_script(
                peers, "polars_comparator.py", "--variant", "sorted", "--reps", "3", threads=threads
            )
            row |= {f"{name}, {threads}": one for name, one in run_roofline(threads).items()}
            row |= {f"sketch, {order}, {threads}": run_sketch(threads, order) for order in ("sec", "shuffle")}
            if threads == 1:
                row["numpy, 1"] = run_script(peers, "pandas_numpy_run.py", "--which", "numpy", "--reps", "3")
            for name, one in row.items():
                found.setdefault(name, []).append(one)
    sharpe = found["fractile, 1"][0]["sharpe"]
    medians = {name: statistics.median(one["ms"] for one in rows) for name, rows in found.items()}
    print(f"{len(signal)} signal rows; Sharpe ratio {sharpe:.6f}")
    for name, ms in medians.items():
        threads = name[-1]
        other = found[name][0].get("sharpe")
        agrees = "" if other is None else f"  Sharpe off by {abs(other / sharpe - 1):.1e}"
        ratio, new_ratio = ms / medians[f"fractile, {threads}"], ms / medians[f"fractile, new keys, {threads}"]
        print(f"{ms:9.1f} ms  {ratio:6.2f} of ours, {new_ratio:6.2f} of ours with new keys  {name} thread(s){agrees}")
        assert other is None or abs(other / sharpe - 1) < 0.02, f"expected the Sharpe ratio {sharpe}, found {other} of {name}"
    if arguments.json:
        pathlib.Path(arguments.json).write_text(json.dumps(medians, indent=2) + "\n")


if __name__ == "__main__":
    main()

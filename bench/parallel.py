# Copyright The fractile authors. Licensed under the Apache License, Version 2.0.
"""Many signals one after the other, in threads and in processes; and the cost of the transfer of a signal to a process.

Each mode runs in a process of its own. All modes have to give the same Sharpe ratios, bit by bit.

.venv/bin/python bench/parallel.py [--market W2 | W10 | WFull] [--signals N] [--workers N] [--json FILE]
"""

from __future__ import annotations

import argparse
import concurrent.futures
import json
import os
import pathlib
import subprocess
import sys
import tempfile
import time

import markets
import numpy as np
import pandas as pd
from fractile import BacktestService
from fractile.pool import BacktestWorkerPool, serialize_signal_arrow

MODES = ["sequential, 1 thread", "sequential", "threading", "processes, Arrow", "processes, CSV", "processes, Parquet"]


def read_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--market", choices=markets.MARKETS, default="W10", help="default W10; made if it is missing")
    parser.add_argument("--signals", type=int, default=8)
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--json", help="write the figures here")
    parser.add_argument("--mode", choices=MODES, help=argparse.SUPPRESS)
    return parser.parse_args()


def make_signals(arguments: argparse.Namespace) -> list[pd.DataFrame]:
    """The market's signal, then copies with more and more noise."""
    base = markets.read_signal(arguments.market)
    rng = np.random.default_rng(1)
    scale = base["signal"].std()
    return [base.assign(signal=base["signal"] + rng.normal(0, scale * i, len(base))) for i in range(arguments.signals)]


def proportional_mb(pids: list[int]) -> float:
    """Memory of processes; each shared page counts once for all of them."""
    total = 0
    for pid in pids:
        lines = pathlib.Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
        total += next(int(line.split()[1]) for line in lines if line.startswith("Pss:"))
    return total * 1024 / 1e6


def run_in_process(arguments: argparse.Namespace, signals: list[pd.DataFrame]) -> dict:
    n_runs = arguments.workers if arguments.mode == "threading" else 1
    threads = None if arguments.mode == "sequential" else 1
    service = BacktestService.get(arguments.market, root=markets.FOLDER)

    def run(signal: pd.DataFrame) -> float:
        return service.run(signal, threads=threads).sharpe

    with concurrent.futures.ThreadPoolExecutor(n_runs) as pool:
        list(pool.map(run, signals[:1] * n_runs))
        began = time.perf_counter()
        sharpes = list(pool.map(run, signals))
        seconds = time.perf_counter() - began
    return {"sharpes": sharpes, "seconds": seconds, "prepare": 0.0, "memory_mb": proportional_mb([os.getpid()])}


def run_in_processes(arguments: argparse.Namespace, signals: list[pd.DataFrame]) -> dict:
    with (
        tempfile.TemporaryDirectory() as folder,
        BacktestWorkerPool(arguments.workers, snapshot=arguments.market, root=markets.FOLDER) as pool,
    ):
        began = time.perf_counter()
        ready = [prepare(signal, arguments.mode, pathlib.Path(folder) / str(i)) for i, signal in enumerate(signals)]
        prepared = time.perf_counter() - began
        for _ in range(2 * arguments.workers + 1):
            pool.submit(ready[0])
        pool.collect_all()
        began = time.perf_counter()
        for signal in ready:
            pool.submit(signal)
        results = pool.collect_all()
        seconds = time.perf_counter() - began
        assert not pool.errors, pool.errors
        memory = proportional_mb([os.getpid(), *pool.worker_pids.values()])
    return {
        "sharpes": [sharpe for _, _, sharpe, _, _ in results],
        "seconds": seconds,
        "prepare": prepared,
        "worker_seconds": sum(elapsed for _, _, _, elapsed, _ in results),
        "memory_mb": memory,
    }


def prepare(signal: pd.DataFrame, mode: str, path: pathlib.Path) -> bytes | pathlib.Path:
    """Encodes a signal for the pool."""
    if mode == "processes, Arrow":
        return serialize_signal_arrow(signal)
    if mode == "processes, CSV":
        signal.to_csv(path.with_suffix(".csv"), index=False)
        return path.with_suffix(".csv")
    signal.to_parquet(path.with_suffix(".parquet"), index=False)
    return path.with_suffix(".parquet")


def measure(arguments: argparse.Namespace) -> None:
    """Measures one mode and prints its figures for the parent process."""
    signals = make_signals(arguments)
    base = proportional_mb([os.getpid()])
    work = run_in_processes if arguments.mode.startswith("processes") else run_in_process
    print(json.dumps({**work(arguments, signals), "base_mb": base, "rows": len(signals[0])}))


def main() -> None:
    arguments = read_arguments()
    if arguments.mode:
        return measure(arguments)
    markets.make_market(arguments.market)
    figures: dict[str, dict] = {}
    sharpes: list[float] = []
    for mode in MODES:
        command = [sys.executable, __file__, *sys.argv[1:], "--mode", mode]
        figures[mode] = json.loads(subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout)
        found = figures[mode].pop("sharpes")
        sharpes = sharpes or found
        assert found == sharpes, f"{mode} gave other Sharpe ratios than {MODES[0]}"
    show(arguments, figures)
    if arguments.json:
        pathlib.Path(arguments.json).write_text(json.dumps({"signals": arguments.signals, "modes": figures}, indent=2) + "\n")


def show(arguments: argparse.Namespace, figures: dict[str, dict]) -> None:
    n = arguments.signals
    print(f"{n} signals of {figures[MODES[0]]['rows']:,} rows on {arguments.market}; the same Sharpe ratios in all modes")
    print("\n| mode | workers | time a signal, s | signals a second | memory, MB | of which imports and signals |")
    print("|---|---|---|---|---|---|")
    for mode in MODES[:4]:
        got = figures[mode]
        workers = 1 if mode.startswith("sequential") else arguments.workers
        print(
            f"| {mode} | {workers} | {got['seconds'] / n:.4f} | {n / got['seconds']:.2f} | {got['memory_mb']:.0f} "
            f"| {got['base_mb']:.0f} |"
        )
    print("\n| transfer | to make it, s a signal | worker, s a signal | of which more than the run alone | signals a second |")
    print("|---|---|---|---|---|")
    alone = figures["threading"]["seconds"] * arguments.workers / n
    for mode in MODES[3:]:
        got = figures[mode]
        worker = got["worker_seconds"] / n
        print(f"| {mode} | {got['prepare'] / n:.3f} | {worker:.4f} | {worker - alone:+.4f} | {n / got['seconds']:.2f} |")


if __name__ == "__main__":
    main()

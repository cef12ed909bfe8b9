# Copyright The fractile authors. Licensed under the Apache License, Version 2.0.
"""Whole runs from a pandas frame to DataFrames: medians, one and two threads. Answers are checked first.

.venv/bin/python bench/whole_runs.py [--markets W2,W10,WFull] [--threads 1,2] [--repetitions N] [--cases TEXT] [--json FILE]

Every figure is of runs whose keys (ids and dates) the service has seen before; "new keys" are runs of a service that keeps
none.
"""

from __future__ import annotations

import argparse
import json
import os
import pathlib
import statistics
import sys
import time
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pandas as pd
from fractile import BacktestService, create_snapshot, list_snapshots
from markets import FOLDER, make_market, read_signal, reorder

N_COLUMNS = 20
SUITE = {"lags": [0, 1, 2], "resid_modes": ["off", "all"]}


def median_ms(work: Callable[[], Any], repetitions: int) -> dict[str, float]:
    """Times the calls after one warm-up call."""
    work()
    times = []
    for _ in range(repetitions):
        began = time.perf_counter()
        work()
        times.append((time.perf_counter() - began) * 1e3)
    return {"median": statistics.median(times), "min": min(times), "max": max(times)}


def make_check_panel() -> pd.DataFrame:
    rng = np.random.default_rng(2)
    dates = pd.bdate_range("2020-01-01", periods=60)
    panel = pd.DataFrame({"security_id": np.repeat(np.arange(300), 60), "date": np.tile(dates, 300)})
    panel["ret"] = np.where(rng.random(len(panel)) < 0.01, np.nan, rng.normal(0, 0.02, len(panel)))
    return panel


def check_against_pandas(root: pathlib.Path) -> None:
    """Repeats the plain run in pandas on a small panel; returns of the book must agree within 1e-6 (float32 storage)."""
    panel = make_check_panel()
    if "check" not in set(list_snapshots(root)["id"]):
        create_snapshot("check", panel, root=root)
    signal = panel[["security_id", "date"]].rename(columns={"date": "date_sig"})
    signal["signal"] = np.random.default_rng(3).normal(size=len(signal))
    result = BacktestService.get("check", root=root).run(signal)
    dates = np.sort(panel["date"].unique())
    number = pd.Series(np.arange(len(dates)), index=dates)
    rows = signal.dropna().assign(n=lambda f: dates.searchsorted(f["date_sig"].to_numpy(), side="right") + 1)
    rows = rows.merge(panel.assign(n=panel["date"].map(number))[["security_id", "n", "ret"]], on=["security_id", "n"])
    by_day = rows.groupby("n")["signal"]
    rank, count = by_day.rank(), by_day.transform("size")
    side = np.where(100 * rank <= 10 * count, -1, np.where(100 * rank > 90 * count, 1, 0))
    held = rows.assign(side=side)[side != 0]
    mean = held.fillna({"ret": 0.0}).groupby(["n", "side"])["ret"].mean()
    want = (mean.xs(1, level="side") - mean.xs(-1, level="side")).to_numpy()
    np.testing.assert_allclose(result.daily["ret"].to_numpy(), want, atol=1e-6)


def check_bits(service: BacktestService, new: BacktestService, orders: dict[str, pd.DataFrame]) -> None:
    """Checks that row order, threads and cached alignments change no bit."""
    bits = {
        one.run(rows, threads=threads).daily["ret_net"].to_numpy().tobytes()
        for one in (service, new)
        for rows in orders.values()
        for threads in (1, 2)
    }
    assert len(bits) == 1, "expected the same bits for every order of rows, number of threads and state of the service"


def cases_of(market: str, root: pathlib.Path, threads: int) -> Iterator[tuple[str, int, Callable[[], Any]]]:
    """Name, number of signals, work."""
    service = BacktestService.get(market, root=root)
    new = BacktestService.get(market, root=root, cache_size=0)
    signal = read_signal(market, root)
    orders = reorder(signal)
    check_bits(service, new, orders)
    for name, rows in orders.items():
        yield f"full run, {name}", 1, lambda rows=rows: service.run(rows, threads=threads)
        yield f"full run, {name}, new keys", 1, lambda rows=rows: new.run(rows, threads=threads)
    options: dict[str, dict[str, Any]] = {
        "calc_turnover=False": {"calc_turnover": False},
        "byvars overall, year, cap": {"byvar_list": ["overall", "year", "cap"]},
        "resid industry": {"resid": "industry"},
        "resid all": {"resid": "all"},
    }
    for name, chosen in options.items():
        yield name, 1, lambda chosen=chosen: service.run(signal, threads=threads, **chosen)
    yield "resid all, new keys", 1, lambda: new.run(signal, threads=threads, resid="all")
    yield "suite of 3 lags x 2 resid modes", 1, lambda: service.run_suite(signal, threads=threads, **SUITE)
    if market == "WFull":
        return
    rng = np.random.default_rng(0)
    noisy = {f"s{i}": signal["signal"].to_numpy() + rng.normal(size=len(signal)) for i in range(N_COLUMNS)}
    wide = pd.concat([signal[["security_id", "date_sig"]], pd.DataFrame(noisy)], axis=1)
    single = [wide[["security_id", "date_sig", name]] for name in noisy]
    yield (
        f"{N_COLUMNS} signals as one wide frame",
        N_COLUMNS,
        lambda: service.run_batch(wide, sigvars=list(noisy), threads=threads),
    )
    yield (
        f"{N_COLUMNS} signals one by one, new keys",
        N_COLUMNS,
        lambda: [new.run(frame, sigvar=frame.columns[2], threads=threads) for frame in single],
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--markets", default="W2,W10")
    parser.add_argument("--threads", default="1,2")
    parser.add_argument("--repetitions", type=int, default=7)
    parser.add_argument("--cases", default="", help="only cases whose name holds this")
    parser.add_argument("--root", default=str(FOLDER))
    parser.add_argument("--json", help="write the figures here")
    arguments = parser.parse_args()
    root = pathlib.Path(arguments.root)
    rows: list[dict[str, Any]] = []
    for market in arguments.markets.split(","):
        make_market(market, root)
        check_against_pandas(root)
        for threads in map(int, arguments.threads.split(",")):
            for name, n_signals, work in cases_of(market, root, threads):
                if arguments.cases not in name:
                    continue
                figures = median_ms(work, arguments.repetitions if n_signals == 1 else max(2, arguments.repetitions // 3))
                figures = {key: value / n_signals for key, value in figures.items()}
                rows.append({"market": market, "case": name, "threads": threads, **figures})
                print(
                    f"{market:6} {threads} thread{'s' if threads > 1 else ' '} {figures['median']:9.1f} ms"
                    f"  ({figures['min']:.1f} to {figures['max']:.1f})  {name}{' (a signal)' if n_signals > 1 else ''}",
                    flush=True,
                )
        BacktestService.reset()
    if arguments.json:
        pathlib.Path(arguments.json).write_text(json.dumps({"cpus": os.cpu_count(), "rows": rows}, indent=2) + "\n")


if __name__ == "__main__":
    sys.exit(main())

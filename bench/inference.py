# Copyright The fractile authors. Licensed under the Apache License, Version 2.0.
"""Seconds of the statistics and of the trial ledger: `python bench/inference.py [--rounds 5]`, two threads."""

from __future__ import annotations

import argparse
import os
import statistics
import tempfile
import time
from collections.abc import Callable

import fractile
import numpy as np
import pandas as pd
from fractile import stats

DAYS, NAMES = 2520, 200


def measure(work: Callable[[], object], rounds: int) -> float:
    """Median seconds, after one call that is not counted."""
    work()
    times = []
    for _ in range(rounds):
        began = time.perf_counter()
        work()
        times.append(time.perf_counter() - began)
    return statistics.median(times)


def show(what: str, seconds: float, target: str = "") -> None:
    print(f"{what:62} {seconds * 1e3:10.2f} ms  {target}", flush=True)


def make_service(root: str) -> tuple[fractile.BacktestService, pd.DataFrame]:
    """Ten years of a small market, so that a run is short and what a study adds to it shows."""
    rng = np.random.default_rng(1)
    days = pd.bdate_range("2012-01-02", periods=DAYS)
    panel = pd.DataFrame({"security_id": np.tile(np.arange(1, NAMES + 1), DAYS), "date": np.repeat(days, NAMES)})
    panel["ret"] = 0.02 * rng.standard_normal(len(panel))
    fractile.create_snapshot("bench", panel, root=root)
    signal = panel.rename(columns={"date": "date_sig"})[["security_id", "date_sig"]]
    return fractile.BacktestService.get("bench", root=root), signal.assign(signal=rng.standard_normal(len(signal)))


def measure_ledger(rounds: int) -> None:
    with tempfile.TemporaryDirectory() as root:
        service, signal = make_service(root)
        kept = iter(range(10**9))

        def run(study: str) -> fractile.BacktestResult:
            return service.run(signal, gmv_musd=1.0 + next(kept), study=study)

        plain, counted = [], []
        run(""), run("s")
        for _ in range(40 * rounds):  # in turn, so that both see the same machine
            for study, times in (("", plain), ("s", counted)):
                began = time.perf_counter()
                run(study)
                times.append(time.perf_counter() - began)
        show("run, no study", statistics.median(plain))
        show("run of a study, on top of it", statistics.median(counted) - statistics.median(plain), "at most 1 ms")
        show("the same, means", statistics.mean(counted) - statistics.mean(plain), "at most 1 ms")
        result = run("s")
        show("interval of the Sharpe ratio", measure(lambda: result.sharpe_interval, 20 * rounds), "at most 3 ms")
        while len(fractile.study("s", root).trials()) < 2000:
            run("s")

        def first_look() -> object:
            # A new trial, so that nothing of an earlier look holds.
            return run("s").deflation()

        show("deflation of a new trial among 2,000 stored", measure(first_look, rounds))
        show("deflation, asked again", measure(result.deflation, rounds))
        show("repr of a result of the study", measure(lambda: repr(result), rounds))
        show("size of the ledger, MB instead of ms", os.path.getsize(f"{root}/ledger.sqlite") / 1e9)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=5)
    rounds = parser.parse_args().rounds
    rng = np.random.default_rng(0)
    x = 0.0004 + 0.01 * rng.standard_normal(DAYS)
    frame = pd.DataFrame(0.01 * rng.standard_normal((DAYS, 1000)))
    show("bootstrap of the mean, 10,000 draws of 2,520", measure(lambda: stats.bootstrap(x, "mean"), rounds), "at most 60 ms")
    show("bootstrap of the Sharpe ratio", measure(lambda: stats.bootstrap(x, "sharpe"), rounds))
    show("bootstrap of the drawdown", measure(lambda: stats.bootstrap(x, "max_drawdown"), rounds))
    seconds = measure(lambda: fractile.multiple_testing(frame, draws=2000), max(1, rounds // 3))
    show("multiple_testing, 1,000 signals x 2,520 x 2,000 draws", seconds, "at most 8 s")
    measure_ledger(rounds)


if __name__ == "__main__":
    main()

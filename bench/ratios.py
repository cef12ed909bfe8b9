# Copyright The fractile authors. Licensed under the Apache License, Version 2.0.
"""Costs of one kind of run relative to another: both in turn, and the ratio of their medians.

.venv/bin/python bench/ratios.py [--market W10] [--small W2] [--threads 2] [--pairs N] [--cases TEXT] [--processor-time] [--root DIR]

Every pair checks first that its answers are those that they must be. Processor time, the sum over threads, is the measure for a
machine that others use; the first run of a new process is always wall time.
"""

from __future__ import annotations

import functools
import itertools
import pathlib
import statistics
import subprocess
import time
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
import polars as pl
from fractile import BacktestService, create_snapshot, list_snapshots
from markets import ROOT, make_market, make_parser, panel_file, read_signal, reorder, signal_file

N_COLUMNS = 20
SUITE = {"lags": [0, 1, 2], "resid_modes": ["off", "all"]}


class Pair(NamedTuple):
    """The work `costs` over `of`; `scale` turns the ratio into the one that is asked for."""

    name: str
    costs: Callable[[], Any]
    of: Callable[[], Any]
    scale: Callable[[float], float] = float
    wall: bool = False


def same(a: Any, b: Any) -> None:
    assert a.daily["ret"].to_numpy().tobytes() == b.daily["ret"].to_numpy().tobytes(), "expected one answer from both runs"


def pairs_of(market: str, root: pathlib.Path, threads: int) -> Iterator[Pair]:
    service = BacktestService.get(market, root=root)
    new = BacktestService.get(market, root=root, cache_size=0)
    signal = read_signal(market, root)
    shuffled = reorder(signal)["shuffled"]

    def run(on: BacktestService = service, rows: pd.DataFrame = signal, **options: Any) -> Any:
        return on.run(rows, threads=threads, **options)

    same(run(), run(new, shuffled))
    yield Pair("new keys / cached keys", lambda: run(new), run)
    yield Pair("new keys, shuffled / sorted", lambda: run(new, shuffled), lambda: run(new))
    yield Pair("calc_turnover=False / full", lambda: run(calc_turnover=False), run)
    yield Pair("byvars overall, year, cap / overall", lambda: run(byvar_list=["overall", "year", "cap"]), run)
    rng = np.random.default_rng(0)
    noisy = {f"s{i}": signal["signal"].to_numpy() + rng.normal(size=len(signal)) for i in range(N_COLUMNS)}
    wide = pd.concat([signal[["security_id", "date_sig"]], pd.DataFrame(noisy)], axis=1)
    names = list(noisy)
    same(service.run_batch(wide, sigvars=names[:2], threads=threads)["s1"], run(rows=wide, sigvar="s1"))
    yield Pair(
        f"one more column of a wide frame of {N_COLUMNS} / single run",
        lambda: service.run_batch(wide, sigvars=names, threads=threads),
        lambda: run(rows=wide, sigvar="s0"),
        lambda ratio: (ratio - 1) / (N_COLUMNS - 1),
    )
    yield Pair("suite of 3 lags x 2 resid modes / single run", lambda: service.run_suite(signal, threads=threads, **SUITE), run)
    same(run(resid="all"), run(new, resid="all"))
    yield Pair("resid all, new keys / cached keys", lambda: run(new, resid="all"), lambda: run(resid="all"))


def pairs_of_small(market: str, root: pathlib.Path, threads: int) -> Iterator[Pair]:
    service = BacktestService.get(market, root=root)
    signal = read_signal(market, root)
    command = [ROOT / ".venv/bin/fractile", "run", signal_file(market, root), "--snapshot", market, "--root", root]
    options = ["--threads", str(threads)]

    def start() -> None:
        subprocess.run([*map(str, command), *options], check=True, capture_output=True)

    yield Pair("first run of a new process / warm run", start, lambda: service.run(signal, threads=threads), wall=True)
    texts = make_renamed(market, "texts", "id-{:08d}".format, root)
    tickers = make_renamed(market, "tickers", to_ticker, root)
    by_text = rename_as_objects(signal, "id-{:08d}".format).astype({"security_id": "string[pyarrow]"})
    new = BacktestService.get(market, root=root, cache_size=0)
    new_texts = BacktestService.get(texts, root=root, cache_size=0)
    same(new.run(signal, threads=threads), new_texts.run(by_text, threads=threads))
    # Texts that were read before are recognized: each run has a row less than the one before.
    counts = itertools.count(1), itertools.count(1)
    yield Pair(
        "text identifiers / integers, new keys",
        lambda: new_texts.run(by_text.iloc[next(counts[0]) :], threads=threads),
        lambda: new.run(signal.iloc[next(counts[1]) :], threads=threads),
    )
    known, known_texts, known_tickers = (BacktestService.get(name, root=root) for name in (market, texts, tickers))
    by_object = rename_as_objects(signal, to_ticker)
    forms = {
        "text identifiers of 11 characters": (known_texts, by_text),
        "tickers": (known_tickers, by_object.astype({"security_id": "string[pyarrow]"})),
        "tickers as objects": (known_tickers, by_object),
        "tickers as a category": (known_tickers, by_object.astype({"security_id": "category"})),
        "tickers of polars": (known_tickers, pl.from_pandas(by_object)),
    }
    for form, (service_of_texts, rows) in forms.items():
        same(known.run(signal, threads=threads), service_of_texts.run(rows, threads=threads))
        yield Pair(
            f"{form} / integers, cached keys",
            functools.partial(service_of_texts.run, rows, threads=threads),
            lambda: known.run(signal, threads=threads),
        )


def to_ticker(number: int) -> str:
    """AAAA, AAAB, ...: in the order of the numbers, so that sums have the same bits."""
    letters = ""
    for _ in range(4):
        letters = chr(ord("A") + number % 26) + letters
        number //= 26
    return letters


def rename_as_objects(frame: pd.DataFrame, write: Callable[[int], str]) -> pd.DataFrame:
    """The frame with texts as identifiers, one object per security."""
    text_of = {number: write(number) for number in frame["security_id"].unique()}
    texts = np.empty(len(frame), dtype=object)
    texts[:] = [text_of[number] for number in frame["security_id"]]
    return frame.assign(security_id=pd.Series(texts, dtype=object, index=frame.index))


def make_renamed(market: str, name: str, write: Callable[[int], str], root: pathlib.Path) -> str:
    """The snapshot of the market with these texts as identifiers; makes it once."""
    snapshot = f"{market}-{name}"
    if snapshot not in set(list_snapshots(root)["id"]):
        create_snapshot(snapshot, rename_as_objects(pd.read_parquet(panel_file(market, root)), write), root=root)
    return snapshot


def measure(pair: Pair, n_pairs: int, clock: Callable[[], float]) -> tuple[float, float]:
    """The scaled ratio of the medians, and the median of pair.costs in seconds."""
    times: tuple[list[float], list[float]] = ([], [])
    for i in range(n_pairs + 1):
        for of_work, work in zip(times, (pair.costs, pair.of)):
            began = clock()
            work()
            if i > 0:
                of_work.append(clock() - began)
    costs, of = map(statistics.median, times)
    return pair.scale(costs / of), costs


def main() -> None:
    parser = make_parser(__doc__)
    parser.add_argument("--small", default="W2")
    arguments = parser.parse_args()
    root = pathlib.Path(arguments.root)
    make_market(arguments.market, root)
    make_market(arguments.small, root, with_panel=True)
    for pairs in (pairs_of(arguments.market, root, arguments.threads), pairs_of_small(arguments.small, root, arguments.threads)):
        for pair in pairs:
            if arguments.cases not in pair.name:
                continue
            clock = time.process_time if arguments.processor_time and not pair.wall else time.perf_counter
            ratio, seconds = measure(pair, arguments.pairs, clock)
            print(f"{pair.name:52} {ratio:5.2f}   {seconds * 1e3:7.1f} ms", flush=True)


if __name__ == "__main__":
    main()

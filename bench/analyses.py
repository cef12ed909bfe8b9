# Copyright The fractile authors. Licensed under the Apache License, Version 2.0.
"""Costs of the analysis tables: pairs of runs with and without a table, in turn, and the median of their ratios.

.venv/bin/python bench/analyses.py [--market W10] [--threads 2] [--pairs N] [--cases TEXT] [--processor-time] [--root DIR]

The service has seen the signal's keys. The daily table of each pair is compared bit by bit. Processor time, the sum over
threads, is the measure for a machine that others use.
"""

from __future__ import annotations

import argparse
import pathlib
import statistics
import time
from typing import Any

from fractile import BacktestService
from markets import FOLDER, make_market, read_signal

SIX = [1, 2, 3, 5, 10, 21]
CASES: dict[str, dict[str, Any]] = {
    "nothing": {},
    "ic": {"analysis": ["ic"]},
    "fractile": {"analysis": ["fractile"]},
    "quantiles": {"analysis": ["quantiles"]},
    "quantiles, weight=value": {"analysis": ["quantiles"], "weight": "value"},
    "exposures": {"analysis": ["exposures"]},
    "exposures by industry": {"analysis": ["exposures"], "exposure_groups": ["industry_id"]},
    "drilldown": {"analysis": ["drilldown"]},
    "capacity": {"analysis": ["capacity"]},
    "decay of six horizons": {"analysis": ["decay"], "horizons": SIX},
    "double_sort 5 x 5": {"analysis": ["double_sort"], "double_var": "size", "double_frac": 5, "n_fractile": 5},
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--market", default="W10")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--pairs", type=int, default=7)
    parser.add_argument("--cases", default="", help="only cases whose name holds this")
    parser.add_argument("--root", default=str(FOLDER))
    parser.add_argument("--processor-time", action="store_true", help="instead of wall time")
    arguments = parser.parse_args()
    clock = time.process_time if arguments.processor_time else time.perf_counter
    root = pathlib.Path(arguments.root)
    make_market(arguments.market, root)
    signal = read_signal(arguments.market, root)
    service = BacktestService.get(arguments.market, root=root)

    def timed(options: dict[str, Any]) -> tuple[float, bytes]:
        began = clock()
        result = service.run(signal, threads=arguments.threads, **options)
        return clock() - began, result.daily["ret_net"].to_numpy().tobytes()

    for name, options in CASES.items():
        if arguments.cases not in name:
            continue
        plain = {key: value for key, value in options.items() if key == "weight"}
        for _ in range(2):
            timed(plain)
            timed(options)
        ratios, times = [], []
        for _ in range(arguments.pairs):
            (without, bits), (along, same) = timed(plain), timed(options)
            assert bits == same, f"{name}: expected the same daily table with and without the analysis"
            ratios.append(along / without)
            times.append(along * 1e3)
        print(f"{name:26} {statistics.median(ratios):5.2f} x   {statistics.median(times):7.1f} ms", flush=True)


if __name__ == "__main__":
    main()

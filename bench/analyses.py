# Copyright The fractile authors. Licensed under the Apache License, Version 2.0.
"""Costs of analysis tables and of options of construction: pairs of runs with and without, in turn, and the median of their ratios.

.venv/bin/python bench/analyses.py [--market W10] [--threads 2] [--pairs N] [--cases TEXT] [--processor-time] [--root DIR]

The service has seen the signal's keys. A table must not change the daily table, bit by bit; an option must give the bits of its
first run. Processor time, the sum over threads, is the measure for a machine that others use.
"""

from __future__ import annotations

import pathlib
import statistics
import time
from typing import Any

from fractile import BacktestService
from markets import make_market, make_parser, read_signal

SIX = [1, 2, 3, 5, 10, 21]
OWN_FACTORS = ["momentum", "size", "volatility", "value", "yield", "growth", "leverage", "mcap", "adv", "vol", "cap", "close_adj"]
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
# Options that change the book, each with the run it is compared with.
CONSTRUCTION: dict[str, tuple[dict[str, Any], dict[str, Any]]] = {
    "rank_within": ({}, {"rank_within": "industry_id"}),
    "breakpoints": ({}, {"breakpoints": {"cap": [1]}}),
    "weight=rank": ({}, {"weight": "rank"}),
    "weight=signal": ({}, {"weight": "signal"}),
    "exit_fractile": ({}, {"exit_fractile": (20, 80)}),
    "overlap 6": ({}, {"overlap": 6}),
    "max_weight": ({"weight": "value"}, {"weight": "value", "max_weight": 0.02}),
    "borrow_bps": ({}, {"borrow_bps": 50}),
    "delisting_return": ({}, {"delisting_return": -0.3}),
    "own factors, WLS": ({"resid": "all"}, {"resid": "all", "factors": OWN_FACTORS, "neutralize_weight": "sqrt_mcap"}),
}


def main() -> None:
    parser = make_parser(__doc__)
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

    tables = {
        name: ({key: value for key, value in options.items() if key == "weight"}, options) for name, options in CASES.items()
    }
    for name, (plain, options) in (tables | CONSTRUCTION).items():
        if arguments.cases not in name:
            continue
        for _ in range(2):
            _, expected = timed(plain if name in tables else options)
            timed(options)
        ratios, times = [], []
        for _ in range(arguments.pairs):
            (without, _), (along, bits) = timed(plain), timed(options)
            assert bits == expected, f"{name}: expected the same daily table in every run"
            ratios.append(along / without)
            times.append(along * 1e3)
        print(f"{name:26} {statistics.median(ratios):5.2f} x   {statistics.median(times):7.1f} ms", flush=True)


if __name__ == "__main__":
    main()

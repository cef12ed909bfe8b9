# Copyright The fractile authors. Licensed under the Apache License, Version 2.0.
"""Simulated returns: the size of every test and the coverage of every interval at 5 %.

Prints a table in Markdown: `make monte-carlo`. Every figure is a share of SIMULATIONS
simulations, whose error is about sqrt(p (1 - p) / SIMULATIONS).
"""

from __future__ import annotations

import argparse
import math
from collections.abc import Callable

import numpy as np
from fractile import _core, stats

LENGTHS = (60, 250, 2520)
BURN_IN = 100
SHARPE = 0.05  # per period, about 0.8 per year


def iid(rng: np.random.Generator, n: int) -> np.ndarray:
    return rng.standard_normal(n)


def autoregressive(rng: np.random.Generator, n: int) -> np.ndarray:
    """AR(1) with coefficient 0.2 and variance 1."""
    noise = rng.standard_normal(n + BURN_IN) * math.sqrt(1 - 0.2**2)
    out = np.empty(n + BURN_IN)
    last = 0.0
    for t in range(len(noise)):
        last = out[t] = 0.2 * last + noise[t]
    return out[BURN_IN:]


def fat_tailed(rng: np.random.Generator, n: int) -> np.ndarray:
    """Student's t with 5 degrees of freedom, variance 1."""
    return rng.standard_t(5, n) / math.sqrt(5 / 3)


PROCESSES: dict[str, Callable[[np.random.Generator, int], np.ndarray]] = {
    "iid normal": iid,
    "AR(1), 0.2": autoregressive,
    "t(5)": fat_tailed,
}
Z = _core.stats.normal_quantile(0.975)


def is_inside(low: float, high: float, truth: float) -> bool:
    return low <= truth <= high


def one_series(x: np.ndarray, draws: int, seed: int) -> dict[str, bool]:
    """One simulation: if each 95 % interval covers the truth, and if each test of a true null rejects at 5 %."""
    ratio = stats.sharpe_ratio(x + SHARPE, 1)
    values = np.ascontiguousarray(x + SHARPE)
    block = max(1.0, np.nan_to_num(_core.stats.optimal_block_length(values)[0], nan=1.0))
    sharpe, mean = _core.stats.bootstrap(values, ["sharpe", "mean"], draws, 0.95, block, seed, 0)
    out = {
        name: is_inside(ratio.sr - Z * error, ratio.sr + Z * error, SHARPE)
        for name, error in (("se_iid", ratio.se_iid), ("se", ratio.se), ("se_hac", ratio.se_hac))
    }
    out |= {
        "Sharpe percentile": is_inside(sharpe[2], sharpe[3], SHARPE),
        "Sharpe BCa": is_inside(sharpe[4], sharpe[5], SHARPE),
        "mean percentile": is_inside(mean[2], mean[3], SHARPE),
        "mean BCa": is_inside(mean[4], mean[5], SHARPE),
        "newey_west": stats.newey_west(x).p <= 0.05,
        "psr": stats.probabilistic_sharpe_ratio(x) >= 0.95,
        "psr, null variance": stats.probabilistic_sharpe_ratio_from_moments(*_core.stats.sharpe_moments(x), null_variance=True)
        >= 0.95,
    }
    return out


def two_series(x: np.ndarray, y: np.ndarray, draws: int, seed: int) -> dict[str, bool]:
    found = stats.sharpe_difference(x, 0.5 * x + math.sqrt(0.75) * y, draws=draws, seed=seed)
    return {"sharpe_difference, p_hac": found.p_hac <= 0.05, "sharpe_difference, p_bootstrap": found.p_bootstrap <= 0.05}


def many_series(make: Callable, rng: np.random.Generator, n: int, draws: int, seed: int) -> dict[str, float]:
    """Twenty series without skill, with correlation 0.3: every rejection is a familywise error."""
    common = make(rng, n)
    grid = np.column_stack([math.sqrt(0.3) * common + math.sqrt(0.7) * make(rng, n) for _ in range(20)])
    table = stats.multiple_testing(grid, draws=draws, seed=seed)
    out: dict[str, float] = {name: float((table[name] <= 0.05).any()) for name in ("p_holm", "p_romano_wolf", "p_bh")}
    out |= {name: float(table.attrs[name] <= 0.05) for name in ("reality_check_p", "spa_p")}
    steps = grid[:, :5]
    monotonic = stats.monotonic_relation_test(steps, draws=draws, seed=seed)
    return out | {"monotonic relation, p_studentised": float(monotonic.p_studentised <= 0.05), "mean pbo": table.attrs["pbo"]}


def measure(simulations: int, draws: int) -> dict[str, dict[tuple[str, int], float]]:
    table: dict[str, dict[tuple[str, int], float]] = {}
    for process, make in PROCESSES.items():
        for n in LENGTHS:
            rng = np.random.default_rng([n, len(process)])
            sums: dict[str, float] = {}
            for seed in range(simulations):
                found: dict[str, float] = dict(one_series(make(rng, n), draws, seed))
                found |= two_series(make(rng, n), make(rng, n), draws, seed)
                found |= many_series(make, rng, n, draws, seed)
                for name, value in found.items():
                    sums[name] = sums.get(name, 0.0) + float(value)
            for name, total in sums.items():
                table.setdefault(name, {})[process, n] = total / simulations
    return table


def print_table(table: dict[str, dict[tuple[str, int], float]]) -> None:
    cells = [(process, n) for process in PROCESSES for n in LENGTHS]
    print("| | " + " | ".join(f"{process}, {n:,}" for process, n in cells) + " |")
    print("|---" * (len(cells) + 1) + "|")
    for name, row in table.items():
        print(f"| {name} | " + " | ".join(f"{100 * row[cell]:.1f}" for cell in cells) + " |")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--simulations", type=int, default=2000)
    parser.add_argument("--draws", type=int, default=999)
    arguments = parser.parse_args()
    print(f"{arguments.simulations:,} simulations, {arguments.draws:,} draws each; percent.\n")
    print_table(measure(arguments.simulations, arguments.draws))


if __name__ == "__main__":
    main()

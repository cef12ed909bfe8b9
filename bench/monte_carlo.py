# Copyright The fractile authors. Licensed under the Apache License, Version 2.0.
"""Simulated returns: the size of every test and the coverage of every interval at 5 %.

Prints the tables of docs/inference.md and docs/multiple_testing.md in Markdown: `make monte-carlo`. Every figure is a share of
SIMULATIONS simulations, whose error is about sqrt(p (1 - p) / SIMULATIONS); the PBO is a mean.
"""

from __future__ import annotations

import argparse
import math
import time
from collections.abc import Callable

import fractile
import numpy as np
import pandas as pd
from fractile import _core, stats

LENGTHS = (60, 250, 2520)
BURN_IN = 100
SHARPE = 0.05  # per period, about 0.8 per year
SIGNALS = 20
SKILLED = 5  # of the signals of a family in which some have skill
SKILL = 6.0  # t of their means


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


def intervals(x: np.ndarray, draws: int, seed: int) -> dict[str, bool]:
    """If each 95 % interval covers the true Sharpe ratio or mean."""
    values = np.ascontiguousarray(x + SHARPE)
    ratio = stats.sharpe_ratio(values, 1)
    block = max(1.0, np.nan_to_num(_core.stats.optimal_block_length(values)[0], nan=1.0))
    sharpe, mean = _core.stats.bootstrap(values, ["sharpe", "mean"], draws, 0.95, block, seed, 0)
    out = {
        f"Sharpe ratio ± 1.96 `{name}`": is_inside(ratio.sr - Z * error, ratio.sr + Z * error, SHARPE)
        for name, error in (("se_iid", ratio.se_iid), ("se", ratio.se), ("se_hac", ratio.se_hac))
    }
    for name, found in (("Sharpe ratio", sharpe), ("mean", mean)):
        out[f"{name}, bootstrap percentile"] = is_inside(found[2], found[3], SHARPE)
        out[f"{name}, bootstrap BCa"] = is_inside(found[4], found[5], SHARPE)
    return out


def tests(x: np.ndarray, y: np.ndarray, factors: np.ndarray, draws: int, seed: int) -> dict[str, bool]:
    """If each test of a true null rejects at 5 %: x, y and the factors are independent and have mean 0."""
    sr, n, skew, kurt = _core.stats.sharpe_moments(x)
    pair = stats.sharpe_difference(x, 0.5 * x + math.sqrt(0.75) * y, draws=draws, seed=seed)
    days = pd.date_range("2000-01-01", periods=len(x))
    spanned = fractile.spanning(pd.Series(x, days), pd.DataFrame(factors, days))
    return {
        "`newey_west` p": stats.newey_west(x).p <= 0.05,
        "`newey_west` p, `small_sample`": stats.newey_west(x, small_sample=True).p <= 0.05,
        "`probabilistic_sharpe_ratio` ≥ 0.95": stats.probabilistic_sharpe_ratio(x) >= 0.95,
        "the same, `null_variance`": stats.probabilistic_sharpe_ratio_from_moments(sr, n, skew, kurt, null_variance=True) >= 0.95,
        "`sharpe_difference` p_hac": pair.p_hac <= 0.05,
        "`sharpe_difference` p_bootstrap": pair.p_bootstrap <= 0.05,
        "`attribution` p of alpha, 3 factors": abs(spanned["t"]) >= Z,
        "`spanning` p of F, 3 others": spanned["p"] <= 0.05,
    }


def families(grid: np.ndarray, draws: int, seed: int) -> dict[str, float]:
    """Signals without skill: every rejection is an error of the family."""
    table = stats.multiple_testing(grid, draws=draws, seed=seed)
    out = {"p of one signal": float((table["p"] <= 0.05).mean())}
    for name in ("p", "p_bonferroni", "p_holm", "p_bh", "p_by", "p_romano_wolf"):
        out[f"any `{name}` ≤ 0.05"] = float((table[name] <= 0.05).any())
    out |= {f"`{name}`": float(table.attrs[name] <= 0.05) for name in ("reality_check_p", "spa_p")}
    ratios = grid.mean(axis=0) / grid.std(axis=0, ddof=1)
    best, trials = grid[:, ratios.argmax()], table.attrs["effective_trials"]
    deflated = stats.deflated_sharpe_ratio(best, trials, float(ratios.var(ddof=1)))
    out["best one's `probabilistic_sharpe_ratio` ≥ 0.95"] = float(stats.probabilistic_sharpe_ratio(best) >= 0.95)
    out["best one's `deflated_sharpe_ratio` ≥ 0.95"] = float(deflated >= 0.95)
    monotonic = stats.monotonic_relation_test(grid[:, :5], draws=draws, seed=seed)
    out["`monotonic_relation_test` p"] = float(monotonic.p <= 0.05)
    out["`monotonic_relation_test` p_studentised"] = float(monotonic.p_studentised <= 0.05)
    skilled = grid.copy()
    skilled[:, :SKILLED] += SKILL / math.sqrt(len(grid))
    partly = stats.multiple_testing(skilled, draws=draws, seed=seed)["p_romano_wolf"] <= 0.05
    out[f"any `p_romano_wolf` ≤ 0.05 among the {SIGNALS - SKILLED} without skill"] = float(partly[SKILLED:].any())
    out[f"share of the {SKILLED} with skill that `p_romano_wolf` finds"] = float(partly[:SKILLED].mean())
    return out | {"mean `pbo`": table.attrs["pbo"]}


def simulate(make: Callable, rng: np.random.Generator, n: int, draws: int, seed: int) -> list[dict[str, float]]:
    """One simulation: what belongs to each of TITLES."""
    x, y, common = make(rng, n), make(rng, n), make(rng, n)
    grid = np.column_stack([math.sqrt(0.3) * common + math.sqrt(0.7) * make(rng, n) for _ in range(SIGNALS)])
    factors = np.column_stack([make(rng, n) for _ in range(3)])
    return [dict(intervals(x, draws, seed)), dict(tests(x, y, factors, draws, seed)), families(grid, draws, seed)]


TITLES = (
    "Coverage of 95 % intervals (95.0 is exact)",
    "Rejections of a true null at 5 % (5.0 is exact)",
    f"Families of {SIGNALS} signals with correlation 0.3 and no skill",
)
Rows = dict[str, dict[tuple[str, int], float]]


def measure(simulations: int, draws: int) -> list[Rows]:
    tables: list[Rows] = [{} for _ in TITLES]
    for number, (process, make) in enumerate(PROCESSES.items()):
        for n in LENGTHS:
            rng = np.random.default_rng([n, number])
            for seed in range(simulations):
                for table, found in zip(tables, simulate(make, rng, n, draws, seed)):
                    for name, value in found.items():
                        row = table.setdefault(name, {})
                        row[process, n] = row.get((process, n), 0.0) + float(value) / simulations
    return tables


def print_table(title: str, table: Rows) -> None:
    cells = [(process, n) for process in PROCESSES for n in LENGTHS]
    print(f"\n{title}:\n")
    print("| percent | " + " | ".join(f"{process}, {n:,}" for process, n in cells) + " |")
    print("|---" * (len(cells) + 1) + "|")
    for name, row in table.items():
        print(f"| {name} | " + " | ".join(f"{100 * row[cell]:.1f}" for cell in cells) + " |")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--simulations", type=int, default=1000)
    parser.add_argument("--draws", type=int, default=999)
    arguments = parser.parse_args()
    for title, table in zip(TITLES, measure(arguments.simulations, arguments.draws)):
        print_table(title, table)
    print(
        f"\n{arguments.simulations:,} simulations of {arguments.draws:,} draws, {time.process_time():.0f} seconds of processor time."
    )


if __name__ == "__main__":
    main()

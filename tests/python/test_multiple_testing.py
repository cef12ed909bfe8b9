# Copyright The fractile authors. Licensed under the Apache License, Version 2.0.
"""Many signals at once, against definitions in numpy that share no code with the engine."""

from __future__ import annotations

import itertools
import math

import fractile
import numpy as np
import pandas as pd
import pytest
from fractile import ConfigError, _core, stats
from scipy import stats as scipy_stats
from statsmodels.stats.multitest import multipletests

T, N, DRAWS = 240, 9, 150
RNG = np.random.default_rng(77)
GRID = 0.01 * (RNG.standard_normal((T, N)) + 0.5 * RNG.standard_normal((T, 1))) + np.linspace(-0.001, 0.003, N)
FRAME = pd.DataFrame(GRID, columns=[f"s{k}" for k in range(N)])


def counts_of(block: float, seed: int) -> np.ndarray:
    return np.array([np.bincount(_core.stats.stationary_draw(T, block, seed, d), minlength=T) for d in range(DRAWS)])


@pytest.mark.parametrize("method", ["bonferroni", "holm", "bh", "by"])
def test_adjusted_p_values_are_those_of_statsmodels(method):
    p = RNG.random(50) ** 3
    theirs = multipletests(p, method={"bh": "fdr_bh", "by": "fdr_by"}.get(method, method))[1]
    np.testing.assert_allclose(stats.adjust_p_values(p, method), theirs, rtol=1e-12)
    with_gaps = np.insert(p, 7, np.nan)
    ours = stats.adjust_p_values(pd.Series(with_gaps), method)
    assert math.isnan(ours[7])
    np.testing.assert_allclose(ours.dropna(), theirs, rtol=1e-12)


def test_benjamini_and_hochberg_1995_reject_four_of_their_fifteen():
    """Their section 3.2: fifteen p-values of a study of thrombolysis; at 5 % the false discovery rate rejects four, Bonferroni three."""
    p = [0.0001, 0.0004, 0.0019, 0.0095, 0.0201, 0.0278, 0.0298, 0.0344, 0.0459, 0.3240, 0.4262, 0.5719, 0.6528, 0.7590, 1.0]
    assert (stats.adjust_p_values(p, "bh") <= 0.05).sum() == 4
    assert (stats.adjust_p_values(p, "bonferroni") <= 0.05).sum() == 3


@pytest.mark.parametrize("block", [None, 3.0])
def test_the_table_by_its_definition(block):
    table = fractile.multiple_testing(FRAME, draws=DRAWS, seed=5, block=block)
    columns = ["signal", "sharpe", "t_nw", "p", "p_bonferroni", "p_holm", "p_bh", "p_by", "p_romano_wolf"]
    assert list(table.columns) == columns and list(table["signal"]) == list(FRAME.columns)
    length = max(1.0, *(stats.optimal_block_length(FRAME[c]).stationary for c in FRAME)) if block is None else block
    assert table.attrs["block"] == pytest.approx(length) and table.attrs["periods"] == T
    means = GRID.mean(axis=0)
    np.testing.assert_allclose(table["sharpe"], math.sqrt(252) * means / GRID.std(axis=0, ddof=1), rtol=1e-10)
    nw = [stats.newey_west(FRAME[c]) for c in FRAME]
    t, se = np.array([r.t for r in nw]), np.array([r.se for r in nw])
    np.testing.assert_allclose(table["p"], scipy_stats.norm.sf(t), rtol=1e-10)

    deviations = counts_of(length, 5) @ (GRID - means) / T
    order = np.argsort(-t, kind="stable")
    largest, romano_wolf = 0.0, np.empty(N)
    for rank, k in enumerate(order):
        best = (deviations / se)[:, order[rank:]].max(axis=1)
        largest = max(largest, (1 + (best >= t[k]).sum()) / (DRAWS + 1))
        romano_wolf[k] = largest
    np.testing.assert_allclose(table["p_romano_wolf"], romano_wolf, atol=1e-12)
    white = (1 + (deviations.max(axis=1) >= means.max()).sum()) / (DRAWS + 1)
    assert table.attrs["reality_check_p"] == pytest.approx(white)

    omega = np.sqrt([omega_squared(GRID[:, k], length) for k in range(N)])
    root = math.sqrt(T)
    g = np.where(root * means / omega >= -math.sqrt(2 * math.log(math.log(T))), means, 0.0)
    observed = max(0.0, (root * means / omega).max())
    drawn = np.maximum(0.0, (root * (deviations + means - g) / omega).max(axis=1))
    assert table.attrs["spa_p"] == pytest.approx((1 + (drawn >= observed).sum()) / (DRAWS + 1))


def omega_squared(x: np.ndarray, block: float) -> float:
    e = x - x.mean()
    n = len(e)
    i = np.arange(1, n)
    gamma = np.array([e[k:] @ e[: n - k] for k in range(n)]) / n
    kernel = (1 - i / n) * (1 - 1 / block) ** i + i / n * (1 - 1 / block) ** (n - i)
    return gamma[0] + 2 * kernel @ gamma[1:]


def test_nothing_earned_has_p_of_one_in_spa():
    table = fractile.multiple_testing(-np.abs(GRID), draws=50)
    assert table.attrs["spa_p"] == 1.0 and (table["p"] > 0.999).all()


def test_threads_change_no_bit():
    one, two = (_core.stats.test_many(np.ascontiguousarray(GRID), 200, 0.0, 1, n) for n in (1, 2))
    assert one[1:] == two[1:] and all(one[0][name].tobytes() == two[0][name].tobytes() for name in one[0])


def test_signals_without_a_t_are_in_no_family():
    frame = FRAME.assign(flat=0.0)
    table = fractile.multiple_testing(frame, draws=DRAWS, block=2)
    assert table.iloc[-1, 2:].isna().all()
    pd.testing.assert_frame_equal(table.iloc[:-1], fractile.multiple_testing(FRAME, draws=DRAWS, block=2), check_exact=True)


def test_short_signals_are_named_or_dropped():
    frame = FRAME.copy()
    frame.loc[100:, "s3"] = np.nan
    with pytest.raises(ConfigError, match=r'found 100 of signal "s3"\. They would shorten all others: pass short="drop"'):
        fractile.multiple_testing(frame, draws=10)
    table = fractile.multiple_testing(frame, draws=10, short="drop")
    assert table.attrs["dropped"] == ["s3"] and len(table) == N - 1 and table.attrs["periods"] == T
    frame.loc[130:, "s4"] = np.nan
    assert fractile.multiple_testing(frame, draws=10, short="drop").attrs["periods"] == 130


def test_overfitting_by_its_definition():
    blocks, grid = 6, GRID[:, :5]
    ours = stats.probability_of_backtest_overfitting(grid, blocks)
    rows = T // blocks
    parts = [grid[T - rows * blocks :][i * rows : (i + 1) * rows] for i in range(blocks)]
    logits, inside, outside = [], [], []
    for chosen in itertools.combinations(range(blocks), blocks // 2):
        a = np.concatenate([parts[i] for i in chosen])
        b = np.concatenate([parts[i] for i in range(blocks) if i not in chosen])
        sr_a, sr_b = a.mean(axis=0) / a.std(axis=0, ddof=1), b.mean(axis=0) / b.std(axis=0, ddof=1)
        best = int(np.argmax(sr_a))
        share = scipy_stats.rankdata(sr_b)[best] / 6
        logits.append(math.log(share / (1 - share)))
        inside.append(sr_a[best])
        outside.append(sr_b[best])
    line = scipy_stats.linregress(inside, outside)
    expected = [np.mean(np.array(logits) <= 0), np.mean(np.array(outside) < 0), line.slope, line.intercept]
    np.testing.assert_allclose(ours[:4], expected, rtol=1e-8)
    np.testing.assert_allclose(ours.logits, logits, rtol=1e-12)
    assert ours.splits == math.comb(6, 3) == len(ours.logits)


def test_a_constant_stretch_has_a_ratio_of_zero_in_overfitting():
    grid = np.column_stack([np.r_[np.full(40, 0.01), GRID[:40, 0]], GRID[:80, 1] - 0.1])
    ours = stats.probability_of_backtest_overfitting(grid, 2)
    # In the first half the constant one has 0 and is the best; in the second it is again. In turn: the same.
    assert ours.pbo == 0.0 and ours.splits == 2


def test_effective_trials_by_pair():
    correlation = FRAME.corr().to_numpy()[np.triu_indices(N, 1)].mean()
    assert stats.effective_trials(FRAME) == pytest.approx(correlation + (1 - correlation) * N, rel=1e-10)
    frame = FRAME.copy()
    frame.iloc[:100, 0] = np.nan
    frame.iloc[2:, 1] = np.nan
    frame["flat"] = 0.01
    correlation = np.nanmean(frame.drop(columns="flat").corr(min_periods=3).to_numpy()[np.triu_indices(N, 1)])
    assert stats.effective_trials(frame) == pytest.approx(correlation + (1 - correlation) * (N + 1), rel=1e-9)
    assert stats.effective_trials(FRAME[["s0"]]) == 1.0
    assert stats.effective_trials(np.column_stack([GRID[:, 0]] * 4)) == pytest.approx(1.0)


@pytest.mark.parametrize("increasing", [True, False])
def test_the_monotonic_relation_by_its_definition(increasing):
    ours = stats.monotonic_relation_test(FRAME, increasing, draws=DRAWS, seed=3, block=2.5)
    differences = np.diff(GRID, axis=1) * (1 if increasing else -1)
    means = differences.mean(axis=0)
    deviations = counts_of(2.5, 3) @ (differences - means) / T
    omega = np.sqrt([omega_squared(differences[:, k], 2.5) for k in range(N - 1)])
    assert ours.j == pytest.approx(means.min()) and ours.block == 2.5
    assert ours.p == pytest.approx((1 + (deviations.min(axis=1) >= means.min()).sum()) / (DRAWS + 1))
    drawn, observed = (deviations / omega).min(axis=1), (means / omega).min()
    assert ours.p_studentised == pytest.approx((1 + (drawn >= observed).sum()) / (DRAWS + 1))


@pytest.mark.parametrize(
    "call",
    [
        lambda: fractile.multiple_testing(FRAME.iloc[:, :0]),
        lambda: fractile.multiple_testing({}),
        lambda: fractile.multiple_testing(FRAME.iloc[:1]),
        lambda: fractile.multiple_testing({"a": ConfigError("INVALID_VALUE: x", "INVALID_VALUE")}),
        lambda: fractile.multiple_testing(FRAME, short="keep"),
        lambda: stats.probability_of_backtest_overfitting(FRAME, 5),
        lambda: stats.probability_of_backtest_overfitting(FRAME.iloc[:20], 16),
        lambda: stats.probability_of_backtest_overfitting(FRAME[["s0"]]),
        lambda: stats.adjust_p_values([0.1], "sidak"),
        lambda: stats.adjust_p_values([1.1], "holm"),
        lambda: stats.monotonic_relation_test(FRAME[["s0"]]),
    ],
)
def test_refusals(call):
    with pytest.raises(ConfigError, match=r"^INVALID_VALUE: expected .*, found "):
        call()

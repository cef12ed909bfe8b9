# Copyright The fractile authors. Licensed under the Apache License, Version 2.0.
"""Draws of the stationary bootstrap: their distribution, their bits, and the intervals from them."""

from __future__ import annotations

import math

import numpy as np
import pandas as pd
import pytest
import statsmodels.api as api
from fractile import ConfigError, _core, stats
from scipy.stats import norm

X = 0.01 * np.random.default_rng(4).standard_normal(400) + 0.0006
Y = 0.5 * X + 0.008 * np.random.default_rng(5).standard_normal(400)


def draw_by_hand(n: int, block: float, seed: int, draw: int) -> list[int]:
    """The generator and the rule of the blocks as docs/inference.md states them, in whole numbers of Python."""
    mask, golden = 2**64 - 1, 0x9E3779B97F4A7C15

    def mix(z: int) -> int:
        z = ((z ^ (z >> 30)) * 0xBF58476D1CE4E5B9) & mask
        z = ((z ^ (z >> 27)) * 0x94D049BB133111EB) & mask
        return z ^ (z >> 31)

    counter = mix((mix((seed + golden) & mask) + draw * golden) & mask)
    places: list[int] = []
    for t in range(n):
        counter = (counter + golden) & mask
        bits = mix(counter)
        if t == 0 or bits % 2**32 < int(2**32 / block):
            places.append((bits >> 32) * n >> 32)
        else:
            places.append((places[-1] + 1) % n)
    return places


@pytest.mark.parametrize(("block", "seed", "draw"), [(1.0, 0, 0), (3.7, 12, 5), (50.0, 2**63, 9999), (1e9, 1, 1)])
def test_a_draw_is_what_the_docs_say(block, seed, draw):
    assert _core.stats.stationary_draw(257, block, seed, draw).tolist() == draw_by_hand(257, block, seed, draw)


def test_blocks_have_the_expected_length_and_places_are_even():
    n = 500
    for block in (1.0, 4.0, 25.0):
        draws = np.concatenate([_core.stats.stationary_draw(n, block, 7, d) for d in range(400)]).astype(np.int64)
        follows = (np.diff(draws.reshape(400, n), axis=1) % n) == 1
        # One begun block in n follows by chance.
        assert follows.mean() == pytest.approx(1 - (1 / block) * (1 - 1 / n), abs=0.005)
        counts = np.bincount(draws, minlength=n)
        assert counts.mean() == 400 and counts.std() < 4 * math.sqrt(400 * block)


@pytest.mark.parametrize("statistic", ["mean", "sharpe", "max_drawdown"])
def test_threads_change_no_bit_and_seeds_do(statistic):
    one, two, three = (_core.stats.bootstrap_draws(X, statistic, 1000, 5.0, 3, threads) for threads in (1, 2, 3))
    assert one.tobytes() == two.tobytes() == three.tobytes()
    assert one.tobytes() != _core.stats.bootstrap_draws(X, statistic, 1000, 5.0, 4, 1).tobytes()


def sharpe(x):
    return x.mean() / x.std(ddof=1)


def max_drawdown(x):
    level = np.concatenate([[0.0], np.cumsum(x)])
    return (level - np.maximum.accumulate(level)).min()


@pytest.mark.parametrize(("name", "function"), [("mean", np.mean), ("sharpe", sharpe), ("max_drawdown", max_drawdown)])
@pytest.mark.parametrize("block", [None, 6.5])
def test_intervals_are_those_of_the_definition(name, function, block):
    """Draws by the published places, statistics by numpy, BCa by its formula with scipy."""
    ours = stats.bootstrap(X, name, draws=200, level=0.9, block=block, seed=11)
    length = max(1.0, stats.optimal_block_length(X).stationary) if block is None else block
    drawn = np.array([function(X[draw_by_hand(len(X), length, 11, d)]) for d in range(200)])
    estimate = function(X)
    share = ((drawn < estimate).sum() + 0.5 * (drawn == estimate).sum()) / 200
    without = np.array([function(np.delete(X, t)) for t in range(len(X))])
    e = without.mean() - without
    a = (e**3).sum() / (6 * (e**2).sum() ** 1.5)
    z0 = norm.ppf(share)
    bca = [norm.cdf(z0 + (z0 + norm.ppf(q)) / (1 - a * (z0 + norm.ppf(q)))) for q in (0.05, 0.95)]
    expected = [estimate, drawn.std(ddof=1), *np.quantile(drawn, [0.05, 0.95]), *np.quantile(drawn, bca), length, 200]
    np.testing.assert_allclose(ours, expected, rtol=1e-9)
    np.testing.assert_allclose(stats.bootstrap(X, function, 200, 0.9, block, 11), expected, rtol=1e-9)


def test_the_error_of_the_mean_is_that_of_theory():
    assert stats.bootstrap(X, "mean", block=1).se == pytest.approx(X.std() / math.sqrt(len(X)), rel=0.03)


def test_draws_without_a_value_are_left_out_and_counted():
    x = np.array([0.0, 0.0, 0.0, 0.01])
    drawn = _core.stats.bootstrap_draws(x, "sharpe", 2000, 1.0, 0, 1)
    left = stats.bootstrap(x, "sharpe", draws=2000, block=1)
    assert 0 < left.draws == np.isfinite(drawn).sum() < 2000
    # The probability that all four periods are the same: (3/4)^4 + (1/4)^4.
    assert 1 - left.draws / 2000 == pytest.approx(0.75**4 + 0.25**4, abs=0.04)


def test_bca_is_nan_where_all_draws_are_on_one_side():
    up = np.linspace(0.01, 0.02, 30)
    interval = stats.bootstrap(up, "max_drawdown", draws=50)
    assert interval.low == interval.high == 0.0
    below = stats.bootstrap(X, lambda x: 0.0 if len(np.unique(x)) == len(X) else -1.0, draws=20)
    assert math.isnan(below.bca_low) and below.low == -1.0


def test_sharpe_difference_studentises_as_ledoit_and_wolf():
    ours = stats.sharpe_difference(X, Y, draws=100, block=4, seed=2)

    def influence(x):
        m, q = x.mean(), (x**2).mean()
        v = q - m * m
        return (x - m) * q / v**1.5 - (x**2 - q) * m / (2 * v**1.5)

    n = len(X)
    lags = {"maxlags": math.floor(4 * (n / 100) ** (2 / 9))}
    se = api.OLS(influence(X) - influence(Y), np.ones(n)).fit(cov_type="HAC", cov_kwds=lags).bse[0]
    difference = sharpe(X) - sharpe(Y)
    assert ours.difference == pytest.approx(difference, rel=1e-10) and ours.se_hac == pytest.approx(se, rel=1e-9)
    assert ours.p_hac == pytest.approx(math.erfc(abs(difference) / se / math.sqrt(2)), rel=1e-9)
    farther = 0
    for d in range(100):
        # A generator whose every number begins a block: the places of the starts are those of block 1.
        starts = draw_by_hand(n, 1.0, 2, d)[: -(-n // 4)]
        places = np.concatenate([(start + np.arange(4)) % n for start in starts])[:n]
        x, y = X[places], Y[places]
        sums = (influence(x) - influence(y))[: n // 4 * 4].reshape(-1, 4).sum(axis=1) / 2
        error = math.sqrt((sums**2).mean() / n)
        farther += abs(sharpe(x) - sharpe(y) - difference) / error >= abs(difference) / se
    assert ours.p_bootstrap == pytest.approx((1 + farther) / 101, abs=1e-12) and ours.block == 4


def test_sharpe_difference_of_a_series_with_itself_and_by_dates():
    same = stats.sharpe_difference(X, X)
    assert same[:4] == (0.0, 0.0, 1.0, 1.0)
    days = pd.bdate_range("2020-01-01", periods=400)
    x, y = pd.Series(X, index=days), pd.Series(Y, index=days)
    assert stats.sharpe_difference(x.iloc[::-1][:300].iloc[::-1], y, draws=200) == stats.sharpe_difference(
        X[100:], Y[100:], draws=200
    )
    forward, back = stats.sharpe_difference(x, y, draws=200, block=3), stats.sharpe_difference(y, x, draws=200, block=3)
    assert forward.p_bootstrap == back.p_bootstrap and forward.difference == -back.difference
    with pytest.raises(ConfigError, match="each date once in y, found 2020-01-01"):
        stats.sharpe_difference(x, pd.concat([y, y.iloc[:1]]))

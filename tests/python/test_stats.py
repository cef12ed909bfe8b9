# Copyright The fractile authors. Licensed under the Apache License, Version 2.0.
"""Statistics of one series: figures that their sources published, other packages, and laws."""

from __future__ import annotations

import math

import numpy as np
import pandas as pd
import pytest
import statsmodels.api as api
from arch import bootstrap
from fractile import ConfigError, _core, stats
from scipy import stats as scipy_stats
from scipy.signal import lfilter

RNG = np.random.default_rng(20260211)


def make_returns(n: int, rho: float = 0.0, mean: float = 0.0004, seed: int = 1) -> np.ndarray:
    rng = np.random.default_rng(seed)
    noise = 0.01 * rng.standard_t(5, n)
    return mean + (lfilter([1.0], [1.0, -rho], noise) if rho else noise)


SERIES = {
    "daily": make_returns(1500),
    "short": make_returns(60, seed=2),
    "autocorrelated": make_returns(700, rho=0.4, seed=3),
    "reverting": make_returns(300, rho=-0.3, seed=4),
}


@pytest.mark.parametrize("name", SERIES)
@pytest.mark.parametrize("lags", [None, 0, 5])
@pytest.mark.parametrize("small_sample", [False, True])
def test_newey_west_is_that_of_statsmodels(name, lags, small_sample):
    x = SERIES[name]
    ours = stats.newey_west(x, lags, small_sample)
    assert ours.lags == (math.floor(4 * (len(x) / 100) ** (2 / 9)) if lags is None else lags)
    options = {"maxlags": ours.lags, "use_correction": small_sample}
    theirs = api.OLS(x, np.ones(len(x))).fit(cov_type="HAC", cov_kwds=options)
    expected = [theirs.params[0], theirs.bse[0], theirs.tvalues[0], theirs.pvalues[0]]
    np.testing.assert_allclose(ours[:4], expected, rtol=1e-9)


def test_the_normal_distribution_is_that_of_scipy():
    p = np.concatenate([10.0 ** np.arange(-300, 0, 7), RNG.random(500), 1 - 10.0 ** np.arange(-15, 0)])
    ours = [_core.stats.normal_quantile(float(v)) for v in p]
    np.testing.assert_allclose(ours, scipy_stats.norm.ppf(p), rtol=1e-13, atol=1e-15)
    x = np.linspace(-37, 8, 400)
    np.testing.assert_allclose([_core.stats.normal_cdf(float(v)) for v in x], scipy_stats.norm.cdf(x), rtol=1e-12)
    assert math.isnan(_core.stats.normal_quantile(1.5)) and _core.stats.normal_quantile(0.0) == -math.inf


@pytest.mark.parametrize("name", SERIES)
def test_errors_of_the_sharpe_ratio_by_their_formulas(name):
    x = SERIES[name]
    n, sr = len(x), x.mean() / x.std(ddof=1)
    g3, g4 = scipy_stats.skew(x), scipy_stats.kurtosis(x, fisher=False)
    ours = stats.sharpe_ratio(x, 252)
    m, q = x.mean(), (x**2).mean()
    v = q - m * m
    influence = (x - m) * q / v**1.5 - (x**2 - q) * m / (2 * v**1.5)
    lags = {"maxlags": math.floor(4 * (n / 100) ** (2 / 9))}
    hac = api.OLS(influence, np.ones(n)).fit(cov_type="HAC", cov_kwds=lags).bse[0]
    expected = [
        *(sr, math.sqrt(252) * sr, math.sqrt((1 + sr**2 / 2) / n)),
        *(math.sqrt((1 - g3 * sr + (g4 - 1) / 4 * sr**2) / (n - 1)), hac, n),
    ]
    np.testing.assert_allclose(ours, expected, rtol=1e-9)


def test_lo_2002_errors_of_independent_returns():
    """Lo (2002), table 1: the asymptotic error of a ratio per period, by the ratio and the number of periods."""
    for sr, n, published in [
        (0.50, 12, 0.306),
        (1.00, 12, 0.354),
        (3.00, 12, 0.677),
        (0.50, 60, 0.137),
        (2.00, 60, 0.224),
        (3.00, 500, 0.105),
    ]:
        deviation = math.sqrt((n - 1) / n)  # of +1 and -1 in turn, n-1: 1 / deviation
        x = np.tile([1.0, -1.0], n // 2) * deviation + sr
        ours = stats.sharpe_ratio(x, 1)
        assert ours.sr == pytest.approx(sr, rel=1e-12)
        assert ours.se_iid == pytest.approx(published, abs=5e-4)


def test_lo_2002_annualization_under_first_order_autocorrelation():
    """Lo (2002), table 2: eta(12) of AR(1) returns is 3.46 for rho = 0, 2.88 for 0.2 and 4.17 for -0.2."""
    x = SERIES["daily"]
    assert stats.annualization_factor(x, 1) == 1.0
    for name in SERIES:
        y = SERIES[name] - SERIES[name].mean()
        gamma = np.array([y[k:] @ y[: len(y) - k] for k in range(12)]) / len(y)
        rho = gamma / gamma[0]
        expected = 12 / math.sqrt(12 + 2 * sum((12 - k) * rho[k] for k in range(1, 12)))
        assert stats.annualization_factor(SERIES[name], 12) == pytest.approx(expected, rel=1e-10)
    for rho, published in [(0.2, 2.88), (-0.2, 4.17)]:
        long = make_returns(400_000, rho=rho, seed=9)
        assert stats.annualization_factor(long, 12) == pytest.approx(published, abs=0.06)
    assert math.isnan(stats.annualization_factor(x[:10], 10))


def test_bailey_and_lopez_de_prado_2014_deflate_a_ratio_of_2_5():
    """The Deflated Sharpe Ratio (2014), numerical example: SR 2.5 a year, 1,250 days, skew -3, kurtosis 10, 100 trials, V = 1/2."""
    expected = stats.expected_maximum_sharpe(100, 0.5 / 250)
    assert expected == pytest.approx(0.1132, abs=5e-5)
    moments = {"sr": 2.5 / math.sqrt(250), "n": 1250, "skew": -3.0, "kurt": 10.0}
    assert stats.deflated_sharpe_ratio_from_moments(**moments, n_trials=100, variance=0.5 / 250) == pytest.approx(
        0.9004, abs=5e-5
    )
    assert stats.deflated_sharpe_ratio_from_moments(**moments, n_trials=46, variance=0.5 / 250) == pytest.approx(0.9505, abs=5e-5)
    # Had the returns been normal, 88 trials would have given the same.
    normal = moments | {"skew": 0.0, "kurt": 3.0}
    assert stats.deflated_sharpe_ratio_from_moments(**normal, n_trials=88, variance=0.5 / 250) == pytest.approx(0.9505, abs=5e-4)


def test_bailey_et_al_2014_need_5_years_after_45_trials():
    """Pseudo-Mathematics and Financial Charlatanism (2014): with 5 years, 45 trials without skill are expected to reach 1."""
    assert stats.minimum_backtest_length(45, 1.0) == pytest.approx(5.0, abs=0.1)
    assert math.isnan(stats.minimum_backtest_length(45, 0.0))


def test_the_expected_maximum_is_that_of_normals():
    for n in (2, 10, 100, 1000):
        e_n = (1 - np.euler_gamma) * scipy_stats.norm.ppf(1 - 1 / n) + np.euler_gamma * scipy_stats.norm.ppf(1 - 1 / (n * np.e))
        assert stats.expected_maximum_sharpe(n, 4.0) == pytest.approx(2 * e_n, rel=1e-9)
    drawn = np.random.default_rng(3).standard_normal((20_000, 100)).max(axis=1).mean()
    assert stats.expected_maximum_sharpe(100, 1.0) == pytest.approx(drawn, abs=0.03)
    assert stats.expected_maximum_sharpe(1, 1.0) == stats.expected_maximum_sharpe(1.2, 1.0) == 0.0


@pytest.mark.parametrize("name", SERIES)
def test_probabilistic_ratio_track_record_and_deflation_fit_together(name):
    x = SERIES[name]
    sr, n = x.mean() / x.std(ddof=1), len(x)
    g3, g4 = scipy_stats.skew(x), scipy_stats.kurtosis(x, fisher=False)
    root = math.sqrt(1 - g3 * sr + (g4 - 1) / 4 * sr**2)
    for sr0 in (0.0, -0.05, 0.02):
        psr = scipy_stats.norm.cdf((sr - sr0) * math.sqrt(n - 1) / root)
        assert stats.probabilistic_sharpe_ratio(x, sr0) == pytest.approx(psr, rel=1e-9)
        assert stats.probabilistic_sharpe_ratio_from_moments(sr, n, g3, g4, sr0) == pytest.approx(psr, rel=1e-9)
        length = stats.minimum_track_record_length(x, sr0)
        if sr <= sr0:
            assert math.isnan(length)
            continue
        assert length == pytest.approx(1 + root**2 * (scipy_stats.norm.ppf(0.95) / (sr - sr0)) ** 2, rel=1e-9)
        # A record of that length has the required probability.
        assert stats.probabilistic_sharpe_ratio_from_moments(sr, length, g3, g4, sr0) == pytest.approx(0.95, rel=1e-9)
        length = stats.minimum_track_record_length_from_moments(sr, g3, g4, sr0, null_variance=True)
        found = stats.probabilistic_sharpe_ratio_from_moments(sr, length, g3, g4, sr0, null_variance=True)
        assert found == pytest.approx(0.95, rel=1e-9)
    assert stats.deflated_sharpe_ratio(x, 1, 0.3) == stats.probabilistic_sharpe_ratio(x)
    expected = stats.probabilistic_sharpe_ratio(x, stats.expected_maximum_sharpe(20, 0.001))
    assert stats.deflated_sharpe_ratio(x, 20, 0.001) == expected


@pytest.mark.parametrize("name", SERIES)
def test_block_length_is_near_that_of_arch(name):
    """arch scales autocorrelations a little differently; if the first small lag is the same, so is the block length."""
    theirs = bootstrap.optimal_block_length(SERIES[name]).iloc[0]
    ours = stats.optimal_block_length(SERIES[name])
    np.testing.assert_allclose(ours, [theirs["stationary"], theirs["circular"]], rtol=1e-9)


def test_block_length_of_a_first_order_autoregression_nears_its_limit():
    """Politis and White (2004): autocovariances rho^k give G and g in closed form."""
    rho, n = 0.5, 200_000
    x = make_returns(n, rho=rho, seed=5)
    g, spectrum = 2 * rho / (1 - rho) ** 2, (1 + rho) / (1 - rho)
    expected = (2 * g**2 / (2 * spectrum**2) * n) ** (1 / 3)
    assert stats.optimal_block_length(x).stationary == pytest.approx(expected, rel=0.1)


def test_short_and_constant_series_give_nan_and_no_error():
    for x in (np.array([]), np.array([0.01]), np.full(50, 0.01), np.full(5, np.nan)):
        ratio = stats.sharpe_ratio(x, 252)
        assert all(math.isnan(v) for v in ratio[:5]) and ratio.periods == np.isfinite(x).sum()
        assert all(math.isnan(v) for v in stats.newey_west(x)[1:4])
        assert math.isnan(stats.probabilistic_sharpe_ratio(x)) and math.isnan(stats.minimum_track_record_length(x))
        assert math.isnan(stats.bootstrap(x, "sharpe", draws=10).estimate)
        assert all(math.isnan(v) for v in stats.optimal_block_length(x))
    assert stats.newey_west(np.full(50, 0.01)).mean == pytest.approx(0.01)
    assert math.isnan(stats.optimal_block_length(SERIES["daily"][:9]).stationary)


def test_nan_is_left_out_and_infinity_refused():
    x = SERIES["daily"].copy()
    x[[3, 700]] = np.nan
    assert stats.sharpe_ratio(x, 252) == stats.sharpe_ratio(x[~np.isnan(x)], 252)
    x[5] = np.inf
    with pytest.raises(ConfigError, match="expected finite returns in x, found an infinite one"):
        stats.sharpe_ratio(x, 252)


@pytest.mark.parametrize(
    "call",
    [
        lambda x: stats.newey_west(x, lags=1.5),
        lambda x: stats.newey_west(x, lags=-1),
        lambda x: stats.newey_west(x, lags=len(x)),
        lambda x: stats.minimum_track_record_length(x, level=1.0),
        lambda x: stats.expected_maximum_sharpe(0.5, 1.0),
        lambda x: stats.expected_maximum_sharpe(2, -1.0),
        lambda x: stats.deflated_sharpe_ratio(x, 0, 1.0),
        lambda x: stats.bootstrap(x, "mean", draws=0),
        lambda x: stats.bootstrap(x, "mean", block=0.5),
        lambda x: stats.bootstrap(x, "median"),
        lambda x: stats.bootstrap(x, "mean", level=0),
        lambda x: stats.bootstrap(x, "mean", seed=-1),
        lambda x: stats.annualization_factor(x, 0),
        lambda x: stats.sharpe_ratio(x.reshape(2, -1), 252),
        lambda x: stats.sharpe_difference(x, x[1:]),
        lambda x: stats.drawdown_table(x, top=0),
    ],
)
def test_refusals_say_what_to_do(call):
    with pytest.raises(ConfigError, match=r"^INVALID_VALUE: expected .*, found .*\. \S.*\.$"):
        call(SERIES["daily"])


def test_a_drawdown_table_by_hand():
    x = pd.Series([0.02, -0.01, -0.02, 0.01, 0.02, 0.01, -0.05, 0.01], index=pd.bdate_range("2024-01-01", periods=8))
    table = stats.drawdown_table(x)
    assert list(table.columns) == ["start", "trough", "end", "depth", "length", "recovery"]
    assert list(table["start"]) == [x.index[6], x.index[1]] and list(table["trough"]) == [x.index[6], x.index[2]]
    assert pd.isna(table["end"][0]) and table["end"][1] == x.index[4]
    np.testing.assert_allclose(table["depth"], [-0.05, -0.03])
    assert list(table["length"]) == [2, 3] and math.isnan(table["recovery"][0]) and table["recovery"][1] == 1
    assert list(stats.drawdown_table(x.to_numpy())["start"]) == [6, 1]
    assert len(stats.drawdown_table(x, top=1)) == 1 and len(stats.drawdown_table(x.abs())) == 0

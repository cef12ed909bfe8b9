# Copyright The fractile authors. Licensed under the Apache License, Version 2.0.
"""result.inference, and the interval that a result shows."""

from __future__ import annotations

import math
import pickle

import fractile
import numpy as np
import pandas as pd
import pytest
from fractile import ConfigError, stats
from oracle.markets import make_panel, make_signal


@pytest.fixture(scope="module")
def result(tmp_path_factory):
    root = tmp_path_factory.mktemp("inference")
    panel = make_panel(6)
    fractile.create_snapshot("v1", panel, root=root)
    service = fractile.BacktestService.get("v1", root=root)
    rows = make_signal(panel, 6, messy=False)
    return service.run(rows, mincos=2, byvar_list=["overall", "month", "quarter", "year", "cap"])


def returns(result, byvar: str, group: str, series: str) -> pd.Series:
    """The rows of the portfolio, cut by pandas."""
    if byvar == "cap":
        rows = result.daily_by_group
        return rows[(rows["byvar"] == byvar) & (rows["group"] == group)][series]
    form = {"year": "%Y", "month": "%Y-%m"}.get(byvar)
    dates = result.daily["date"]
    label = dates.dt.strftime(form) if form else dates.dt.to_period("Q").astype(str)
    return result.daily[series] if byvar == "overall" else result.daily[label == group][series]


COLUMNS = [
    "series",
    "byvar",
    "group",
    "periods",
    "sharpe",
    "se_iid",
    "se",
    "se_hac",
    "ci_low",
    "ci_high",
    "t_nw",
    "p_nw",
    "psr",
    "min_track_record",
    "mean_ci_low",
    "mean_ci_high",
    "maxdd_ci_low",
    "dsr",
    "trials",
    "trials_effective",
]


def test_one_row_per_portfolio_and_series_each_that_of_stats(result):
    frame = result.inference(level=0.9, draws=200, seed=3, trials=(20, 0.01))
    assert list(frame.columns) == COLUMNS
    assert len(frame) == 2 * len(result.summary) and set(frame["byvar"]) == {"overall", "month", "quarter", "year", "cap"}
    root = math.sqrt(252)
    for row in frame.itertuples():
        x = returns(result, row.byvar, row.group, row.series)
        ratio, nw = stats.sharpe_ratio(x, 252), stats.newey_west(x)
        sharpe, mean, drawdown = (stats.bootstrap(x, s, 200, 0.9, None, 3) for s in ("sharpe", "mean", "max_drawdown"))
        expected = [len(x), ratio.annualised, root * ratio.se_iid, root * ratio.se, root * ratio.se_hac]
        expected += [root * sharpe.low, root * sharpe.high, nw.t, nw.p, stats.probabilistic_sharpe_ratio(x)]
        expected += [stats.minimum_track_record_length(x, level=0.9), 252 * mean.low, 252 * mean.high, drawdown.low]
        expected += [stats.deflated_sharpe_ratio(x, 20, 0.01), 20, 20]
        np.testing.assert_allclose(np.array(row[4:], dtype=float), expected, rtol=1e-12, err_msg=str(row[:4]))
    summary = result.summary
    np.testing.assert_allclose(frame["sharpe"][::2], summary["sharpe_ret"], rtol=1e-9)
    np.testing.assert_allclose(frame["sharpe"][1::2], summary["sharpe_ret_net"], rtol=1e-9)
    np.testing.assert_allclose(frame["t_nw"][::2], summary["t_stat_nw"], rtol=0)


def test_no_trials_no_deflation_and_the_same_bits_through_a_pickle(result):
    frame = result.inference(draws=100)
    assert frame[["dsr", "trials", "trials_effective"]].isna().all(axis=None)
    pd.testing.assert_frame_equal(frame, pickle.loads(pickle.dumps(result)).inference(draws=100), check_exact=True)


def test_the_interval_is_shown(result):
    low, high = result.sharpe_interval
    ratio = stats.sharpe_ratio(result.daily["ret"], 252)
    reach = 1.959963984540054 * math.sqrt(252) * ratio.se_hac
    assert low == pytest.approx(ratio.annualised - reach, rel=1e-12) and high == pytest.approx(
        ratio.annualised + reach, rel=1e-12
    )
    assert f"sharpe={result.sharpe:.2f} [{low:.2f}, {high:.2f}]" in repr(result)
    assert f"(95 %: {low:.2f} to {high:.2f})" in result._repr_html_()


def test_results_in_multiple_testing(result):
    table = fractile.multiple_testing({"one": result, "other": result}, series="ret", draws=100)
    assert list(table["signal"]) == ["one", "other"] and table["sharpe"][0] == pytest.approx(result.sharpe)
    assert table.attrs["effective_trials"] == pytest.approx(1.0)
    with pytest.raises(ConfigError, match="series ret, resret, ret_net, resret_net"):
        fractile.multiple_testing([result], series="gross")


@pytest.mark.parametrize("trials", [5, (0.5, 1.0), (5, -1.0), (5, 1, 2)])
def test_trials_are_checked(result, trials):
    with pytest.raises(ConfigError, match="INVALID_VALUE: expected"):
        result.inference(trials=trials)

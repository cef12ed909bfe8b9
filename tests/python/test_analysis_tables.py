# Copyright The fractile authors. Licensed under the Apache License, Version 2.0.
"""Laws of the analysis tables quantiles, exposures, drilldown, capacity, decay and double_sort, and what Python makes of them."""

from __future__ import annotations

import pickle

import fractile
import numpy as np
import pandas as pd
import pytest
from fractile.stats import monotonic_relation_test
from oracle.markets import add_avail, add_given, make_panel, make_signal
from support.changed_markets import change_the_future

ASKED = ["quantiles", "exposures", "drilldown", "capacity", "decay", "double_sort"]
OPTIONS = {
    "analysis": ASKED,
    "mincos": 2,
    "n_fractile": 5,
    "double_var": "score",
    "exposure_groups": ["industry_id"],
    "horizons": [1, 3],
    "tc_value": (0.001, 0.4),  # so that the book carries some money
}
TABLES = [
    "quantiles",
    "quantile_daily",
    "monotonicity",
    "exposures",
    "drilldown",
    "weights",
    "capacity",
    "capacity_musd",
    "decay",
]
TABLES += ["decay_half_life", "double_sort"]


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory):
    return tmp_path_factory.mktemp("analyses")


@pytest.fixture(scope="module")
def panel() -> pd.DataFrame:
    return make_panel(17, n_days=60, n_names=80)


@pytest.fixture(scope="module")
def service(root, panel):
    fractile.create_snapshot("base", panel, root=root, dtype="float64")
    return fractile.BacktestService.get("base", root=root, compact=False)


@pytest.fixture(scope="module")
def signal(panel) -> pd.DataFrame:
    """Slow and good for something, so that no statistic is at an edge."""
    rows = make_signal(panel, 17, ties=False, messy=False)
    base = rows["security_id"].map(
        pd.Series(np.random.default_rng(0).normal(size=rows["security_id"].nunique()), rows["security_id"].unique())
    )
    return rows.assign(signal=-base - 0.5 * rows["signal"])


@pytest.fixture(scope="module")
def result(service, signal):
    return service.run(signal, **OPTIONS)


def bits(result) -> bytes:
    parts = []
    for name in TABLES:
        frame = result._table(name)
        assert len(frame.columns), name
        for column in frame:
            values = frame[column].to_numpy()
            parts.append("|".join(values).encode() if values.dtype == object else values.tobytes())
    return b"".join(parts)


@pytest.mark.parametrize("options", [{}, {"weight": "value", "resid": "all", "hold_days": 2}, {"from_open": True, "drift": True}])
def test_order_and_threads_change_no_bit(service, signal, options):
    want = bits(service.run(signal, threads=1, **OPTIONS, **options))
    for threads in (2, 5):
        other = signal.sample(frac=1.0, random_state=threads)
        assert bits(service.run(other, threads=threads, **OPTIONS, **options)) == want


def test_the_correlation_of_a_few_names_is_the_same_from_the_order_of_all_returns(root, panel, signal):
    """A new service ranks the returns of few names by themselves; once two runs have asked for all names, it uses their order."""
    fractile.create_snapshot("order", panel, root=root, dtype="float64")
    few = signal[signal["security_id"].isin(np.sort(signal["security_id"].unique())[:14])]
    options = {"analysis": ["ic", "decay"], "horizons": [1, 3], "mincos": 1, "threads": 2}
    with fractile.BacktestService.get("order", root=root) as service:
        alone = service.run(few, **options)
        everything = [service.run(signal, **options) for _ in range(3)]
        beside = service.run(few, **options)
    assert len(alone.ic) > 10
    assert alone.ic["names"].between(10, 14).all()
    for table in ("ic", "ic_summary", "decay"):
        pd.testing.assert_frame_equal(getattr(alone, table), getattr(beside, table), check_exact=True)
        for again in everything[1:]:
            pd.testing.assert_frame_equal(getattr(everything[0], table), getattr(again, table), check_exact=True)


def test_without_analysis_nothing_is_added(service, signal):
    plain = service.run(signal, mincos=2)
    for name in TABLES:
        assert getattr(plain, name) is None
    assert not {"horizons", "capacity_gmv", "exposure_groups", "double_style"} - set(plain.config)


@pytest.mark.parametrize("day", [20, 45])
@pytest.mark.parametrize("options", [{}, {"weight": "value", "resid": "industry"}])
def test_the_future_changes_nothing_before_it(root, panel, service, signal, day, options):
    dates = np.sort(panel["date"].unique())
    other = change_the_future(panel, day, root)
    asked = {**OPTIONS, "analysis": ["quantiles", "exposures", "drilldown", "double_sort"], **options}
    a, b = (one.run(signal, **asked) for one in (service, other))
    for table in ("quantile_daily", "exposures", "drilldown"):
        before = [frame[frame["date"] <= dates[day]] for frame in (getattr(a, table), getattr(b, table))]
        before = [frame.loc[:, (frame != 0).any()] if table == "exposures" else frame for frame in before]
        assert len(before[0]) > 5
        pd.testing.assert_frame_equal(*(frame.reset_index(drop=True) for frame in before), check_exact=True)


def test_contributions_and_costs_add_up_to_the_day(result):
    sums = result.drilldown.groupby("date")[["contribution", "tc"]].sum()
    np.testing.assert_allclose(sums["contribution"], result.daily["ret"], atol=1e-12)
    np.testing.assert_allclose(sums["tc"], result.daily["tc"], atol=1e-15)
    held = result.drilldown[result.drilldown["weight"] != 0].reset_index(drop=True)
    pd.testing.assert_frame_equal(held[["date", "security_id", "weight"]], result.weights)


@pytest.mark.parametrize(
    "options", [{}, {"tc_model": "power_law", "drift": True}, {"overlap": 3}, {"method": "long_only"}], ids=str
)
def test_costs_and_capacity_include_a_charged_entry_and_exit(service, signal, options):
    asked = {"mincos": 2, "charge_entry_exit": True, **options}
    found = service.run(signal, analysis=["drilldown", "capacity"], capacity_gmv=[20], **asked)
    costs = found.drilldown.groupby("date")["tc"].sum()
    assert costs.iloc[0] > 0
    np.testing.assert_allclose(costs, found.daily["tc"], rtol=1e-12)
    run = service.run(signal, **{**asked, "tc_model": "power_law", "gmv_musd": 20}).summary.iloc[0]
    row = found.capacity.iloc[0]
    for name in ("tc_ann", "ret_net_ann", "sharpe_ret_net"):
        assert row[name] == pytest.approx(run[name], rel=1e-9)


def test_a_days_contribution_is_listed_by_size(result):
    date = result.daily["date"].iloc[30]
    everything = result.contribution(date, top=None)
    assert list(everything.columns) == ["date", "security_id", "side", "weight", "ret", "contribution", "tc"]
    assert everything["contribution"].abs().is_monotonic_decreasing
    assert set(everything["side"]) == {"long", "short", "none"}
    assert ((everything["side"] == "none") == (everything["weight"] == 0)).all()
    np.testing.assert_allclose(
        everything[["contribution", "tc"]].sum(), result.daily.loc[30, ["ret", "tc"]].astype(float), atol=1e-12
    )
    pd.testing.assert_frame_equal(result.contribution(str(date.date()), top=3), everything.head(3))
    ties = everything[everything["contribution"] == 0]["security_id"]
    assert ties.is_monotonic_increasing and len(ties) > 1


def test_contributions_of_the_run(result):
    table = result.contribution(top=None)
    assert list(table.columns) == ["security_id", "days", "contribution", "tc"]
    assert table["security_id"].is_unique and table["contribution"].abs().is_monotonic_decreasing
    np.testing.assert_allclose(table[["contribution", "tc"]].sum(), result.daily[["ret", "tc"]].sum(), atol=1e-12)
    assert table["days"].sum() == len(result.weights)
    assert len(result.contribution()) == 20


def test_worst_and_best_days(result):
    daily = result.daily.sort_values("ret", kind="stable")["date"]
    worst, best = result.worst_days(3), result.best_days(2)
    assert list(worst["date"].unique()) == list(daily[:3]) and (worst.groupby("date").size() == 5).all()
    assert list(best["date"].unique()) == list(daily[::-1][:2])
    pd.testing.assert_frame_equal(worst.head(5), result.contribution(daily.iloc[0], top=5))
    assert len(result.worst_days(0)) == 0


@pytest.mark.parametrize("call", [lambda r: r.contribution(), lambda r: r.worst_days(1), lambda r: r.best_days(1)])
def test_without_drilldown_its_lists_say_how_to_ask(service, signal, call):
    with pytest.raises(fractile.ConfigError, match='analysis "drilldown", found none'):
        call(service.run(signal, mincos=2))


@pytest.mark.parametrize("date", ["1999-01-01", "no day", object()])
def test_a_day_that_is_not_there_is_refused(result, date):
    with pytest.raises(fractile.ConfigError, match="expected a day of the result from 2020-01-0"):
        result.contribution(date)


@pytest.mark.parametrize("top", [-1, 1.5, "all"])
def test_a_number_of_names_is_whole(result, top):
    with pytest.raises(fractile.ConfigError, match="expected top as a whole number from 0"):
        result.contribution(top=top)


def test_without_turnover_costs_are_unknown(service, signal):
    found = service.run(signal, mincos=2, analysis=["drilldown"], calc_turnover=False)
    assert found.drilldown["tc"].isna().all() and (found.drilldown["weight"] != 0).all()
    assert found.contribution()["tc"].isna().all()


def test_categories_add_up_to_the_net_weight(service, signal):
    for method, net in (("long_short", 0.0), ("long_only", 1.0)):
        groups = ["country", "industry_id"]
        table = service.run(signal, mincos=2, method=method, analysis=["exposures"], exposure_groups=groups).exposures
        for group in groups:
            columns = table.filter(like=f"{group}=")
            assert columns.shape[1] > 2
            assert columns.columns[-1] == f"{group}=missing"
            np.testing.assert_allclose(columns.sum(axis=1), net, atol=1e-12)


def test_a_row_of_capacity_is_a_run_of_that_size(service, signal, result):
    def sized(gmv):
        return service.run(signal, mincos=2, tc_model="power_law", tc_value=OPTIONS["tc_value"], gmv_musd=gmv)

    for row in result.capacity.iloc[[0, 5]].itertuples():
        run = sized(row.gmv_musd).summary.iloc[0]
        np.testing.assert_allclose(
            [row.tc_ann, row.ret_net_ann, row.sharpe_ret_net],
            run[["tc_ann", "ret_net_ann", "sharpe_ret_net"]].astype(float),
            rtol=1e-9,
        )
    assert result.sharpe > 0
    at = {name: sized(size) for name, size in result.capacity_musd.items()}
    assert at["half_sharpe"].summary["sharpe_ret_net"].iloc[0] == pytest.approx(result.sharpe / 2, rel=1e-5)
    assert abs(at["break_even"].summary["ret_net_ann"].iloc[0]) < 1e-5 * result.annual_return


def test_capacity_does_not_depend_on_the_cost_model_of_the_run(service, signal):
    asked = {"mincos": 2, "analysis": ["capacity"]}
    naive, power = (service.run(signal, **asked, tc_model=model, gmv_musd=77) for model in ("naive", "power_law"))
    pd.testing.assert_frame_equal(naive.capacity, power.capacity, check_exact=True)


def test_a_row_of_decay_is_the_run_at_that_lag(service, signal, result):
    for row in result.decay.itertuples():
        run = service.run(signal, mincos=2, lag=row.horizon - 1, analysis=["ic"])
        assert (row.ic, row.ic_t_nw) == tuple(run.ic_summary.loc[0, ["mean", "t_stat_nw"]])
        np.testing.assert_allclose(row[4:7], run.summary.loc[0, ["ret_ann", "sharpe_ret", "turnover"]].astype(float), rtol=1e-12)
    assert 0.3 < result.decay["rank_autocorrelation"].iloc[0] < 1
    assert result.decay_half_life == np.log(0.5) / np.log(result.decay["rank_autocorrelation"].iloc[0])
    unlisted = service.run(signal, mincos=2, analysis=["decay"], horizons=2)
    assert list(unlisted.decay["horizon"]) == [2] and unlisted.decay_half_life == result.decay_half_life


# The first ones share the ranks of their signals; each of the others makes them run at every lag.
SHARED = [
    {},
    {"method": "long_only", "fractile": (33.3, 66.6)},
    {"calc_turnover": False, "fractile": (50, 50)},
    {"mincos": 5, "fractile": (7, 90)},
    {"start_date": "2020-01-20", "end_date": "2020-02-20"},
    {"lag": 2},
]
APART = [
    {"weight": "value"},
    {"drift": True},
    {"universe": {"cap": [1, 2, 3]}},
    {"hold_days": 2},
    {"delisting_return": -0.3},
    {"from_open": True},
]


@pytest.mark.parametrize("keys", ["date_sig", "date_avail", "date_ret"])
@pytest.mark.parametrize("options", SHARED + APART, ids=str)
def test_horizons_are_the_runs_at_their_lags(root, options, keys):
    """Names with gaps, that enter and leave; equal signals, several rows per day, rows on closed days and without a return."""
    horizons = [2, 1, 4, 7, 26, 70]
    window = {name: options[name] for name in ("start_date", "end_date") if name in options}
    run_options = {"mincos": 2} | {name: value for name, value in options.items() if name not in window}
    for seed in range(3):
        market = make_panel(seed, n_days=50, n_names=70)
        rows = make_signal(market, seed, ties=seed != 1, messy=seed != 2)
        if keys == "date_avail":
            rows = add_avail(rows, seed, times=True)
        if keys == "date_ret":
            rows = add_given(rows, seed, "date_ret")
            rows = rows[~(rows["date_ret"] <= rows["date_sig"])]
        if f"lags{seed}" not in set(fractile.list_snapshots(root)["id"]):
            fractile.create_snapshot(f"lags{seed}", market, root=root)
        service = fractile.BacktestService.get(f"lags{seed}", root=root, **window)
        found = service.run(rows, analysis=["decay"], horizons=horizons, **run_options).decay
        assert window or found["ic"].notna().sum() == len(horizons) - 1
        for row in found.itertuples():
            expected: list[float] = [np.nan] * 5
            try:
                run = service.run(rows, **run_options | {"lag": options.get("lag", 0) + row.horizon - 1, "analysis": ["ic"]})
                expected = [
                    *run.ic_summary.loc[0, ["mean", "t_stat_nw"]],
                    *run.summary.loc[0, ["ret_ann", "sharpe_ret", "turnover"]],
                ]
            except fractile.errors.SignalError as error:
                if error.code != "NO_USABLE_ROWS":
                    raise
            where = f"seed {seed}, horizon {row.horizon}"
            np.testing.assert_array_equal(row[2:4], expected[:2], err_msg=where)
            np.testing.assert_allclose(row[4:7], expected[2:], rtol=1e-11, atol=1e-14, err_msg=where)


def test_a_horizon_beyond_the_calendar_is_unknown(service, signal):
    table = service.run(signal, mincos=2, analysis=["decay"], horizons=[99999, 1]).decay
    assert table.iloc[0, 1:].isna().all() and table.iloc[1].notna().all()


def test_equal_quantiles_are_the_bins_of_fractile(service, signal):
    found = service.run(signal, mincos=2, analysis=["quantiles", "fractile"])
    for column in ("ret", "names", "momentum"):
        np.testing.assert_allclose(found.quantiles[column], found.fractile[column], atol=1e-14)
    wide = found.quantile_daily.pivot_table(index="date", columns="bin", values="ret")
    np.testing.assert_allclose(wide["top-bottom"].dropna(), (wide["10"] - wide["1"]).dropna(), atol=1e-15)
    np.testing.assert_allclose(found.quantiles["ret_ann"], 252 * found.quantiles["ret"])


def test_a_bin_trades_as_a_book_of_its_names(service, signal):
    """The highest of ten bins is the long side of the plain run, so its turnover is that of the long-only book."""
    found = service.run(signal, mincos=1, method="long_only", analysis=["quantiles"])
    assert found.quantiles["turnover"].iloc[9] == pytest.approx(found.turnover_mean, rel=1e-12)
    assert found.quantiles["ret_ann"].iloc[9] == pytest.approx(found.annual_return, rel=1e-12)


def test_monotonicity_is_the_test_of_the_bins(result):
    wide = result.quantile_daily.pivot_table(index="date", columns="bin", values="ret")[["1", "2", "3", "4", "5"]].dropna()
    assert result.monotonicity["p_value"] == monotonic_relation_test(wide).p
    ret = result.quantiles["ret"].iloc[:5]
    assert result.monotonicity["share_increasing"] == (ret.diff().iloc[1:] > 0).mean()
    assert result.monotonicity["spearman"] == pytest.approx(ret.rank().corr(pd.Series(range(5), dtype=float)))


def test_double_sort_needs_a_book_of_no_kind(service, signal):
    found = service.run(signal, mincos=1000, analysis=["double_sort"], double_var="score", n_fractile=3)
    assert len(found.daily) == 0 and found.double_sort["ret"].notna().all()
    table = found.double_sort.pivot_table(index="bin1", columns="bin2", values="ret")
    assert list(found.double_sort["bin2"][:4]) == ["1", "2", "3", "high-low"]
    np.testing.assert_allclose(table.loc[["1", "2", "3"]].mean()["2"], table.loc["average", "2"], atol=1e-3)


def test_both_styles_differ_and_agree_on_one_bin(service, signal):
    asked = {"mincos": 2, "analysis": ["double_sort"], "double_var": "mcap", "n_fractile": 4}
    dependent, independent = (
        service.run(signal, **asked, double_style=style).double_sort for style in ("dependent", "independent")
    )
    assert (dependent["ret"] != independent["ret"]).any()
    names = dependent[dependent["bin2"] != "high-low"].pivot_table(index="bin1", columns="bin2", values="names")
    assert (names.loc[["1", "2", "3"]].max(axis=1) - names.loc[["1", "2", "3"]].min(axis=1)).max() < 1.1


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"analysis": ["quantiles"], "input_type": "position"}, 'analysis "quantiles" with an input_type other than "value"'),
        ({"analysis": ["double_sort"], "double_var": "cap", "input_type": "weight"}, 'analysis "double_sort" with an input_type'),
        ({"analysis": ["double_sort"]}, 'analysis "double_sort" without double_var'),
        ({"analysis": ["capacity"], "calc_turnover": False}, 'analysis "capacity" with calc_turnover=False'),
    ],
)
def test_pairs_that_are_refused(service, signal, options, words):
    with pytest.raises(fractile.ConfigError, match=words) as caught:
        service.run(signal, **options)
    assert caught.value.code == "REFUSED_COMBINATION"


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"horizons": []}, "expected horizons=a list of numbers"),
        ({"horizons": [2, 2]}, "2 twice"),
        ({"horizons": [1.5]}, "The nearest is 2"),
        ({"capacity_gmv": [0]}, "The nearest is 1e-09"),
    ],
)
def test_lists_that_are_refused(service, signal, options, words):
    with pytest.raises(fractile.ConfigError, match=words):
        service.run(signal, analysis=["decay"], **options)


def test_columns_that_the_snapshot_lacks_are_named(root, panel, signal):
    fractile.create_snapshot("small", panel[["security_id", "date", "ret", "score"]], root=root)
    small = fractile.BacktestService.get("small", root=root)
    for options, column in (
        ({"analysis": ["capacity"]}, "vol"),
        ({"analysis": ["double_sort"], "double_var": "scor"}, "scor"),
        ({"analysis": ["exposures"], "exposure_groups": ["industry"]}, "industry"),
    ):
        with pytest.raises(fractile.ConfigError, match=column) as caught:
            small.run(signal, **options)
        assert caught.value.code == "MISSING_PANEL_COLUMN"
    found = small.run(signal, mincos=2, analysis=["quantiles", "exposures", "double_sort"], double_var="score")
    assert list(found.exposures.columns) == ["date"] and "size" not in found.quantiles


def test_a_result_reads_back(result):
    again = pickle.loads(pickle.dumps(result))
    assert bits(again) == bits(result)
    assert again.monotonicity == result.monotonicity and again.capacity_musd == result.capacity_musd
    pd.testing.assert_frame_equal(again.contribution(), result.contribution())


def test_names_may_be_texts(root, panel, service, signal, result):
    fractile.create_snapshot(
        "texts", panel.assign(security_id=panel["security_id"].map("N{:05d}".format)), root=root, dtype="float64"
    )
    texts = fractile.BacktestService.get("texts", root=root, compact=False)
    found = texts.run(signal.assign(security_id=signal["security_id"].map("N{:05d}".format)), **OPTIONS).contribution(top=None)
    want = result.contribution(top=None)
    assert set(found["security_id"]) == {f"N{i:05d}" for i in want["security_id"]}
    np.testing.assert_allclose(np.sort(found["contribution"]), np.sort(want["contribution"]), atol=1e-12)

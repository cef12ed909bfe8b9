# Copyright The fractile authors. Licensed under the Apache License, Version 2.0.
"""Laws that hold for every signal and every option (house rules of the engine)."""

from __future__ import annotations

import pickle

import fractile
import numpy as np
import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from oracle.markets import add_avail, make_panel, make_signal
from oracle.panel import EXPOSURES
from support.changed_markets import change_the_future

OPTIONS = st.fixed_dictionaries(
    {},
    optional={
        "lag": st.integers(0, 3),
        "fractile": st.sampled_from([(10, 90), (20, 80), (33.3, 66.6), (50, 50)]),
        "weight": st.sampled_from(["equal", "value", "volume"]),
        "resid": st.sampled_from(["off", "industry", "factor", "all"]),
        "from_open": st.booleans(),
        "method": st.sampled_from(["long_short", "long_only"]),
        "tc_model": st.sampled_from(["naive", "power_law"]),
        "drift": st.booleans(),
        "hold_days": st.integers(1, 4),
        "byvar_list": st.sampled_from([["overall"], ["overall", "cap", "month"], ["country", "year"]]),
        "universe": st.sampled_from([None, {"cap": [1, 2]}, {"adv": {"min": 1e4}}]),
    },
)
LAW = settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
DROPS = ["null_key", "null_signal", "unknown_security", "outside_dates", "no_return", "outside_universe", "no_exposure"]
DROPS += ["duplicate", "bad_open_print"]


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory):
    return tmp_path_factory.mktemp("laws")


@pytest.fixture(scope="module")
def panel() -> pd.DataFrame:
    return make_panel(7, n_days=50, n_names=80)


@pytest.fixture(scope="module")
def service(root, panel):
    fractile.create_snapshot("base", panel, root=root, dtype="float64")
    return fractile.BacktestService.get("base", root=root, compact=False)


def bits(result) -> bytes:
    """Every number of every table."""
    parts = []
    for name in ("summary", "daily", "turnover", "tc", "daily_by_group"):
        frame = getattr(result, name)
        for column in frame:
            values = frame[column].to_numpy()
            parts.append("|".join(values).encode() if values.dtype == object else values.tobytes())
    return b"".join(parts)


def unique_signal(panel: pd.DataFrame, seed: int) -> pd.DataFrame:
    return make_signal(panel, seed, messy=False)


@LAW
@given(options=OPTIONS, seed=st.integers(0, 5), messy=st.booleans(), missing=st.floats(0, 0.5))
def test_a_kept_alignment_changes_nothing(service, root, panel, options, seed, messy, missing):
    """From the second run on the same keys their alignment is cached; values, counts and examples are as without the cache."""

    def fresh() -> fractile.BacktestService:
        return fractile.BacktestService.get("base", root=root, compact=False, force_reload=True)

    signal = make_signal(panel, seed, messy=messy)
    rng = np.random.default_rng(seed)
    other = signal.assign(signal=np.where(rng.random(len(signal)) < missing, np.nan, rng.normal(size=len(signal))))
    want, want_other = fresh().run(signal, mincos=2, **options), fresh().run(other, mincos=2, **options)
    warm = fresh()
    for _ in range(2):
        again = warm.run(signal, mincos=2, **options)
        assert (bits(again), again.run_id, again.diagnostics) == (bits(want), want.run_id, want.diagnostics)
    found = warm.run(other, mincos=2, **options)
    assert (bits(found), found.run_id, found.diagnostics) == (bits(want_other), want_other.run_id, want_other.diagnostics)
    others = {name: value for name, value in options.items() if name not in ("lag", "resid")}
    lag, resid = options.get("lag", 0), options.get("resid", "off")
    cells = warm.run_suite(other, [lag, lag + 1], [resid, "all"], mincos=2, **others)
    want_later = fresh().run(other, mincos=2, **others, lag=lag + 1, resid=resid)
    for cell, wanted in ((cells[f"lag{lag}_resid{resid}"], want_other), (cells[f"lag{lag + 1}_resid{resid}"], want_later)):
        assert (bits(cell), cell.run_id, cell.diagnostics) == (bits(wanted), wanted.run_id, wanted.diagnostics)


@LAW
@given(options=OPTIONS, seed=st.integers(0, 5))
def test_order_and_threads_change_no_bit(service, panel, options, seed):
    signal = unique_signal(panel, seed)
    want = service.run(signal, mincos=2, threads=1, **options)
    shuffled = signal.sample(frac=1.0, random_state=seed + 1)
    for other in (service.run(shuffled, mincos=2, threads=2, **options), service.run(signal, mincos=2, threads=5, **options)):
        assert bits(other) == bits(want)


@LAW
@given(options=OPTIONS, seed=st.integers(0, 5))
def test_rows_given_are_used_or_dropped(service, panel, options, seed):
    counts = service.run(make_signal(panel, seed), mincos=2, **options).diagnostics
    assert counts["rows_given"] == counts["rows_used"] + sum(counts[name] for name in DROPS)


@LAW
@given(options=OPTIONS, seed=st.integers(0, 3))
def test_sides_sum_to_one_and_net_is_gross_less_cost(service, panel, options, seed):
    result = service.run(unique_signal(panel, seed), mincos=2, keep_weights=True, **options)
    sides = result.weights.assign(side=np.sign(result.weights["weight"])).groupby(["date", "side"])["weight"].sum()
    assert (np.abs(np.abs(sides.to_numpy()) - 1.0) < 1e-12).all()  # a run without a book has no sides
    if options.get("method") == "long_only":
        assert (result.weights["weight"] > 0).all()
    daily = result.daily
    assert (daily["ret_net"] == daily["ret"] - daily["tc"]).all()
    assert (daily["resret_net"] == daily["resret"] - daily["tc"]).all()
    assert (daily["ret"] == daily["ret_l"] + daily["ret_s"]).all()


@pytest.mark.parametrize("day", [12, 25, 38])
@pytest.mark.parametrize(
    "options", [{}, {"weight": "value", "byvar_list": ["overall", "cap"]}, {"resid": "all"}, {"hold_days": 3}]
)
def test_the_future_changes_nothing_before_it(root, panel, service, day, options):
    dates = np.sort(panel["date"].unique())
    other = change_the_future(panel, day, root)
    signal = unique_signal(panel, 1)
    a, b = (s.run(signal, mincos=2, **options).daily for s in (service, other))
    a, b = (f[f["date"] <= dates[day]].drop(columns="date") for f in (a, b))
    assert len(a) > 5
    assert a.to_numpy().tobytes() == b.to_numpy().tobytes()


def test_an_increasing_transform_keeps_the_book(service, panel):
    signal = unique_signal(panel, 3)
    books = [
        service.run(signal.assign(signal=f(signal["signal"])), mincos=2, keep_weights=True).weights
        for f in (lambda x: x, np.exp, lambda x: x**3 + 7)
    ]
    for other in books[1:]:
        pd.testing.assert_frame_equal(books[0], other, check_exact=True)


def test_renaming_securities_in_order_changes_no_bit(root, panel, service):
    renamed = panel.assign(security_id=panel["security_id"] * 3 + 100000)
    fractile.create_snapshot("renamed", renamed, root=root, dtype="float64")
    other = fractile.BacktestService.get("renamed", root=root, compact=False)
    signal = unique_signal(panel, 4)
    moved = signal.assign(security_id=signal["security_id"] * 3 + 100000)
    options = {"mincos": 2, "byvar_list": ["overall", "cap"], "resid": "all", "weight": "value"}
    assert bits(service.run(signal, **options)) == bits(other.run(moved, **options))


def test_any_renaming_of_securities_stays_within_rounding(root, panel, service):
    ids = np.sort(panel["security_id"].unique())
    new = dict(zip(ids, np.random.default_rng(5).permutation(len(ids)), strict=True))
    fractile.create_snapshot("permuted", panel.assign(security_id=panel["security_id"].map(new)), root=root, dtype="float64")
    other = fractile.BacktestService.get("permuted", root=root, compact=False)
    signal = unique_signal(panel, 4)
    a = service.run(signal, mincos=2).daily
    b = other.run(signal.assign(security_id=signal["security_id"].map(new)), mincos=2).daily
    np.testing.assert_allclose(a.drop(columns="date"), b.drop(columns="date"), rtol=0, atol=1e-12)


def test_renaming_industries_changes_no_bit(root, panel, service):
    codes = {101: 7, 108: 900, 115: 3, 122: 55, 990: 1}
    fractile.create_snapshot("industries", panel.assign(industry_id=panel["industry_id"].map(codes)), root=root, dtype="float64")
    other = fractile.BacktestService.get("industries", root=root, compact=False)
    signal = unique_signal(panel, 4)
    assert bits(service.run(signal, mincos=2, resid="all")) == bits(other.run(signal, mincos=2, resid="all"))


def test_zero_cost_leaves_gross(service, panel):
    daily = service.run(unique_signal(panel, 2), mincos=2, tc_level={"big": 0, "median": 0, "small": 0}).daily
    assert (daily["ret_net"] == daily["ret"]).all()
    assert daily["turnover"].sum() > 0


def test_years_concatenate_to_overall(service, panel):
    result = service.run(unique_signal(panel, 2), mincos=2, byvar_list=["overall", "month"])
    months = result.summary[result.summary["byvar"] == "month"]
    assert months["num_date"].sum() == result.summary["num_date"].iloc[0]
    mean = (months["ret_ann"] * months["num_date"]).sum() / months["num_date"].sum()
    assert mean == pytest.approx(result.summary["ret_ann"].iloc[0], rel=1e-9)


@pytest.mark.parametrize("with_avail", [False, True])
def test_perfect_foresight_pays_at_its_lag_only(tmp_path, with_avail):
    rng = np.random.default_rng(11)
    dates = pd.bdate_range("2020-01-01", periods=120)
    panel = pd.DataFrame({"security_id": np.repeat(np.arange(60), 120), "date": np.tile(dates, 60)})
    panel["ret"] = rng.normal(0, 0.02, len(panel))
    fractile.create_snapshot("independent", panel, root=tmp_path, dtype="float64")
    service = fractile.BacktestService.get("independent", root=tmp_path, compact=False)
    ahead = 1 if with_avail else 2
    signal = panel.rename(columns={"date": "date_sig"})
    signal["signal"] = panel.groupby("security_id")["ret"].shift(-ahead)
    if with_avail:
        signal["date_avail"] = signal["date_sig"]
    assert service.run(signal, mincos=3).sharpe > 20
    assert abs(service.run(signal, mincos=3, lag=1).sharpe) < 4
    last = signal.assign(signal=panel["ret"])
    assert abs(service.run(last, mincos=3).sharpe) < 4


def test_an_optional_column_of_missing_dates_changes_nothing(service, panel):
    signal = unique_signal(panel, 2)
    empty = signal.assign(date_avail=pd.NaT, date_ret=pd.NaT)
    empty["date_avail"] = pd.to_datetime(empty["date_avail"])
    empty["date_ret"] = pd.to_datetime(empty["date_ret"])
    a, b = service.run(signal, mincos=2), service.run(empty, mincos=2)
    assert bits(a) == bits(b)
    assert a.run_id == b.run_id


def test_a_date_avail_at_the_default_changes_nothing(service, panel):
    signal = unique_signal(panel, 2)
    dates = pd.DatetimeIndex(np.sort(panel["date"].unique()))
    at = dates.searchsorted(signal["date_sig"], side="right")
    known = signal[at < len(dates)].assign(date_avail=dates[at[at < len(dates)]])
    assert bits(service.run(known, mincos=2)) == bits(service.run(known.drop(columns="date_avail"), mincos=2))


def test_duplicates_take_the_last_row_whatever_the_threads(service, panel):
    signal = pd.concat([unique_signal(panel, s) for s in range(3)], ignore_index=True).sample(frac=1.0, random_state=0)
    last = signal.drop_duplicates(["security_id", "date_sig"], keep="last")
    want = service.run(last, mincos=2)
    for threads in (1, 2, 4):
        got = service.run(signal, mincos=2, threads=threads)
        assert bits(got) == bits(want)
        lost = len(signal) - len(last)
        assert 0 < got.diagnostics["duplicate"] <= lost


def test_times_before_the_open_trade_that_day(service, panel):
    signal = add_avail(unique_signal(panel, 2), 3, times=True)
    assert service.run(signal, mincos=2, from_open=True).diagnostics["rows_used"] > 0


@pytest.mark.parametrize("mode", ["industry", "factor", "all"])
def test_a_factor_in_the_signal_changes_no_position(root, mode):
    panel = make_panel(21, n_days=15, n_names=150).dropna()
    name = f"factor_{mode}"
    fractile.create_snapshot(name, panel, root=root, dtype="float64")
    service = fractile.BacktestService.get(name, root=root, compact=False)
    rng = np.random.default_rng(0)
    signal = panel[["security_id", "date"]].rename(columns={"date": "date_sig"})
    signal["signal"] = rng.normal(0, 1, len(signal))
    what = panel["industry_id"] if mode == "industry" else panel["momentum"]
    loaded = signal.assign(signal=signal["signal"] + 100 * (what - what.mean()) / what.std())
    books = [service.run(s, mincos=2, resid=mode, keep_weights=True).weights for s in (signal, loaded)]
    pd.testing.assert_frame_equal(books[0], books[1], check_exact=True)


def test_a_signal_of_factors_alone_holds_nothing(root):
    panel = make_panel(22, n_days=20, n_names=150).dropna(subset=[*EXPOSURES, "industry_id"])
    fractile.create_snapshot("factors_alone", panel, root=root, dtype="float64")
    service = fractile.BacktestService.get("factors_alone", root=root, compact=False)
    signal = panel[["security_id", "date"]].rename(columns={"date": "date_sig"})
    signal["signal"] = 0.3 * panel["momentum"] - 0.7 * panel["size"] + panel["industry_id"] / 7
    assert service.run(signal, mincos=2).summary["num_date"].iloc[0] > 5
    result = service.run(signal, mincos=2, resid="all")
    assert result.diagnostics["rows_used"] > 500
    assert result.summary["num_date"].iloc[0] == 0


@pytest.mark.parametrize("mean", [64, 1024])
def test_a_signal_of_factors_far_from_zero_holds_nothing(root, mean):
    """The means of factors are some hundred times their deviations; they must not multiply the rounding errors of a fit."""
    panel = make_panel(23, n_days=12, n_names=200).dropna(subset=EXPOSURES)
    random = np.random.default_rng(0)
    for name in EXPOSURES:
        panel[name] = random.integers(-(2**10), 2**10, len(panel)) / 2.0**8 + (mean if name == "size" else 0)
    fractile.create_snapshot(f"far_{mean}", panel, root=root, dtype="float64")
    signal = panel[["security_id", "date"]].rename(columns={"date": "date_sig"})
    signal["signal"] = 3 * panel["size"] - panel["value"] / 2  # exact in doubles
    service = fractile.BacktestService.get(f"far_{mean}", root=root, compact=False)
    result = service.run(signal, mincos=1, resid="factor", keep_weights=True)
    assert result.diagnostics["rows_used"] > 1000
    assert len(result.weights) == 0


def test_a_bound_takes_the_same_rows_in_either_storage(root):
    """0.1 is another number as a float32: bounds, members and bad prints are compared in the type of the storage."""
    panel = make_panel(24, n_days=20, n_names=60).dropna(subset=["ret"])
    odd = np.arange(len(panel)) % 2 == 0
    panel["x"] = np.where(odd, 0.1, 0.7)
    panel["openret"] = np.where(np.arange(len(panel)) % 10 == 0, -0.95, 0.01)
    fractile.create_snapshot("bounds", panel, root=root, dtype="both")
    signal = unique_signal(panel, 3)
    services = [fractile.BacktestService.get("bounds", root=root, compact=compact) for compact in (False, True)]
    for options in (
        {"universe": {"x": [0.1]}},
        {"universe": {"x": {"max": 0.1}}},
        {"universe": {"x": {"min": 0.7}}},
        {"from_open": True},
    ):
        wide, narrow = (service.run(signal, mincos=1, **options).diagnostics for service in services)
        assert narrow == wide
        assert wide["outside_universe"] > 100 if "universe" in options else wide["bad_open_print"] > 10


def test_a_result_with_infinite_costs_is_the_same_once_pickled(root, panel, service):
    result = service.run(unique_signal(panel, 1), mincos=1, tc_model="power_law", tc_value=(0.35, 1000), gmv_musd=1e9)
    assert result.summary["tc_ann"].iloc[0] == np.finfo(float).max
    again = pickle.loads(pickle.dumps(result))
    for name in ("summary", "daily", "tc", "daily_by_group"):
        pd.testing.assert_frame_equal(getattr(again, name), getattr(result, name), check_exact=True)


def test_power_law_costs_have_the_same_bits_in_every_run(root, panel, service):  # `service` makes the snapshot
    """The first run of an alpha computes its rates, and later runs find those of the same and of other names in a cache."""
    options = {"mincos": 2, "tc_model": "power_law", "analysis": ["drilldown", "capacity"], "threads": 2}
    signals = [unique_signal(panel, seed) for seed in (3, 4)]

    def costs(service, signal, alpha):
        result = service.run(signal, tc_value=(0.35, alpha), **options)
        return [
            result.tc["tc"].to_numpy().tobytes(),
            result.drilldown["tc"].to_numpy().tobytes(),
            result.capacity.to_numpy().tobytes(),
        ]

    def fresh():
        return fractile.BacktestService.get("base", root=root, compact=False, force_reload=True)

    expected = {(i, alpha): costs(fresh(), signals[i], alpha) for i in (0, 1) for alpha in (0.4, 0.7)}
    one = fresh()
    for i, alpha in [(0, 0.4), (0, 0.4), (1, 0.4), (0, 0.4), (0, 0.7), (1, 0.7), (1, 0.7), (0, 0.7), (0, 0.4)]:
        assert costs(one, signals[i], alpha) == expected[i, alpha]
    assert np.count_nonzero(np.frombuffer(expected[0, 0.4][0])) > 40


@pytest.mark.parametrize("alpha", [0.0, 0.4, 30.0, 50.0])
def test_power_law_costs_scale_with_a_power_of_the_capital(service, panel, alpha):
    """Also if the power of the capital or that of the volume alone is beyond the range of a double."""
    signal = unique_signal(panel, 1)
    sizes = (0.1, 1.0, 30.0)
    asked = {"mincos": 2, "tc_model": "power_law", "tc_value": (0.35, alpha), "analysis": ["drilldown"]}
    costs = [service.run(signal, gmv_musd=size, **asked).drilldown["tc"].to_numpy() for size in sizes]
    is_compared = (costs[-1] > 1e-100) & (costs[-1] < 1e250)
    assert is_compared.sum() > 100
    for size, cost in zip(sizes, costs, strict=True):
        found = np.log(cost[is_compared]) - np.log(costs[-1][is_compared])
        np.testing.assert_allclose(found, alpha * np.log(size / sizes[-1]), rtol=1e-12, atol=1e-9)

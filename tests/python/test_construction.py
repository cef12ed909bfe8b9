# Copyright The fractile authors. Licensed under the Apache License, Version 2.0.
"""Methodology sections 12 to 14: laws that need no oracle, refused pairs, and the oracle on a monthly panel."""

from __future__ import annotations

import fractile
import numpy as np
import pandas as pd
import pytest
from oracle import run
from oracle.markets import add_costs, make_panel, make_signal
from oracle.panel import Panel
from support.changed_markets import change_the_future
from support.comparison import assert_equal_results

# Each option of this page at a value that changes something.
OPTIONS: dict[str, dict] = {
    "rank": {"weight": "rank"},
    "signal": {"weight": "signal"},
    "max_weight": {"weight": "value", "max_weight": 0.2},
    "drift_book": {"drift": "book"},
    "entry_exit": {"charge_entry_exit": True},
    "keep_open": {"from_open": True, "bad_open": "keep"},
    "within": {"rank_within": "sector_id", "byvar_list": ["overall", "cap"]},
    "breakpoints": {"breakpoints": {"cap": [1, 2]}, "weight": "rank"},
    "exit": {"exit_fractile": (30, 60), "byvar_list": ["overall", "country"]},
    "exit_within": {"exit_fractile": (30, 60), "rank_within": "country", "analysis": ["fractile"]},
    "overlap": {"overlap": 4, "byvar_list": ["overall", "cap"]},
    "borrow": {"borrow_bps": 100},
    "delisting": {"delisting_return": -0.5},
    "factors": {"resid": "all", "factors": ["score", "momentum", "size"]},
    "weighted": {"resid": "all", "neutralize_weight": "sqrt_mcap"},
}


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory):
    return tmp_path_factory.mktemp("construction")


@pytest.fixture(scope="module")
def panel() -> pd.DataFrame:
    return add_costs(make_panel(41, n_days=60, n_names=90), 41).assign(one=1)


@pytest.fixture(scope="module")
def service(root, panel):
    return open_panel(panel, "base", root)


@pytest.fixture(scope="module")
def signal(panel) -> pd.DataFrame:
    return make_signal(panel, 41, messy=False)


def open_panel(panel: pd.DataFrame, name: str, root) -> fractile.BacktestService:
    fractile.create_snapshot(name, panel, root=root, dtype="float64")
    return fractile.BacktestService.get(name, root=root, compact=False)


def tables(result) -> list[pd.DataFrame]:
    return [result.summary, result.daily, result.turnover, result.tc, result.daily_by_group]


def assert_same_bits(a, b) -> None:
    for one, other in zip(tables(a), tables(b), strict=True):
        pd.testing.assert_frame_equal(one, other, check_exact=True)


@pytest.mark.parametrize("name", OPTIONS)
def test_an_option_changes_the_result_and_the_run_id(service, signal, name):
    options = OPTIONS[name]
    plain = {k: v for k, v in options.items() if k in ("from_open", "byvar_list")}
    if name == "max_weight":
        plain["weight"] = "value"
    a, b = service.run(signal, mincos=2, **options), service.run(signal, mincos=2, **plain)
    assert a.run_id != b.run_id
    assert any(not one.equals(other) for one, other in zip(tables(a), tables(b), strict=True))


@pytest.mark.parametrize("name", OPTIONS)
def test_threads_change_no_bit(service, signal, name):
    want = service.run(signal, mincos=2, threads=1, **OPTIONS[name])
    for threads in (2, 5):
        assert_same_bits(
            service.run(signal.sample(frac=1.0, random_state=threads), mincos=2, threads=threads, **OPTIONS[name]), want
        )


@pytest.mark.parametrize("name", OPTIONS)
def test_the_future_changes_nothing_before_it(root, panel, service, signal, name):
    """Except that a name whose life ends is known to leave on its last day, and the fee of the day before."""
    day = 40
    dates = np.sort(panel["date"].unique())
    other = change_the_future(panel, day, root, kept_out=("country", "one"))
    a, b = (s.run(signal, mincos=2, **OPTIONS[name]).daily for s in (service, other))
    a, b = (f[f["date"] <= dates[day]].drop(columns="date") for f in (a, b))
    assert len(a) > 20
    assert a.to_numpy().tobytes() == b.to_numpy().tobytes()


DEFAULTS = {
    "max_weight": 1.0, "charge_entry_exit": False, "bad_open": "drop", "rank_within": None, "breakpoints": None,
    "exit_fractile": None, "overlap": 1, "borrow_bps": None, "delisting_return": 0.0, "drift": False, "factors": [], "neutralize_weight": "equal",
}  # fmt: skip


def test_defaults_written_out_are_the_same_run(service, signal):
    a, b = service.run(signal), service.run(signal, **DEFAULTS)
    assert a.run_id == b.run_id
    assert_same_bits(a, b)


def test_options_that_select_everything_change_no_bit(service, signal):
    """With characteristics of the return day every name has a row to read."""
    plain = {"mincos": 2, "characteristics_asof": "return_day", "byvar_list": ["overall", "cap"], "analysis": ["fractile"]}
    want = service.run(signal, **plain)
    for options in ({"rank_within": "one"}, {"breakpoints": {"one": [1]}}, {"exit_fractile": (10, 90)}, {"max_weight": 0.999}):
        got = service.run(signal, **plain, **options)
        assert_same_bits(got, want)
        pd.testing.assert_frame_equal(got.fractile, want.fractile, check_exact=True)


def wide(frame: pd.DataFrame, column: str) -> pd.DataFrame:
    return frame.set_index(["date", "security_id"])[column].unstack("security_id")  # noqa: PD010


def test_an_overlap_is_the_mean_of_formed_books(service, panel, signal):
    k = 4
    formed = wide(service.run(signal, mincos=2, keep_weights=True).weights, "weight")
    held = service.run(signal, mincos=2, keep_weights=True, overlap=k)
    dates = pd.DatetimeIndex(np.sort(panel["date"].unique()))
    want = formed.reindex(dates).fillna(0.0).rolling(k).mean().loc[held.daily["date"]]
    want = want.where(wide(panel, "one").reindex_like(want) == 1, 0.0)
    got = wide(held.weights, "weight").reindex_like(want).fillna(0.0)
    np.testing.assert_allclose(got.to_numpy(), want.to_numpy(), rtol=0, atol=1e-12)
    assert list(held.daily["date"]) == list(dates[dates.get_loc(formed.index[0]) + k - 1 : dates.get_loc(formed.index[-1]) + 1])


@pytest.mark.parametrize("cap", [0.05, 0.11, 0.3])
def test_no_weight_is_above_the_cap_and_sides_sum_to_one(service, signal, cap):
    weights = service.run(signal, mincos=2, weight="value", max_weight=cap, keep_weights=True, fractile=(30, 70)).weights
    sides = weights.assign(side=np.sign(weights["weight"])).groupby(["date", "side"])["weight"]
    assert np.abs(sides.sum().abs() - 1).max() < 1e-12
    largest = sides.apply(lambda w: w.abs().max())
    assert (largest <= np.maximum(cap, 1 / sides.size()) + 1e-15).all()


def test_a_long_book_drifts_like_its_side(service, signal):
    a, b = (service.run(signal, mincos=2, method="long_only", drift=drift).daily for drift in (True, "book"))
    np.testing.assert_allclose(a["tc"], b["tc"], rtol=0, atol=1e-14)


def test_entry_and_exit_trade_the_gross(service, signal):
    free, charged = (service.run(signal, mincos=2, charge_entry_exit=c).turnover["traded"] for c in (False, True))
    more = (charged - free).to_numpy()
    assert more[0] == pytest.approx(2.0, abs=1e-12) and more[-1] == pytest.approx(2.0, abs=1e-12)
    assert not more[1:-1].any()


def test_a_fee_is_part_of_the_net_return(service, signal):
    daily = service.run(signal, mincos=2, borrow_bps=252 * 100).daily
    assert (daily["ret_net"] == daily["ret"] - (daily["tc"] + daily["borrow"])).all()
    assert list(daily.columns).index("borrow") == list(daily.columns).index("tc") + 1
    for options in ({"borrow_bps": 0}, {"method": "long_only"}):
        result = service.run(signal, mincos=2, **options)
        assert "borrow" not in result.daily and "borrow_ann" not in result.summary


def test_a_full_loss_at_delisting(root, panel):
    """With d = -1 a name that leaves earns -100 % on its last day, whatever its last return."""
    bare = open_panel(panel.drop(columns=["delist_ret", "borrow_bps"]), "bare", root)
    rows = make_signal(panel, 41, messy=False)
    result = bare.run(rows, mincos=2, delisting_return=-1, keep_weights=True, byvar_list=["overall"])
    plain = bare.run(rows, mincos=2)
    last = panel.groupby("security_id")["date"].max()
    weights = result.weights.assign(is_last=lambda w: w["date"] == w["security_id"].map(last))
    leaving = weights[weights["is_last"] & (weights["date"] < panel["date"].max())]
    assert len(leaving) == result.diagnostics["left_panel"] > 3
    ret = panel.set_index(["date", "security_id"])["ret"].fillna(0.0)
    change = sum(w * (-1 - ret[date, i]) for date, i, w in leaving[["date", "security_id", "weight"]].itertuples(index=False))
    assert result.daily["ret"].sum() - plain.daily["ret"].sum() == pytest.approx(change, abs=1e-12)


def test_a_band_trades_less(service, signal):
    plain, band = (service.run(signal, mincos=2, exit_fractile=e).summary["turnover"].iloc[0] for e in (None, (40, 60)))
    assert band < plain


REFUSED = [
    ({"rank_within": "cap", "sort_method": "double", "double_var": "score"}, "rank_within with sort_method"),
    ({"exit_fractile": (20, 80), "overlap": 2}, "exit_fractile with overlap"),
    ({"overlap": 2, "hold_days": 3}, "overlap with hold_days"),
    ({"overlap": 2, "drift": True}, "overlap with drift"),
    ({"overlap": 2, "drift": "book"}, "overlap with drift"),
    ({"max_weight": 0.5, "input_type": "weight"}, "max_weight with input_type"),
    *(
        ({"input_type": "position", **option}, f"{name} with an input_type")
        for name, option in {
            "rank_within": {"rank_within": "cap"}, "breakpoints": {"breakpoints": {"cap": [1]}}, "exit_fractile": {"exit_fractile": (20, 80)},
            'weight="rank"': {"weight": "rank"}, 'weight="signal"': {"weight": "signal"},
        }.items()
    ),
]  # fmt: skip


@pytest.mark.parametrize(("options", "words"), REFUSED, ids=[words for _, words in REFUSED])
def test_a_refused_pair_names_both(service, signal, options, words):
    with pytest.raises(fractile.ConfigError) as caught:
        service.run(signal, **options)
    assert caught.value.code == "REFUSED_COMBINATION"
    assert words in str(caught.value)


@pytest.mark.parametrize("band", [(5, 95), (20, 95), (95, 20), (60, 50)])
def test_a_band_outside_the_fractile_is_refused(service, signal, band):
    with pytest.raises(fractile.ConfigError, match="exit_fractile") as caught:
        service.run(signal, exit_fractile=band)
    assert caught.value.code == "INVALID_VALUE"


@pytest.mark.parametrize(
    ("options", "code", "words"),
    [
        ({"rank_within": "contry"}, "MISSING_PANEL_COLUMN", 'Did you mean "country"'),
        ({"rank_within": "ret"}, "INVALID_BYVAR", "whole numbers or text"),
        ({"breakpoints": {"capp": [1]}}, "MISSING_PANEL_COLUMN", 'Did you mean "cap"'),
        ({"breakpoints": {"country": [1]}}, "INVALID_VALUE", "breakpoints"),
        ({"resid": "factor", "factors": ["scor"]}, "MISSING_PANEL_COLUMN", 'Did you mean "score"'),
        ({"factors": ["country"]}, "INVALID_VALUE", "factors"),
        ({"factors": ["size", "size"]}, "INVALID_VALUE", "twice"),
        ({"drift": "books"}, "INVALID_VALUE", 'Did you mean "book"'),
    ],
)
def test_a_column_that_cannot_serve_is_named(service, signal, options, code, words):
    with pytest.raises(fractile.ConfigError) as caught:
        service.run(signal, **options)
    assert caught.value.code == code and words in str(caught.value)


def test_a_factor_named_like_a_column_of_the_summary_is_refused(root, panel, signal):
    other = open_panel(panel.assign(turnover=panel["size"], own=panel["size"]), "turnover", root)
    assert "own" in other.run(signal, mincos=2, factors=["own"]).summary
    with pytest.raises(fractile.ConfigError, match="turnover"):
        other.run(signal, mincos=2, factors=["turnover"])


def test_the_seven_by_name_give_the_residuals_of_the_default(service, signal):
    seven = ["size", "value", "growth", "leverage", "volatility", "momentum", "yield"]
    plain = service.run(signal, mincos=2, resid="all", keep_weights=True)
    named = service.run(signal, mincos=2, resid="all", keep_weights=True, factors=seven)
    pd.testing.assert_frame_equal(plain.weights, named.weights, check_exact=True)
    pd.testing.assert_frame_equal(plain.summary, named.summary, rtol=1e-12)


def test_factors_that_repeat_each_other_are_dropped(root, panel, signal):
    """Collinear columns: the residual is that of the projection on what they span."""
    other = open_panel(panel.assign(again=panel["size"] * 3 + 1, sum=panel["size"] + panel["score"]), "collinear", root)
    runs = [
        other.run(signal, mincos=2, resid="all", keep_weights=True, factors=f, neutralize_weight="sqrt_mcap").weights
        for f in (["size", "score"], ["size", "again", "score", "sum"])
    ]
    pd.testing.assert_frame_equal(runs[0], runs[1], check_exact=True)


@pytest.fixture(scope="module")
def monthly(root):
    """The daily panel's rows as months: the calendar that the literature uses."""
    frame = add_costs(make_panel(43, n_days=40, n_names=60), 43)
    dates = np.sort(frame["date"].unique())
    ends = pd.bdate_range("2010-01-29", periods=len(dates), freq="BME")
    frame["date"] = frame["date"].map(dict(zip(dates, ends, strict=True)))
    return frame, Panel(frame), open_panel(frame, "monthly", root)


@pytest.mark.parametrize("name", OPTIONS)
def test_a_monthly_panel_agrees_with_the_oracle(monthly, name):
    frame, panel, service = monthly
    rows = make_signal(frame, 43)
    options = {"mincos": 2, "keep_weights": True, **OPTIONS[name]}
    oracle_options = {k: v for k, v in options.items() if k != "keep_weights"}
    assert_equal_results(service.run(rows, **options), run(frame, rows, panel=panel, **oracle_options))

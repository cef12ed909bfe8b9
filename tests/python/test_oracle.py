# Copyright The fractile authors. Licensed under the Apache License, Version 2.0.
"""Every option of a run against the oracle, on markets with every awkward case."""

from __future__ import annotations

import fractile
import pandas as pd
import pytest
from oracle import OracleRefused, run
from oracle.markets import add_avail, add_given, make_panel, make_signal
from oracle.panel import Panel
from support.comparison import assert_equal_results

SEEDS = (1, 2)
INPUT_TYPES = ("fractile", "position", "weight")
UNIVERSE = {"cap": [1, 2, 3], "adv": {"min": 1000.0}, "close_adj": {"min": 2, "max": None}}
CASES: dict[str, dict] = {
    "plain": {},
    "lag": {"lag": 1},
    "long_lag": {"lag": 7},
    "odd_percents": {"fractile": (12.5, 61.3)},
    "median_split": {"fractile": (50, 50)},
    "extreme_percents": {"fractile": (1, 99), "mincos": 1},
    "byvars": {"byvar_list": ["overall", "year", "quarter", "month", "cap", "country", "sector_id", "industry_id"]},
    "byvar_order": {"byvar_list": ["country", "month", "overall", "cap"], "mincos": 2},
    "value": {"weight": "value"},
    "volume": {"weight": "volume", "byvar_list": ["overall", "cap"], "mincos": 2},
    "value_clipped": {"weight": "value", "upper_pct": 70, "fractile": (30, 70)},
    "value_unclipped": {"weight": "value", "upper_pct": 100},
    "mincos": {"mincos": 4, "fractile": (8, 92)},
    "mincos_uneven": {"mincos": 5, "fractile": (40, 90)},
    "mincos_never": {"mincos": 1000},
    "long_only": {"method": "long_only"},
    "long_only_value": {"method": "long_only", "weight": "value", "drift": True},
    "no_turnover": {"calc_turnover": False, "byvar_list": ["overall", "year", "cap"]},
    "universe": {"universe": UNIVERSE},
    "universe_text": {"universe": {"country": ["US", "CA", "XX"]}},
    "universe_no_bounds": {"universe": {"score": {"min": None, "max": None}}},
    "return_day": {"characteristics_asof": "return_day", "weight": "value", "byvar_list": ["overall", "cap"], "universe": UNIVERSE},
    "costs": {"tc_level": {"big": 1, "median": 20, "small": 300}},
    "no_costs": {"tc_level": {"big": 0, "median": 0, "small": 0}},
    "power_law": {"tc_model": "power_law"},
    "power_law_big": {"tc_model": "power_law", "tc_value": (0.5, 0.6), "gmv_musd": 500, "byvar_list": ["overall", "cap"]},
    "power_law_return_day": {"tc_model": "power_law", "characteristics_asof": "return_day"},
    "drift": {"drift": True, "byvar_list": ["overall", "cap"], "mincos": 2},
    "from_open": {"from_open": True},
    "from_open_lag": {"from_open": True, "lag": 2, "weight": "volume", "drift": True},
    "hold": {"hold_days": 5},
    "hold_next": {"hold_days": "next"},
    "periods_per_year": {"periods_per_year": 12},
    "hold_universe": {"hold_days": 3, "universe": UNIVERSE, "from_open": True},
    "double": {"sort_method": "double", "double_var": "score"},
    "double_cap": {"sort_method": "double", "double_var": "cap", "double_frac": 2, "byvar_list": ["overall", "country"], "mincos": 2},
    "industry": {"resid": "industry"},
    "factor": {"resid": "factor", "byvar_list": ["overall", "cap"], "mincos": 2},
    "all": {"resid": "all", "lag": 1},
    "resid_hold": {"resid": "all", "hold_days": 4, "fractile": (20, 80)},
    "analysis": {"analysis": ["ic", "fractile", "coverage"]},
    "analysis_more": {"analysis": ["ic", "fractile", "coverage"], "n_fractile": 5, "resid": "industry", "hold_days": 2, "from_open": True},
    "quantiles": {"analysis": ["quantiles"], "n_fractile": 5},
    "quantiles_value": {"analysis": ["quantiles"], "weight": "value", "from_open": True, "hold_days": 2, "periods_per_year": 12},
    "quantiles_volume": {"analysis": ["quantiles"], "weight": "volume", "resid": "all", "n_fractile": 4},
    "quantiles_sparse": {"analysis": ["quantiles"], "n_fractile": 60},
    "exposures": {"analysis": ["exposures"]},
    "exposure_groups": {"analysis": ["exposures"], "exposure_groups": ["industry_id", "country", "cap"], "weight": "value"},
    "drilldown": {"analysis": ["drilldown"], "weight": "value"},
    "drilldown_power_law": {"analysis": ["drilldown"], "tc_model": "power_law", "drift": True, "method": "long_only"},
    "drilldown_return_day": {"analysis": ["drilldown"], "characteristics_asof": "return_day", "calc_turnover": False},
    "capacity": {"analysis": ["capacity"]},
    "capacity_free": {"analysis": ["capacity"], "tc_value": (0.001, 0.7), "capacity_gmv": [0.5, 2000], "drift": True, "from_open": True},
    "decay": {"analysis": ["decay"], "horizons": [1, 10]},
    "decay_resid": {"analysis": ["decay"], "resid": "industry", "horizons": [5, 100], "universe": UNIVERSE, "lag": 1},
    "decay_hold": {"analysis": ["decay", "ic"], "hold_days": 3, "horizons": [2], "from_open": True, "calc_turnover": False},
    "double_sort": {"analysis": ["double_sort"], "double_var": "score", "n_fractile": 3},
    "double_sort_independent": {
        "analysis": ["double_sort"], "double_var": "mcap", "double_style": "independent", "double_frac": 5, "n_fractile": 5, "weight": "value",
    },
    "double_sort_both": {"analysis": ["double_sort"], "double_var": "cap", "sort_method": "double", "n_fractile": 2, "double_frac": 2},
    "resid_true": {"resid": True},
    "resid_false": {"resid": False},
    "resid_style": {"resid": True, "resid_style": "industry"},
    "resid_style_factor": {"resid": True, "resid_style": "factor"},
    "resid_style_all": {"resid": True, "resid_style": "all"},
    "resid_style_unused": {"resid_style": "factor"},
    "sigvar": {"sigvar": "other"},
    "threads": {"threads": 3, "resid": "all"},
    "lookahead": {"lookahead": "error"},
    "lookahead_warn": {"lookahead": "warn", "lag": 1},
    "weights": {"keep_weights": True, "weight": "value"},
    "own_factors": {"resid": "factor", "factors": ["score", "momentum"], "analysis": ["fractile"]},
    "own_factors_all": {"resid": "all", "factors": ["score", "size", "cap", "yield", "value", "growth", "leverage", "volatility", "momentum"], "hold_days": 2},
    "own_exposures": {"factors": ["score", "adv"], "byvar_list": ["overall", "cap"], "mincos": 2},
    "weighted_industry": {"resid": "industry", "neutralize_weight": "mcap"},
    "weighted_factors": {"resid": "all", "neutralize_weight": "sqrt_mcap"},
    "weighted_own": {"resid": "all", "neutralize_weight": "mcap", "factors": ["score", "size"], "characteristics_asof": "return_day"},
    "weighted_nothing": {"neutralize_weight": "mcap"},
    "rank": {"weight": "rank", "keep_weights": True},
    "rank_median": {"weight": "rank", "fractile": (50, 50), "byvar_list": ["overall", "cap"], "mincos": 2},
    "signal": {"weight": "signal", "keep_weights": True},
    "signal_unclipped": {"weight": "signal", "fractile": (50, 50), "upper_pct": 100, "resid": "industry"},
    "max_weight": {"weight": "value", "max_weight": 0.3, "keep_weights": True},
    "max_weight_small": {"weight": "volume", "max_weight": 0.02, "fractile": (30, 70)},
    "drift_book": {"drift": "book", "byvar_list": ["overall", "cap"], "mincos": 2},
    "drift_book_long": {"drift": "book", "method": "long_only", "weight": "value"},
    "entry_exit": {"charge_entry_exit": True, "byvar_list": ["overall", "year", "cap"], "mincos": 2},
    "entry_exit_power": {"charge_entry_exit": True, "tc_model": "power_law", "drift": True},
    "entry_exit_tables": {"charge_entry_exit": True, "analysis": ["capacity", "drilldown"], "drift": "book", "borrow_bps": 100},
    "entry_exit_overlap": {"charge_entry_exit": True, "analysis": ["capacity", "drilldown"], "overlap": 3, "tc_model": "power_law"},
    "bad_open": {"bad_open": "keep", "from_open": True, "hold_days": 2},
    "rank_within": {"rank_within": "sector_id", "mincos": 1, "keep_weights": True},
    "rank_within_text": {"rank_within": "country", "byvar_list": ["overall", "cap"], "mincos": 1, "weight": "rank", "analysis": ["fractile"]},
    "rank_within_small": {"rank_within": "industry_id", "fractile": (20, 80), "analysis": ["ic", "fractile"], "n_fractile": 4},
    "breakpoints": {"breakpoints": {"cap": [1, 2]}, "analysis": ["fractile"], "keep_weights": True},
    "breakpoints_within": {"breakpoints": {"adv": {"min": 1e6}}, "rank_within": "country", "weight": "rank", "mincos": 1, "analysis": ["fractile"]},
    "breakpoints_double": {"breakpoints": {"country": ["US"]}, "sort_method": "double", "double_var": "score", "weight": "rank", "mincos": 1},
    "breakpoints_few": {"breakpoints": {"country": ["XX"]}},
    "exit": {"exit_fractile": (25, 75), "hold_days": 2, "keep_weights": True},
    "exit_groups": {"exit_fractile": (40, 60), "byvar_list": ["overall", "cap"], "mincos": 2, "weight": "rank"},
    "exit_within": {"exit_fractile": (30, 60), "rank_within": "sector_id", "breakpoints": {"cap": [1, 2, 3]}, "mincos": 1, "analysis": ["fractile"]},
    "exit_double": {"exit_fractile": (20, 90), "sort_method": "double", "double_var": "score", "method": "long_only", "weight": "signal"},
    "overlap": {"overlap": 3, "keep_weights": True, "byvar_list": ["overall", "cap"], "mincos": 2},
    "overlap_open": {"overlap": 4, "from_open": True, "weight": "value", "charge_entry_exit": True, "tc_model": "power_law"},
    "overlap_long": {"overlap": 25, "byvar_list": ["overall", "month", "country"], "method": "long_only", "analysis": ["ic"]},
    "overlap_too_long": {"overlap": 60},
    "borrow": {"borrow_bps": 200, "byvar_list": ["overall", "year", "cap"], "mincos": 2},
    "borrow_long": {"borrow_bps": 200, "method": "long_only"},
    "borrow_not_counted": {"borrow_bps": 200, "calc_turnover": False},
    "delisting": {"delisting_return": -0.3, "drift": "book", "analysis": ["ic", "fractile"]},
    "delisting_open": {"delisting_return": -1, "from_open": True, "hold_days": 3, "drift": True},
}  # fmt: skip


@pytest.fixture(scope="module")
def markets(tmp_path_factory: pytest.TempPathFactory) -> dict:
    root = tmp_path_factory.mktemp("snapshots")
    out = {}
    for seed in SEEDS:
        frame = make_panel(seed)
        fractile.create_snapshot(f"m{seed}", frame, root=root, dtype="both")
        service = fractile.BacktestService.get(f"m{seed}", root=root, compact=False)
        out[seed] = (frame, Panel(frame), service, root)
    return out


def compare(market, signal, start_date=None, end_date=None, **config):
    frame, panel, service, root = market
    if start_date or end_date:
        service = fractile.BacktestService.get(service.stats()["snapshot"], start_date, end_date, compact=False, root=root)
    options = {"mincos": 3, **config}
    oracle_options = {k: v for k, v in options.items() if k not in ("keep_weights", "threads", "resid_style")}
    if isinstance(options.get("resid"), bool):
        oracle_options["resid"] = options.get("resid_style", "all") if options["resid"] else "off"
    want = run(frame, signal, start_date=start_date, end_date=end_date, panel=panel, **oracle_options)
    got = service.run(signal, **options)
    assert_equal_results(got, want)
    return got


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("case", CASES)
def test_option(markets, case, seed):
    frame = markets[seed][0]
    signal = make_signal(frame, seed, ties=seed % 2 == 1).rename(columns={"signal": CASES[case].get("sigvar", "signal")})
    compare(markets[seed], signal, **CASES[case])


@pytest.mark.parametrize("n_names", [7, 8, 9])
def test_residuals_of_as_many_factors_as_names(tmp_path, n_names):
    """Seven factors and a constant fit eight names exactly: residuals are 0, so the names tie and no rounding sorts them."""
    for seed in range(6):
        frame = make_panel(seed, n_days=15, n_names=n_names)
        fractile.create_snapshot(f"m{seed}", frame, root=tmp_path, dtype="float64")
        service = fractile.BacktestService.get(f"m{seed}", root=tmp_path, compact=False)
        market = (frame, Panel(frame), service, tmp_path)
        compare(market, make_signal(frame, seed, ties=False), mincos=1, resid="factor", analysis=["fractile"], n_fractile=3)


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("from_open", [False, True])
@pytest.mark.parametrize("times", [False, True])
@pytest.mark.filterwarnings("ignore:trade_before_avail")
def test_dates(markets, seed, from_open, times):
    signal = make_signal(markets[seed][0], seed)
    column = "date_openret" if from_open else "date_ret"
    other = "date_ret" if from_open else "date_openret"
    compare(markets[seed], add_avail(signal, seed, times), from_open=from_open)
    compare(markets[seed], add_given(signal, seed, column), from_open=from_open)
    both = add_given(add_given(add_avail(signal, seed, times), seed, column), seed + 1, other)
    got = compare(markets[seed], both, from_open=from_open, lag=1)
    assert got.diagnostics["return_day_rolled"] > 0
    assert got.diagnostics["trade_before_avail"] > 0


@pytest.mark.parametrize("kind", INPUT_TYPES)
def test_input_type(markets, kind):
    signal = make_signal(markets[1][0], 1)
    if kind == "fractile":
        signal["signal"] = (signal["signal"] * 2).round().clip(-2, 2)
    if kind == "position":
        signal["signal"] = signal["signal"].round().clip(-1, 1)
    compare(markets[1], signal, input_type=kind, byvar_list=["overall", "cap"], mincos=2)


@pytest.mark.parametrize("bounds", [("2020-01-15", "2020-02-10"), (None, "2020-01-20"), ("2019-01-01", "2030-01-01")])
def test_loaded_dates(markets, bounds):
    signal = make_signal(markets[2][0], 2)
    compare(markets[2], signal, start_date=bounds[0], end_date=bounds[1], byvar_list=["overall", "cap"], hold_days=2)


def test_refused_alike(markets):
    frame, panel, service, _ = markets[1]
    clean = make_signal(frame, 1, messy=False)
    late = add_given(clean, 1, "date_ret").assign(date_ret=lambda f: f["date_sig"])
    early = clean.assign(date_avail=clean["date_sig"] - pd.Timedelta(days=1))
    infinite = clean.assign(signal=float("inf"))
    strangers = clean.assign(security_id=10**9)
    for signal in (late, early, infinite, strangers):
        with pytest.raises(OracleRefused) as oracle:
            run(frame, signal, panel=panel)
        with pytest.raises(fractile.SignalError) as engine:
            service.run(signal)
        assert engine.value.code == oracle.value.code
    warned = add_given(add_avail(clean, 1, True), 1, "date_ret")
    with pytest.raises(fractile.SignalError, match="TRADE_BEFORE_AVAIL"):
        service.run(warned, lookahead="error")
    with pytest.warns(UserWarning, match="trade_before_avail"):
        service.run(warned)

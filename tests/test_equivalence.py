# Copyright The fractile authors. Licensed under the Apache License, Version 2.0.
"""The engine against the oracle over the product of options: every pair of values occurs in some run."""

from __future__ import annotations

import itertools
import random

import fractile
import pytest
from oracle import run
from oracle.markets import add_avail, add_costs, add_given, make_panel, make_signal
from oracle.panel import Panel
from support.comparison import assert_equal_results

VALUES: dict[str, list] = {
    "byvar_list": [["overall"], ["overall", "year", "cap"], ["month", "country"]],
    "fractile": [(10, 90), (20, 80), (33.3, 66.7), (50, 50)],
    "weight": ["equal", "value", "volume", "rank", "signal"],
    "max_weight": [1, 0.2],
    "resid": ["off", "industry", "factor", "all"],
    "from_open": [False, True],
    "mincos": [1, 3],
    "calc_turnover": [True, False],
    "lag": [0, 1, 3],
    "method": ["long_short", "long_only"],
    "input_type": ["value", "fractile", "position", "weight"],
    "sort_method": ["single", "double"],
    "upper_pct": [95, 75],
    "tc_model": ["naive", "power_law"],
    "tc_level": [None, {"small": 50}],
    "gmv_musd": [10, 1000],
    "drift": [False, True, "book"],
    "charge_entry_exit": [False, True],
    "bad_open": ["drop", "keep"],
    "rank_within": [None, "country", "sector_id"],
    "breakpoints": [None, {"cap": [1, 2]}, {"adv": {"min": 1e6}, "country": ["US"]}],
    "exit_fractile": [None, "half"],
    "overlap": [1, 3],
    "borrow_bps": [None, 0, 150],
    "delisting_return": [0, -0.3],
    "factors": [None, ["momentum", "score", "size"]],
    "neutralize_weight": ["equal", "sqrt_mcap", "mcap"],
    "characteristics_asof": ["previous_day", "return_day"],
    "universe": [None, {"cap": [1, 2, 3]}, {"adv": {"min": 1e3}, "country": ["US", "GB"]}],
    "hold_days": [1, 3, "next"],
    "periods_per_year": [None, 12],
    "analysis": [
        [],
        ["ic", "fractile", "coverage"],
        ["quantiles", "double_sort"],
        ["exposures", "drilldown"],
        ["capacity"],
        ["decay"],
    ],
    "n_fractile": [10, 4],
    "double_style": ["dependent", "independent"],
    "horizons": [[1, 2], [7, 1]],
    "capacity_gmv": [[10], [1, 500]],
    "exposure_groups": [[], ["industry_id", "country"]],
    "dates": ["plain", "avail", "given"],
    "columns": ["plain", "costs"],
}


def is_refused(case: dict) -> bool:
    """The pairs that methodology sections 3, 5, 8 and 12 to 14 refuse."""
    if case["overlap"] != 1 and (case["hold_days"] != 1 or case["drift"] or case["exit_fractile"]):
        return True
    if case["rank_within"] and case["sort_method"] == "double":
        return True
    if "capacity" in case["analysis"] and not case["calc_turnover"]:
        return True
    if case["rank_within"] and "double_sort" in case["analysis"]:
        return True
    if case["input_type"] == "value":
        return False
    needs_value = case["resid"] != "off" or case["sort_method"] == "double"
    needs_value |= bool({"fractile", "quantiles", "double_sort"} & set(case["analysis"]))
    needs_value |= bool(
        case["rank_within"] or case["breakpoints"] or case["exit_fractile"] or case["weight"] in ("rank", "signal")
    )
    return needs_value or (case["input_type"] == "weight" and (case["weight"] != "equal" or case["max_weight"] != 1))


def pairwise_cases() -> list[dict]:
    """Greedy choice: of some random cases, the next one is the case with the largest number of uncovered pairs."""
    chooser = random.Random(7)
    names = list(VALUES)
    spaces = {n: range(len(VALUES[n])) for n in names}
    missing = {
        ((a, i), (b, j))
        for a, b in itertools.combinations(names, 2)
        for i in spaces[a]
        for j in spaces[b]
        if can_occur(a, i, b, j)
    }
    cases = []
    while missing:
        best, covered = None, set()
        for _ in range(60):
            picked = {n: chooser.choice(spaces[n]) for n in names}
            for name, value in chooser.choice(sorted(missing)):
                picked[name] = value
            if is_refused({n: VALUES[n][i] for n, i in picked.items()}):
                continue
            pairs = {((a, picked[a]), (b, picked[b])) for a, b in itertools.combinations(names, 2)} & missing
            if len(pairs) > len(covered):
                best, covered = picked, pairs
        if best is not None:
            cases.append({n: VALUES[n][i] for n, i in best.items()})
            missing -= covered
    return cases


def can_occur(a: str, i: int, b: str, j: int) -> bool:
    plain = {n: VALUES[n][0] for n in VALUES}
    return not is_refused({**plain, a: VALUES[a][i], b: VALUES[b][j]})


CASES = pairwise_cases()


@pytest.fixture(scope="module")
def market(tmp_path_factory):
    root = tmp_path_factory.mktemp("equivalence")
    markets = {}
    for name, frame in (
        ("plain", make_panel(31, n_days=30, n_names=50)),
        ("costs", add_costs(make_panel(31, n_days=30, n_names=50), 31)),
    ):
        fractile.create_snapshot(name, frame, root=root, dtype="float64")
        markets[name] = (frame, Panel(frame), fractile.BacktestService.get(name, root=root, compact=False))
    return markets


def make_rows(frame, case):
    rows = make_signal(frame, 31)
    if case["input_type"] in ("fractile", "position"):
        rows["signal"] = rows["signal"].round().clip(-1, 1)
    if case["dates"] == "avail":
        rows = add_avail(rows, 1, times=True)
    if case["dates"] == "given":
        rows = add_given(rows, 1, "date_openret" if case["from_open"] else "date_ret")
    return rows


@pytest.mark.parametrize("number", range(len(CASES)))
def test_pairwise(market, number):
    case = CASES[number]
    frame, panel, service = market[case["columns"]]
    options = {k: v for k, v in case.items() if k not in ("dates", "columns")}
    if options["exit_fractile"]:
        options["exit_fractile"] = tuple((percent + 50) / 2 for percent in options["fractile"])
    if options["sort_method"] == "double" or "double_sort" in options["analysis"]:
        options["double_var"] = "score"
    rows = make_rows(frame, case)
    assert_equal_results(service.run(rows, **options), run(frame, rows, panel=panel, **options))


def test_every_pair_is_covered():
    assert 20 < len(CASES) < 120

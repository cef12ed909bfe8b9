# Copyright The fractile authors. Licensed under the Apache License, Version 2.0.
"""The warnings of a result that means little: docs/errors.md, "Warnings"."""

from __future__ import annotations

import json
import pathlib
import re
import warnings

import fractile
import numpy as np
import pandas as pd
import pytest

ROOT = pathlib.Path(__file__).resolve().parents[2]
DAYS = pd.bdate_range("2020-01-02", periods=120)


@pytest.fixture(scope="module")
def market(tmp_path_factory: pytest.TempPathFactory):
    root = tmp_path_factory.mktemp("warnings")
    panel = pd.MultiIndex.from_product([DAYS, np.arange(1, 101)], names=["date", "security_id"]).to_frame(index=False)
    panel["ret"] = np.random.default_rng(1).normal(0, 0.02, len(panel))
    fractile.create_snapshot("s", panel, root=root)
    signal = panel[["security_id", "date"]].rename(columns={"date": "date_sig"})
    signal["signal"] = np.random.default_rng(2).normal(size=len(signal))
    return fractile.BacktestService.get("s", root=root), signal


def run(market, signal, **options):
    """Runs and returns the result; checks that Python shows its warnings and that JSON has them."""
    with warnings.catch_warnings(record=True) as seen:
        warnings.simplefilter("always")
        result = market[0].run(signal, **options)
    texts = [str(w.message) for w in seen]
    assert texts == result.diagnostics["warnings"]
    assert [text.split(":")[0].upper() for text in texts] == result.diagnostics["warning_codes"]
    body = json.loads(result.to_json())["diagnostics"]
    assert (body["warnings"], body["warning_codes"]) == (texts, result.diagnostics["warning_codes"])
    return result


def test_an_ordinary_result_has_none(market):
    assert run(market, market[1]).diagnostics["warning_codes"] == []
    assert run(market, market[1], resid="off", method="long_only", fractile=(30, 70)).diagnostics["warning_codes"] == []


def only(result, code: str) -> str:
    assert result.diagnostics["warning_codes"].count(code) == 1, result.diagnostics["warnings"]
    return result.diagnostics["warnings"][result.diagnostics["warning_codes"].index(code)]


def test_no_book(market):
    _, signal = market
    text = only(run(market, signal.assign(signal=1.0)), "NO_BOOK")
    assert "all names have one value" in text
    assert "0 long and 0 short" in text
    text = only(run(market, signal.assign(signal=(signal["signal"] > 0) * 1.0)), "NO_BOOK")
    assert "tied values leave a side too small: the value " in text
    text = only(run(market, signal[signal["security_id"] <= 30]), "NO_BOOK")
    assert "mincos=10 asks for so many names per side" in text
    assert "3 long and 3 short" in text


def test_periods_left_out(market):
    """A book that starts late or ends early; the periods in between are FLAT_DAYS."""
    _, signal = market
    days = sorted(signal["date_sig"].unique())
    few = signal["security_id"] <= 30
    late = signal[few | (signal["date_sig"] >= days[12])]
    text = only(run(market, late), "PERIODS_LEFT_OUT")
    assert "leave out 12 or more at the start or the end" in text and "mincos=10" in text
    early = signal[few | (signal["date_sig"] < days[-13])]
    assert "PERIODS_LEFT_OUT" in run(market, early).diagnostics["warning_codes"]
    assert "PERIODS_LEFT_OUT" not in run(market, late, mincos=3).diagnostics["warning_codes"]
    assert "PERIODS_LEFT_OUT" not in run(market, signal, overlap=12).diagnostics["warning_codes"]


def test_few_rows_used(market):
    _, signal = market
    other = signal[signal["security_id"] <= 60].assign(security_id=lambda s: s["security_id"] + 1000)
    text = only(run(market, pd.concat([other, signal[signal["security_id"] <= 40]]), mincos=1), "FEW_ROWS_USED")
    assert f"of {len(other) + 40 * 120} rows are used; the largest cause is unknown_security ({len(other)} rows" in text
    assert "1001" in text


def test_flat_days(market):
    _, signal = market
    sparse = signal[signal["date_sig"].isin(DAYS[::5])]
    text = only(run(market, sparse), "FLAT_DAYS")
    assert 'hold_days="next"' in text
    assert "FLAT_DAYS" not in run(market, sparse, hold_days="next").diagnostics["warning_codes"]  # the remedy
    thin = signal[(~signal["date_sig"].isin(DAYS[::5])) | (signal["security_id"] <= 30)]
    text = only(run(market, thin), "FLAT_DAYS")
    assert "next" not in text  # these days have names, and too few of them


def test_shares_for_percent(market):
    _, signal = market
    text = only(run(market, signal, fractile=(0.1, 0.9)), "FRACTILE_SHARES")
    remedy = tuple(float(x) for x in re.search(r"for shares pass \((.*), (.*)\)", text).groups())
    assert remedy == (10, 90)
    assert run(market, signal, fractile=remedy).diagnostics["warning_codes"] == []


def test_few_periods(market):
    _, signal = market
    for n, is_few in ((59, True), (60, False)):
        codes = run(market, signal[signal["date_sig"] < DAYS[n]]).diagnostics["warning_codes"]
        assert ("FEW_PERIODS" in codes) == is_few


def test_high_volatility(market):
    _, signal = market
    text = only(run(market, signal, periods_per_year=100000, fractile=(5, 95), mincos=1), "HIGH_VOLATILITY")
    assert "check the unit of ret and periods_per_year (100000)" in text


def test_tied_values(market):
    _, signal = market
    zeros = signal.assign(signal=signal["signal"].where(signal["signal"] > 1.0, 0.0))
    text = only(run(market, zeros, method="long_only", fractile=(10, 50)), "TIED_VALUES")
    share = 100 * (zeros["signal"] == 0).mean()
    assert f"the value 0 is that of {share:.1f} % of the names" in text
    assert "(long)" in text


def test_a_code_among_the_values(market):
    _, signal = market
    coded = signal.assign(signal=signal["signal"].where(signal.index % 50 > 0, -99.0))
    text = only(run(market, coded), "CODE_VALUE")
    assert f"the value -99 of {(coded['signal'] == -99).sum()} rows" in text and 'null="-99"' in text
    assert run(market, coded, null="-99", mincos=5).diagnostics["warning_codes"] == []


@pytest.mark.parametrize("change", ["one row", "near others", "no code"])
def test_a_large_value_that_is_no_code(market, change):
    _, signal = market
    coded = signal["signal"].where(signal.index % 50 > 0, -98.0 if change == "no code" else -99.0)
    if change == "one row":
        coded = signal["signal"].where(signal.index > 0, -99.0)
    if change == "near others":
        coded = coded.where(signal.index % 50 != 1, 60.0)
    assert run(market, signal.assign(signal=coded)).diagnostics["warning_codes"] == []


def test_the_page_lists_the_codes():
    listed = re.findall(r"^\| `([A-Z_]+)` \| [^|]*\|$", (ROOT / "docs" / "errors.md").read_text().split("## Warnings")[1], re.M)
    source = (ROOT / "src" / "report" / "warnings.cpp").read_text()
    raised = list(dict.fromkeys(re.findall(r'warn\("([A-Z_]+)"', source)))
    assert listed == ["TRADE_BEFORE_AVAIL", *raised]

# Copyright The fractile authors. Licensed under the Apache License, Version 2.0.
"""audit_function finds a signal's knowledge of the future by cutting the panel."""

from __future__ import annotations

import fractile
import numpy as np
import pandas as pd
import pytest
from fractile import ConfigError

DATES = pd.bdate_range("2020-01-01", periods=60)
NAMES = 15


@pytest.fixture(scope="module")
def panel() -> pd.DataFrame:
    rng = np.random.default_rng(3)
    frame = pd.DataFrame({"security_id": np.repeat(np.arange(NAMES), len(DATES)), "date": np.tile(DATES, NAMES)})
    frame["ret"] = rng.normal(0, 0.02, len(frame))
    frame["earnings"] = np.where(rng.random(len(frame)) < 0.1, rng.normal(1, 0.3, len(frame)), np.nan)
    frame["cap"] = rng.integers(1, 4, len(frame))
    frame["country"] = rng.choice(["US", "CA"], len(frame))
    return frame


def make(panel: pd.DataFrame, column: str, change) -> pd.DataFrame:
    """A signal out of one column, name by name."""
    values = panel.groupby("security_id")[column].transform(change)
    return pd.DataFrame({"security_id": panel["security_id"], "date_sig": panel["date"], "signal": values})


HONEST = {
    "trailing sum": lambda p: make(p, "ret", lambda x: x.rolling(5).sum()),
    "expanding z-score": lambda p: make(p, "ret", lambda x: (x - x.expanding().mean()) / x.expanding().std()),
    "carried forward": lambda p: make(p, "earnings", lambda x: x.ffill()),
    "rank of the day": lambda p: p.rename(columns={"date": "date_sig"}).assign(
        signal=lambda f: f.groupby("date_sig")["ret"].rank()
    ),
}
FAULTS = {
    "z-score over the whole sample": lambda p: make(p, "ret", lambda x: (x - x.mean()) / x.std()),
    "centred moving average": lambda p: make(p, "ret", lambda x: x.rolling(5, center=True).mean()),
    "filled backwards": lambda p: make(p, "earnings", lambda x: x.bfill()),
    "return of the next day": lambda p: make(p, "ret", lambda x: x.shift(-1)),
    "survivors only": lambda p: make(p[p["security_id"].isin(p.loc[p["date"] == DATES[-1], "security_id"])], "ret", lambda x: x),
}


@pytest.mark.parametrize("name", HONEST)
def test_an_honest_function_passes(panel, name):
    audit = fractile.audit_function(HONEST[name], panel)
    assert audit.verdict == "pass"
    assert len(audit.days) == 8 and len(audit.rows) == 0
    assert DATES[0] < audit.days[0] and audit.days[-1] < DATES[-1]


@pytest.mark.parametrize("name", FAULTS)
def test_a_function_that_sees_the_future_is_found(panel, name):
    life = panel[(panel["security_id"] > 2) | (panel["date"] < DATES[40])]
    audit = fractile.audit_function(FAULTS[name], life)
    assert audit.verdict == "look-ahead"
    assert list(audit.rows.columns) == ["t", "security_id", "date_sig", "signal_whole", "signal_cut"]
    first = audit.rows.iloc[0]
    assert first["date_sig"] <= first["t"]
    whole = FAULTS[name](life).set_index(["security_id", "date_sig"])["signal"]
    expected = whole.get((first["security_id"], first["date_sig"]), np.nan)
    np.testing.assert_equal(first["signal_whole"], expected)


def test_knowledge_that_only_noise_reveals(panel):
    """The function looks ahead only while the panel reaches its last day, and truncation happens to give the same values."""
    sign = float(np.sign(panel.loc[panel["date"] == DATES[-1], "ret"].sum()))

    def sign_of_the_last_day(p: pd.DataFrame) -> pd.DataFrame:
        last = p.loc[p["date"] == DATES[-1], "ret"]
        total = float(last.sum()) if len(last) else sign
        return make(p, "ret", lambda x: total * x if len(last) else x * float(panel.loc[panel["date"] == DATES[-1], "ret"].sum()))

    audit = fractile.audit_function(sign_of_the_last_day, panel)
    assert audit.verdict == "look-ahead"
    assert set(audit.rows["t"]) == {audit.days[len(audit.days) // 2]}


def test_rounding_is_no_fault_and_the_last_bit_is_one(panel):
    def rounded(p: pd.DataFrame) -> pd.DataFrame:
        return make(p, "ret", lambda x: x * (1 + 1e-12 * p["date"].nunique()))

    assert fractile.audit_function(rounded, panel).verdict == "pass"
    assert fractile.audit_function(rounded, panel, rtol=0).verdict == "look-ahead"


def test_missing_values_match_and_the_panel_is_not_changed(panel):
    before = panel.copy()

    def writes(p: pd.DataFrame) -> pd.DataFrame:
        p["ret"] = p["ret"].where(p["ret"] > 0)
        return make(p, "ret", lambda x: x)

    assert fractile.audit_function(writes, panel).verdict == "pass"
    pd.testing.assert_frame_equal(panel, before)


def test_refusals(panel):
    rng = np.random.default_rng(0)
    with pytest.raises(ConfigError, match="answers the same panel the same"):
        fractile.audit_function(lambda p: make(p, "ret", lambda x: x + rng.normal(size=len(x))), panel)
    with pytest.raises(ConfigError, match="security_id, date_sig and signal"):
        fractile.audit_function(lambda p: p, panel)
    with pytest.raises(ConfigError, match="each security and date once"):
        fractile.audit_function(lambda p: pd.concat([HONEST["trailing sum"](p)] * 2), panel)
    with pytest.raises(ConfigError, match="three days"):
        fractile.audit_function(HONEST["trailing sum"], panel[panel["date"] < DATES[2]])
    with pytest.raises(ConfigError, match="n_dates"):
        fractile.audit_function(HONEST["trailing sum"], panel, n_dates=0)

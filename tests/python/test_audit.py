# Copyright The fractile authors. Licensed under the Apache License, Version 2.0.
"""The look-ahead auditor: an independent computation of its profile, planted faults, and every surface."""

from __future__ import annotations

import json
import pathlib
import pickle
import subprocess
import warnings

import fractile
import numpy as np
import pandas as pd
import pytest
from fractile import ConfigError, SignalError
from oracle.markets import make_panel, make_signal
from support.server_process import serving

DAYS, NAMES, LEAVERS = 300, 120, 30
DATES = pd.bdate_range("2020-01-01", periods=DAYS)


class Market:
    """Returns of names of which some leave, and signals on all panel rows."""

    def __init__(self, root: pathlib.Path) -> None:
        rng = np.random.default_rng(11)
        self.root = root
        self.ret = rng.normal(0, 0.02, (DAYS, NAMES))
        self.last = np.full(NAMES, DAYS)
        self.last[:LEAVERS] = rng.integers(150, 250, LEAVERS)
        self.alive = np.arange(DAYS)[:, None] < self.last
        self.noise = rng.normal(0, 1, (DAYS, NAMES))
        panel = self.rows(self.ret).rename(columns={"date_sig": "date", "signal": "ret"})
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            fractile.create_snapshot("market", panel, root=root)
        self.service = fractile.BacktestService.get("market", root=root)

    def rows(self, values: np.ndarray, chosen: np.ndarray | None = None) -> pd.DataFrame:
        day, name = np.nonzero(self.alive if chosen is None else self.alive & chosen)
        return pd.DataFrame({"security_id": name, "date_sig": DATES[day], "signal": values[day, name]})


@pytest.fixture(scope="module")
def market(tmp_path_factory) -> Market:
    return Market(tmp_path_factory.mktemp("audit"))


def check(audit, name: str) -> pd.Series:
    return audit.checks.set_index("check").loc[name]


def shift(values: np.ndarray, days: int) -> np.ndarray:
    """values of `days` later, at today's place."""
    return np.vstack([values[days:], np.zeros((days, values.shape[1]))])


# The profile, computed by pandas.


def newey_west_t(x: np.ndarray) -> float:
    n, e = len(x), x - x.mean()
    lags = int(4 * (n / 100) ** (2 / 9))
    omega = e @ e / n + 2 * sum((1 - k / (lags + 1)) * (e[k:] @ e[:-k]) / n for k in range(1, lags + 1))
    return x.mean() / np.sqrt(omega / n)


def expected_profile(panel: pd.DataFrame, signal: pd.DataFrame, first_k: int, k: int) -> tuple[float, float, int, float]:
    """ic, t_nw, days and share of k. Rows need a panel row on their return day; the last of several rows counts."""
    days = pd.Index(np.sort(panel["date"].unique()))
    place = panel.assign(n=days.get_indexer(panel["date"]))
    ret = place.set_index(["security_id", "n"])["ret"]
    rows = signal.assign(r=days.get_indexer(signal["date_sig"]) + first_k).dropna(subset=["signal"])
    rows = rows[pd.MultiIndex.from_frame(rows[["security_id", "r"]]).isin(ret.index)].drop_duplicates(
        ["security_id", "r"], keep="last"
    )
    found, shares = [], []
    for r, today in rows.groupby("r"):
        key = pd.MultiIndex.from_arrays([today["security_id"], np.full(len(today), r - first_k + k)])
        both = pd.DataFrame({"s": today["signal"].to_numpy(), "ret": ret.reindex(key).to_numpy()}).dropna()
        if len(both) < 10:
            continue
        found.append(both["s"].rank().corr(both["ret"].rank()))
        shares.append(len(both) / len(today))
    x = np.array(found)
    return x.mean(), newey_west_t(x), len(x), float(np.mean(shares))


@pytest.mark.parametrize("with_avail", [False, True])
def test_the_profile_is_that_of_pandas(tmp_path, with_avail):
    panel = make_panel(8, n_days=70)
    fractile.create_snapshot("v1", panel, root=tmp_path, dtype="float64")
    signal = make_signal(panel, 8, messy=False)
    days = np.sort(panel["date"].unique())
    if with_avail:  # known on the next trading day: the same trades, and k counts from it
        later = np.append(days[1:], np.datetime64("NaT"))
        signal["date_avail"] = pd.Series(later, index=days).reindex(signal["date_sig"]).to_numpy()
        signal = signal.dropna(subset=["date_avail"])
    audit = fractile.BacktestService.get("v1", root=tmp_path, compact=False).audit(signal, mincos=3)
    assert audit.first_k == (1 if with_avail else 2)
    assert list(audit.profile["k"]) == list(range(-10, 11))
    for row in audit.profile.itertuples():
        ic, t_nw, n, share = expected_profile(panel, signal, 2, row.k + (1 if with_avail else 0))
        assert (row.ic, row.t_nw, row.days, row.share) == pytest.approx((ic, t_nw, n, share), abs=1e-12, rel=1e-9)


def test_the_profile_at_the_return_day_is_the_analysis_ic(market):
    signal = market.rows(market.noise)
    point = market.service.audit(signal).profile.set_index("k").loc[2]
    summary = market.service.run(signal, analysis=["ic"]).ic_summary.iloc[0]
    assert (point["ic"], point["t_nw"]) == pytest.approx((summary["mean"], summary["t_stat_nw"]), rel=1e-12)


def test_threads_change_no_bit(market):
    signal = market.rows(np.round(market.noise, 1))
    bodies = [market.service.audit(signal, threads=threads).to_dict() for threads in (1, 2, 3)]
    for body in bodies:
        body.pop("elapsed_seconds"), body["config"].pop("threads")
    assert bodies[0] == bodies[1] == bodies[2]


# Planted faults.


def test_a_signal_dated_a_day_early(market):
    """A reversal that knows the close of tomorrow, dated today."""
    audit = market.service.audit(market.rows(-(shift(market.ret, 1) + market.ret)))
    assert audit.verdict == "suspicious"
    spike = check(audit, "untradable_spike")
    assert spike["status"] == "suspicious" and spike["value"] > 3 and "k = 1" in spike["meaning"]


def test_the_same_reversal_dated_right_passes(market):
    audit = market.service.audit(market.rows(-(market.ret + np.roll(market.ret, 1, axis=0))))
    assert audit.verdict == "pass"
    assert audit.profile.set_index("k").loc[0, "ic"] < -0.5


def test_tomorrows_return_mixed_in_at_5_percent(market):
    tomorrow = shift(market.ret, 1) / 0.02
    audit = market.service.audit(market.rows(0.95 * market.noise + 0.05 * tomorrow))
    assert check(audit, "untradable_spike")["status"] == "suspicious"


def test_the_return_that_is_earned_mixed_in(market):
    earned = shift(market.ret, 2) / 0.02
    audit = market.service.audit(market.rows(0.7 * market.noise + 0.3 * earned))
    found = check(audit, "implausible")
    assert found["status"] == "suspicious" and found["value"] > found["threshold"]
    sharpe = market.service.run(market.rows(0.7 * market.noise + 0.3 * earned)).sharpe
    assert f"{sharpe:.2f}" in found["meaning"]


def test_a_slow_signal_that_knows_one_day(market):
    slow = np.repeat(market.noise[:1], DAYS, axis=0) + 0.05 * market.noise
    audit = market.service.audit(market.rows(slow + 0.25 * shift(market.ret, 2) / 0.02))
    found = check(audit, "cliff")
    assert found["status"] == "suspicious" and found["value"] < 0.25


def test_survivors_only(market):
    survivors = np.broadcast_to(market.last == DAYS, (DAYS, NAMES))
    audit = market.service.audit(market.rows(market.noise, survivors | (np.arange(DAYS)[:, None] < 20)))
    found = check(audit, "survivorship")
    assert audit.verdict == "suspicious" and found["status"] == "suspicious"
    leaving = market.last < DAYS
    has = market.alive & (survivors | (np.arange(DAYS)[:, None] < 20))
    with np.errstate(invalid="ignore"):
        shares = has[:, leaving].sum(1) / market.alive[:, leaving].sum(1)
    both = market.alive[:, leaving].any(1)
    assert found["value"] == pytest.approx(min(shares[both].mean(), 0.0), abs=1e-12)
    assert check(market.service.audit(market.rows(market.noise)), "survivorship")["status"] == "pass"


def test_leavers_that_lose_their_signal_before_they_leave(market):
    early = np.arange(DAYS)[:, None] < np.where(market.last < DAYS, market.last - 63, DAYS)
    found = check(market.service.audit(market.rows(market.noise, early)), "survivorship")
    assert found["status"] == "suspicious" and found["value"] == 0.0 and "last 63 periods" in found["meaning"]


def test_a_restated_vintage(market):
    """History was corrected with what the return turned out to be."""
    older = market.rows(market.noise)
    newer = market.rows(np.where(market.noise > 1.2, market.noise + 2 * shift(market.ret, 2) / 0.02, market.noise))
    audit = market.service.audit(newer, previous=older)
    found = check(audit, "restated")
    assert found["status"] == "suspicious" and found["value"] > 2
    changed = int((older["signal"].to_numpy() != newer["signal"].to_numpy()).sum())
    assert f"{changed} of {len(older)} common rows changed" in found["meaning"]
    a, b = (market.service.run(rows) for rows in (newer, older))
    difference = fractile.stats.sharpe_difference(
        a.daily.set_index("date")["ret"], b.daily.set_index("date")["ret"], draws=1, block=1
    )
    assert found["value"] == pytest.approx(difference.difference / difference.se_hac, rel=1e-9)
    assert check(market.service.audit(older, previous=older), "restated")["status"] == "pass"
    assert check(market.service.audit(older), "restated")["status"] == "not applicable"


def test_impossible_dates_are_look_ahead_and_the_rest_goes_on(market):
    good = market.rows(market.noise).assign(date_ret=lambda f: f["date_sig"] + pd.offsets.BDay(2))
    bad = good.copy()
    bad.loc[[7, 9], "date_ret"] = bad.loc[[7, 9], "date_sig"]
    audit = market.service.audit(bad)
    assert audit.verdict == "look-ahead" and audit.first_k == 0
    dates = check(audit, "dates")
    assert (dates["status"], dates["value"]) == ("look-ahead", 2) and "row 7 (security_id 7" in dates["rows"]
    rest = market.service.audit(good.drop(index=[7, 9]))
    np.testing.assert_array_equal(audit.profile["ic"], rest.profile["ic"])
    with pytest.raises(SignalError, match="IMPOSSIBLE_DATES"):
        market.service.run(bad)
    nothing = market.service.audit(good.assign(date_ret=good["date_sig"]))
    assert nothing.verdict == "look-ahead" and len(nothing.profile) == 0
    assert check(nothing, "implausible")["status"] == "not applicable"


def test_trades_before_date_avail_are_suspicious(market):
    early = market.rows(market.noise).assign(
        date_avail=lambda f: f["date_sig"] + pd.offsets.BDay(3), date_ret=lambda f: f["date_sig"] + pd.offsets.BDay(2)
    )
    assert check(market.service.audit(early), "dates")["status"] == "suspicious"
    assert check(market.service.audit(early, lookahead="error"), "dates")["status"] == "look-ahead"


def test_a_return_that_the_signal_may_know_is_no_spike(market):
    """Known on its own day before the close: the day before the return day is the signal's own day."""
    on_the_day = market.rows(market.ret).assign(date_avail=lambda f: f["date_sig"])
    audit = market.service.audit(on_the_day)
    assert audit.verdict == "pass" and audit.first_k == 1
    assert check(audit, "untradable_spike")["status"] == "not applicable"
    assert audit.profile.set_index("k").loc[0, "ic"] == pytest.approx(1)


def test_notes(market):
    values = np.repeat(market.noise[::5], 5, axis=0)[:DAYS]
    values[40] = 1.0
    rows = market.rows(values)
    rows.loc[3, "date_sig"] = DATES[0] + pd.Timedelta(days=3)  # Saturday
    audit = market.service.audit(rows)
    assert audit.verdict == "pass"
    assert check(audit, "stale")["status"] == "note"
    assert (check(audit, "constant")["status"], check(audit, "constant")["value"]) == ("note", 1)
    assert (check(audit, "calendar")["status"], check(audit, "calendar")["value"]) == ("note", 1)
    assert "row 3 " in check(audit, "calendar")["rows"]


def test_backfilled_names(tmp_path):
    panel = make_panel(8, n_days=70)
    fractile.create_snapshot("v1", panel, root=tmp_path)
    signal = make_signal(panel, 8, messy=False)
    first = panel.groupby("security_id")["date"].min()
    late = first[first > panel["date"].min()].index[:2]
    extra = pd.DataFrame({"security_id": late, "date_sig": panel["date"].min(), "signal": 1.0})
    service = fractile.BacktestService.get("v1", root=tmp_path)
    assert check(service.audit(signal, mincos=3), "backfill")["status"] == "pass"
    found = check(service.audit(pd.concat([signal, extra]), mincos=3), "backfill")
    assert (found["status"], found["value"]) == ("note", 2)


def test_noise_is_not_called_suspicious(market):
    rng = np.random.default_rng(5)
    signals = [market.rows(rng.normal(0, 1, (DAYS, NAMES))) for _ in range(50)]
    signals += [market.rows(np.cumsum(rng.normal(0, 1, (DAYS, NAMES)), axis=0)) for _ in range(50)]
    verdicts = [market.service.audit(signal).verdict for signal in signals]
    assert sum(verdict != "pass" for verdict in verdicts) <= 2


# Surfaces.


def test_the_object(market, tmp_path):
    audit = market.service.audit(market.rows(market.noise + shift(market.ret, 1) / 0.02))
    assert list(audit.checks["check"]) == [
        "dates",
        "untradable_spike",
        "implausible",
        "cliff",
        "survivorship",
        "restated",
        "backfill",
        "stale",
        "constant",
        "calendar",
    ]
    assert "untradable_spike" in repr(audit) and audit.snapshot == "market" and audit.elapsed_seconds > 0
    text = audit.to_text()
    assert text.startswith("verdict: suspicious\n") and max(map(len, text.splitlines())) <= 120
    assert pickle.loads(pickle.dumps(audit)).to_json() == audit.to_json()
    assert json.loads(audit.to_json())["verdict"] == "suspicious"
    assert audit.to_dict()["checks"][1]["status"] == "suspicious"
    page = audit.to_html(str(tmp_path / "audit.html"))
    assert page == (tmp_path / "audit.html").read_text() and "<svg" in page and "untradable_spike" in page
    axes = audit.plot(str(tmp_path / "profile.png")).axes[0]
    heights = sorted(bar.get_height() for bar in axes.patches)
    np.testing.assert_allclose(heights, sorted(audit.profile["ic"]), rtol=1e-12)
    with pytest.raises(ConfigError, match="ends in"):
        audit.plot("profile.gif")
    with pytest.raises(ConfigError, match="UNKNOWN_OPTION"):
        market.service.audit(market.rows(market.noise), lags=1)


def test_the_command_line(market, executable, tmp_path):
    suspicious = market.rows(market.noise + shift(market.ret, 1) / 0.02)
    cases = {
        "good": (market.rows(market.noise), 0),
        "suspicious": (suspicious, 3),
        "ahead": (suspicious.assign(date_ret=suspicious["date_sig"]), 4),
    }
    for name, (rows, status) in cases.items():
        rows.to_parquet(tmp_path / f"{name}.parquet")
        command = [executable, "audit", f"{name}.parquet", "--root", market.root, "--snapshot", "market", "--format", "json"]
        done = subprocess.run([*command, "--out", name], cwd=tmp_path, capture_output=True, text=True)
        assert done.returncode == status, done.stderr
        body = json.loads(done.stdout)
        expected = market.service.audit(rows).to_dict()
        assert body["checks"] == expected["checks"] and body["profile"] == expected["profile"]
        assert body["verdict"] == json.loads((tmp_path / name / "manifest.json").read_text())["verdict"]
        assert len(pd.read_parquet(tmp_path / name / "checks.parquet")) == 10
    command = [executable, "audit", "good.parquet", "--root", market.root, "--previous", "suspicious.parquet"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True)
    assert done.returncode == 0 and "Changes do not flatter the past" in done.stdout


def test_a_server_gives_the_same(market, tmp_path):
    rows, older = market.rows(market.noise), market.rows(np.round(market.noise, 1))
    expected = market.service.audit(rows, previous=older).to_dict()
    with serving(tmp_path, market.root, {"defaults": {"byvar_list": ["overall"]}}) as server:
        client = fractile.BacktestClient(server_url=server.url)
        for audit in (client.audit(rows, previous=older), client.audit(rows)):
            found = audit.to_dict()
            assert found["profile"] == expected["profile"]
        assert client.audit(rows, previous=older).to_dict()["checks"] == expected["checks"]
        with pytest.raises(SignalError, match="UNKNOWN_COLUMN"):
            client.audit(rows, sigvar="alpha")


@pytest.mark.parametrize("name", ["reversal_5d", "momentum_12_1", "value"])
def test_real_signals_pass(real_data, tmp_path_factory, executable, name):
    root = tmp_path_factory.getbasetemp() / "real_audit"
    if not (root / "us").exists():
        command = [executable, "snapshot", "create", "us", "--panel", real_data / "panel.parquet", "--root", root]
        subprocess.run(command, check=True, capture_output=True)
    audit = fractile.BacktestService.get("us", root=root).audit(real_data / f"signal_{name}.parquet")
    assert audit.verdict == "pass", audit.to_text()

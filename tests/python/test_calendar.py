# Copyright The fractile authors. Licensed under the Apache License, Version 2.0.
"""Frequency, periods per year, and formation at the ends of periods: methodology sections 1, 2 and 8."""

from __future__ import annotations

import json
import pathlib
import subprocess
import tarfile

import fractile
import numpy as np
import pandas as pd
import pytest
from oracle import run
from oracle.calendar import detect
from oracle.markets import add_avail, add_given, make_panel, make_signal
from support.comparison import assert_equal_results

pytestmark = pytest.mark.filterwarnings("ignore::UserWarning")

_SUNDAY_TO_THURSDAY = pd.date_range("2020-01-05", periods=60)
CALENDARS = {
    "business days": (pd.bdate_range("2020-01-02", periods=40), "daily", 252),
    "every day": (pd.date_range("2020-01-02", periods=40), "daily", 365),
    "Sunday to Thursday": (_SUNDAY_TO_THURSDAY[~_SUNDAY_TO_THURSDAY.dayofweek.isin([4, 5])], "daily", 252),
    "one day": (pd.DatetimeIndex(["2020-01-04"]), "daily", 252),
    "Fridays": (pd.date_range("2020-01-03", periods=40, freq="W-FRI"), "weekly", 52),
    "two weeks": (pd.date_range("2020-01-03", periods=40, freq="14D"), "irregular", 26),
    "month ends": (pd.date_range("2000-01-31", periods=240, freq="ME"), "monthly", 12),
    "CRSP months": (pd.date_range("2000-01-31", periods=240, freq="BME"), "monthly", 12),
    "quarters": (pd.date_range("2000-03-31", periods=40, freq="QE"), "quarterly", 4),
    "half years": (pd.date_range("2000-06-30", periods=40, freq="6ME"), "irregular", 2),
    "years": (pd.date_range("1980-12-31", periods=40, freq="YE"), "yearly", 1),
}


def small_panel(dates: pd.DatetimeIndex, seed: int = 1) -> pd.DataFrame:
    panel = pd.MultiIndex.from_product([dates, np.arange(1, 31)], names=["date", "security_id"]).to_frame(index=False)
    return panel.assign(ret=np.random.default_rng(seed).normal(0, 0.02, len(panel)))


def move_dates(panel: pd.DataFrame, dates: pd.DatetimeIndex) -> pd.DataFrame:
    """The panel with its n-th trading day on the n-th date."""
    days = sorted(panel["date"].unique())
    return panel.assign(date=panel["date"].map(dict(zip(days, dates[: len(days)]))))


@pytest.mark.parametrize("name", CALENDARS)
def test_frequency(tmp_path, name):
    dates, frequency, periods = CALENDARS[name]
    assert detect(list(dates)) == (frequency, periods)
    info = fractile.create_snapshot("s", small_panel(dates), root=tmp_path)
    assert (info["frequency"], info["periods_per_year"]) == (frequency, periods)


@pytest.mark.parametrize("name", ["CRSP months", "month ends", "Fridays", "quarters", "years", "half years", "every day"])
@pytest.mark.parametrize("from_open", [False, True])
def test_agrees_with_the_oracle(tmp_path, name, from_open):
    """Return, Sharpe, t statistics, turnover, costs, IC and drops agree for all dates of signals within a period."""
    dates = CALENDARS[name][0]
    panel = move_dates(make_panel(3, n_days=len(dates) - 4, n_names=40), dates)
    rng = np.random.default_rng(5)
    signal = make_signal(panel, 3)
    step = (dates[1] - dates[0]).days
    signal["date_sig"] += pd.to_timedelta(rng.integers(-step // 2, step // 2 + 1, len(signal)), unit="D")
    fractile.create_snapshot("s", panel, root=tmp_path, dtype="both")
    service = fractile.BacktestService.get("s", root=tmp_path, compact=False)
    options = {"mincos": 3, "analysis": ["ic", "coverage"], "byvar_list": ["overall"], "from_open": from_open}
    got = service.run(signal, **options)
    assert_equal_results(got, run(panel, signal, **options))
    assert got.diagnostics["rows_used"] > 400
    given = add_given(add_avail(signal, 3, times=True), 3, "date_openret" if from_open else "date_ret")
    assert_equal_results(service.run(given, **options), run(panel, given, **options))


def test_a_monthly_book_earns_the_next_month(tmp_path):
    """The signal of a month's end, with any day of the month as its date, is the return of the next month."""
    dates = CALENDARS["CRSP months"][0]
    panel = small_panel(dates)
    fractile.create_snapshot("s", panel, root=tmp_path, dtype="both")
    service = fractile.BacktestService.get("s", root=tmp_path, compact=False)
    following = panel.sort_values("date").groupby("security_id")["ret"].shift(-1)
    signal = panel.assign(signal=following)[["security_id", "date", "signal"]].rename(columns={"date": "date_sig"})
    at_trading_day = service.run(signal, mincos=1, analysis=["ic"])
    assert (at_trading_day.ic["ic"] > 0.999).all()
    assert at_trading_day.daily["date"].iloc[0] == dates[1]
    at_month_end = signal.assign(date_sig=signal["date_sig"] + pd.offsets.MonthEnd(0))
    pd.testing.assert_frame_equal(service.run(at_month_end, mincos=1).daily, at_trading_day.daily)
    # A date before the first day of the snapshot would be outside its dates, so no date of the first month is earlier.
    later = signal[signal["date_sig"] > dates[0]]
    in_month = later.assign(date_sig=later["date_sig"] - pd.Timedelta(days=9))
    pd.testing.assert_frame_equal(service.run(in_month, mincos=1).daily, service.run(later, mincos=1).daily)
    given = signal.assign(date_avail=signal["date_sig"] + pd.Timedelta(days=4))  # in the next month, so traded a month later
    assert service.run(given, mincos=1).daily["date"].iloc[0] == dates[2]


@pytest.mark.parametrize("periods", [12, 250])
def test_periods_per_year_scale_what_is_annualised_alone(tmp_path, periods):
    panel = small_panel(CALENDARS["business days"][0])
    signal = panel.assign(signal=panel["security_id"] % 7)[["security_id", "date", "signal"]].rename(columns={"date": "date_sig"})
    fractile.create_snapshot("a", panel, root=tmp_path)
    fractile.create_snapshot("b", panel, root=tmp_path, periods_per_year=periods)
    a, b = (fractile.BacktestService.get(id, root=tmp_path).run(signal, mincos=1) for id in "ab")
    assert a.run_id != b.run_id
    x, y = a.summary.iloc[0], b.summary.iloc[0]
    for name in ("ret_ann", "ret_net_ann", "tc_ann"):
        assert y[name] == pytest.approx(x[name] * periods / 252, rel=1e-12)
    for name in ("ret_std", "sharpe_ret", "sharpe_ret_net"):
        assert y[name] == pytest.approx(x[name] * np.sqrt(periods / 252), rel=1e-12)
    same = [c for c in a.summary if c not in ("byvar", "group") and not c.endswith(("_ann", "_std")) and "sharpe" not in c]
    pd.testing.assert_series_equal(x[same], y[same])
    pd.testing.assert_frame_equal(a.daily, b.daily)


def test_periods_per_year_survive_an_append(tmp_path):
    dates = CALENDARS["month ends"][0]
    panel = small_panel(dates)
    head, tail = panel[panel["date"] < dates[100]], panel[panel["date"] >= dates[100]]
    fractile.create_snapshot("given", head, root=tmp_path, periods_per_year=10)
    assert fractile.append_snapshot("given", tail, "given-2", root=tmp_path)["periods_per_year"] == 10
    first = fractile.create_snapshot("first", head[head["date"] == dates[0]], root=tmp_path)
    assert first["frequency"] == "daily"
    whole = fractile.append_snapshot("first", panel[panel["date"] > dates[0]], "whole", root=tmp_path)
    assert (whole["frequency"], whole["periods_per_year"]) == ("monthly", 12)
    assert whole["content_hash"] == fractile.create_snapshot("once", panel, root=tmp_path)["content_hash"]


@pytest.mark.parametrize("periods", [0, -3, 2.5, "12", True, 10**9])
def test_impossible_periods_are_refused(tmp_path, periods):
    with pytest.raises(fractile.errors.FractileError, match="INVALID_VALUE: expected periods_per_year"):
        fractile.create_snapshot("s", small_panel(CALENDARS["one day"][0]), root=tmp_path, periods_per_year=periods)


def test_an_older_snapshot_is_daily_and_252(tmp_path):
    """A snapshot from before manifests had a frequency retains its run_id and its numbers."""
    with tarfile.open(pathlib.Path(__file__).parent / "snapshots" / "monthly_before_frequency.tar.gz") as archive:
        archive.extractall(tmp_path, filter="data")
    fractile.verify_snapshot("monthly", root=tmp_path)
    assert fractile.snapshot_report("monthly", root=tmp_path).empty
    dates = pd.date_range("2000-01-31", periods=30, freq="BME")
    keys = pd.MultiIndex.from_product([dates, np.arange(1, 13)], names=["date", "security_id"]).to_frame(index=False)
    signal = keys.rename(columns={"date": "date_sig"}).assign(signal=keys["security_id"].astype(float))
    old = fractile.BacktestService.get("monthly", root=tmp_path).run(signal, mincos=1, fractile=(20, 80))
    assert old.run_id == "c8ad087986053382d4efa4c59c2a77b0"
    assert old.summary["ret_ann"][0] == 0.06450012041022993
    assert old.daily["date"].iloc[0] == dates[2]  # the trade is a period later, as on a daily panel
    panel = keys.assign(ret=np.round(np.sin(np.arange(len(keys)) * 1.7) / 10, 3))
    new = fractile.create_snapshot("new", panel, root=tmp_path)
    assert new["content_hash"] == "a88cb0397f7ca522941f94f6fb7e182d"
    got = fractile.BacktestService.get("new", root=tmp_path).run(signal, mincos=1, fractile=(20, 80))
    assert got.run_id != old.run_id
    assert got.daily["date"].iloc[0] == dates[1]


def sparse_signal(panel: pd.DataFrame, seed: int) -> pd.DataFrame:
    """Messy rows of every ninth trading day."""
    signal = make_signal(panel, seed)
    days = sorted(panel["date"].unique())
    return signal[signal["date_sig"].isin(days[::9]) | signal["date_sig"].isna()]


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"from_open": True, "universe": {"adv": {"min": 1.0}}},
        {"resid": "all", "fractile": (20, 80)},
        {"lag": 2, "weight": "value", "byvar_list": ["overall", "cap"], "analysis": ["ic", "coverage"]},
        {"start_date": "2020-01-15", "end_date": "2020-02-10"},
    ],
)
def test_holding_until_the_next_agrees_with_the_oracle(tmp_path, options):
    panel = make_panel(4)
    signal = sparse_signal(panel, 4)
    dates = {name: options[name] for name in ("start_date", "end_date") if name in options}
    options = {"mincos": 3, "hold_days": "next"} | {k: v for k, v in options.items() if k not in dates}
    fractile.create_snapshot("s", panel, root=tmp_path, dtype="both")
    service = fractile.BacktestService.get("s", *dates.values(), root=tmp_path, compact=False)
    got = service.run(signal, **options)
    assert_equal_results(got, run(panel, signal, **options, **dates))
    assert got.diagnostics["rows_carried"] > got.diagnostics["rows_used"]
    again = service.run(signal, **options)  # from the cache
    assert (again.run_id, again.daily.equals(got.daily)) == (got.run_id, True)


def test_holding_until_the_next_is_a_number_of_days_where_days_are_even(tmp_path):
    """A full cross-section every fifth day is held as long as hold_days=5 holds it."""
    panel = small_panel(CALENDARS["business days"][0])
    keys = panel[["security_id", "date"]].rename(columns={"date": "date_sig"})
    keys = keys[keys["date_sig"].isin(sorted(panel["date"].unique())[::5])]
    signal = keys.assign(signal=np.random.default_rng(2).normal(size=len(keys)))
    fractile.create_snapshot("s", panel, root=tmp_path)
    service = fractile.BacktestService.get("s", root=tmp_path)
    five, until_next = (service.run(signal, mincos=1, hold_days=h) for h in (5, "next"))
    pd.testing.assert_frame_equal(five.daily, until_next.daily)
    assert five.run_id != until_next.run_id
    assert "NO_BOOK" not in until_next.diagnostics["warning_codes"]
    every_day = panel.rename(columns={"date": "date_sig"}).assign(signal=panel["ret"])[["security_id", "date_sig", "signal"]]
    one, dense = (service.run(every_day, mincos=1, hold_days=h) for h in (1, "next"))
    pd.testing.assert_frame_equal(one.daily, dense.daily)


def test_a_name_that_the_next_cross_section_lacks_is_sold(tmp_path):
    panel = small_panel(CALENDARS["business days"][0])
    days = sorted(panel["date"].unique())
    keys = panel[["security_id", "date"]].rename(columns={"date": "date_sig"})
    first, second = (keys[keys["date_sig"] == days[n]] for n in (0, 10))
    second = second[second["security_id"] > 10]
    signal = pd.concat([first, second]).assign(signal=lambda s: -s["security_id"].astype(float))
    fractile.create_snapshot("s", panel, root=tmp_path)
    got = fractile.BacktestService.get("s", root=tmp_path).run(signal, mincos=1, hold_days="next", keep_weights=True)
    longs = got.weights[got.weights["weight"] > 0].groupby("date")["security_id"].agg(set)
    assert set(longs.index) == set(days[2:])
    assert all(ids == ({1, 2, 3} if day < days[12] else {11, 12}) for day, ids in longs.items())


def test_a_run_may_say_its_periods(tmp_path):
    """Equal numbers have equal run_ids, no matter if P comes from the snapshot or from the run."""
    panel = small_panel(CALENDARS["business days"][0])
    signal = panel.assign(signal=panel["ret"])[["security_id", "date", "signal"]].rename(columns={"date": "date_sig"})
    fractile.create_snapshot("plain", panel, root=tmp_path)
    fractile.create_snapshot("told", panel, root=tmp_path, periods_per_year=50)
    plain, told = (fractile.BacktestService.get(id, root=tmp_path) for id in ("plain", "told"))
    base = plain.run(signal, mincos=1)
    assert plain.run(signal, mincos=1, periods_per_year=252).run_id == base.run_id
    assert told.run(signal, mincos=1, periods_per_year=252).run_id == base.run_id
    assert plain.run(signal, mincos=1, periods_per_year=50).run_id == told.run(signal, mincos=1).run_id != base.run_id
    assert told.run(signal, mincos=1).annual_return == pytest.approx(50 * base.daily["ret"].mean())
    for bad in ("nxt", 0, 1.5):
        with pytest.raises(fractile.ConfigError, match="INVALID_VALUE: expected hold_days="):
            plain.run(signal, hold_days=bad)


def test_command_line(tmp_path, executable):
    small_panel(CALENDARS["month ends"][0]).to_csv(tmp_path / "panel.csv", index=False)
    command = [executable, "snapshot", "create", "s", "--root", tmp_path, "--panel", tmp_path / "panel.csv"]
    done = subprocess.run([*command, "--periods-per-year", "6"], capture_output=True, text=True, check=True)
    assert "240 monthly trading days; 6 periods per year." in done.stdout
    refused = subprocess.run([*command[:3], "t", *command[4:], "--periods-per-year", "0"], capture_output=True, text=True)
    assert refused.returncode != 0
    assert "--periods-per-year" in refused.stderr
    shown = subprocess.run(
        [executable, "snapshot", "report", "s", "--root", tmp_path, "--format", "json"], capture_output=True, check=True
    )
    report = json.loads(shown.stdout)
    assert (report["frequency"], report["periods_per_year"]) == ("monthly", 6)
    assert report["report"] == fractile.snapshot_report("s", root=tmp_path).to_dict("records")

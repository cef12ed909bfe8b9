# Copyright The fractile authors. Licensed under the Apache License, Version 2.0.
"""The data report: every check finds its fault in a panel that has it, and nothing in a clean panel."""

from __future__ import annotations

import json
import subprocess

import fractile
import numpy as np
import pandas as pd
import pytest

DAYS = pd.bdate_range("2020-01-02", periods=60)
COLUMNS = ["check", "level", "count", "first", "text"]


def make(days: pd.DatetimeIndex = DAYS, n_names: int = 30, seed: int = 1) -> pd.DataFrame:
    rng = np.random.default_rng(seed)
    panel = pd.MultiIndex.from_product([days, np.arange(1, n_names + 1)], names=["date", "security_id"]).to_frame(index=False)
    n = len(panel)
    return panel.assign(ret=rng.normal(0, 0.02, n), mcap=rng.lognormal(20, 1, n), close_adj=rng.lognormal(3, 1, n))


def first(panel: pd.DataFrame, row: int) -> str:
    return f"security_id {panel['security_id'][row]} on {panel['date'][row]:%Y-%m-%d}"


@pytest.mark.filterwarnings("error")
def test_a_clean_panel_has_no_warning(tmp_path):
    info = fractile.create_snapshot("s", make(), root=tmp_path)
    report = fractile.snapshot_report("s", root=tmp_path)
    assert list(report.columns) == COLUMNS
    assert report.to_dict("records") == info["report"]
    assert list(report["check"]) == ["panel", "alive_at_end"]
    assert set(report["level"]) == {"info"}
    assert report["text"][0] == "1800 rows, 30 securities, 60 daily trading days; 252 periods per year."


def break_panel(fault: str) -> tuple[pd.DataFrame, int, str]:
    """A panel with one fault, the number of rows or days that have it, and the first of them."""
    panel = make()
    rows = [700, 200, 1300]
    if fault == "stray_day":
        stray = panel.iloc[[0, 1]].assign(date=pd.to_datetime(["2020-01-11", "2020-02-01"]))
        return pd.concat([panel, stray], ignore_index=True), 2, "2020-01-11"
    if fault == "thin":
        thin = DAYS[30]
        return panel[(panel["date"] != thin) | (panel["security_id"] <= 2)], 1, f"{thin:%Y-%m-%d}"
    if fault == "calendar_gap":
        return panel[~panel["date"].isin(DAYS[10:25])], 1, f"{DAYS[9]:%Y-%m-%d} to {DAYS[25]:%Y-%m-%d}"
    if fault == "two_days_in_period":
        days = pd.date_range("2000-01-31", periods=60, freq="ME")
        return make(days.union([pd.Timestamp("2001-05-10")])), 1, "2001-05-31"
    if fault == "first_days":
        return make(pd.date_range("2000-01-01", periods=60, freq="MS")), 60, "2000-01-01"
    if fault == "irregular_frequency":
        return make(pd.date_range("2000-01-01", periods=60, freq="14D")), 60, "2000-01-01"
    if fault == "looks_like_percent":
        percent = panel["ret"] * 50
        return panel.assign(resret=percent), int((percent.abs() > 0.2).sum()), "resret"
    if fault == "large_return":
        panel.loc[rows, "ret"] = [2.5, 3.0, 2.25]
        return panel, 3, first(panel, 200) + ": 3"
    if fault == "not_positive":
        panel.loc[rows, "mcap"] = [0.0, -5.0, -1.0]
        return panel, 3, first(panel, 200) + ": -5"
    if fault == "code":
        panel.loc[rows, "close_adj"] = 99999.0
        return panel, 3, first(panel, 200) + ": 99999"
    if fault == "below_minus_one":
        panel["resret"] = panel["ret"]
        panel.loc[rows, "resret"] = -1.25
        return panel, 3, first(panel, 200) + ": -1.25"
    if fault == "missing":
        panel.loc[rows, "mcap"] = np.nan
        return panel, 3, "mcap"
    if fault == "returns_after_gap":
        return panel[(panel["security_id"] != 7) | (panel["date"] != DAYS[20])], 1, "security_id 7"
    return make(pd.bdate_range("2020-01-02", periods=270)), 30, "security_id 1"  # alive_at_end


FAULTS = {
    "stray_day": "warning", "thin": "warning", "calendar_gap": "warning", "two_days_in_period": "warning", "first_days": "warning",
    "irregular_frequency": "warning", "looks_like_percent": "warning", "large_return": "warning", "not_positive": "warning",
    "code": "warning", "below_minus_one": "info", "missing": "info", "returns_after_gap": "info", "alive_at_end": "warning",
}  # fmt: skip


@pytest.mark.parametrize("fault", FAULTS)
def test_a_fault_is_found(tmp_path, fault):
    panel, count, example = break_panel(fault)
    check = "stray_day" if fault == "thin" else fault
    shuffled = panel.sample(frac=1, random_state=3)
    if FAULTS[fault] == "warning":
        with pytest.warns(UserWarning, match=f"^{check}: "):
            info = fractile.create_snapshot("s", shuffled, root=tmp_path)
    else:
        info = fractile.create_snapshot("s", shuffled, root=tmp_path)
    lines = [line for line in info["report"] if line["check"] == check]
    assert [(line["level"], line["count"], line["first"]) for line in lines] == [(FAULTS[fault], count, example)]
    if fault not in ("thin", "alive_at_end"):
        clean = {line["check"] for line in fractile.create_snapshot("clean", make(), root=tmp_path)["report"]}
        assert check not in clean


def test_delisting_returns_under_another_name_are_no_surprise(tmp_path):
    panel = make().assign(DLRET=-0.3)
    with pytest.warns(UserWarning, match=r"^delisting: .*--map delist_ret=DLRET"):
        fractile.create_snapshot("s", panel, root=tmp_path)
    info = fractile.create_snapshot("mapped", panel, root=tmp_path, map={"delist_ret": "DLRET"})
    assert "delisting" not in {line["check"] for line in info["report"]}


@pytest.mark.parametrize("name", ["PRC", "MthPrc", "Close", "MCAP"])
def test_an_abs_price_that_leaves_a_price_as_it_is_is_no_surprise(tmp_path, name):
    panel = make().drop(columns=["mcap"]).assign(**{name: -20.0})
    ours = {"PRC": "prc", "MthPrc": "prc", "Close": "close", "MCAP": "mcap"}[name]
    with pytest.warns(UserWarning, match=rf"^abs_price: .*leaves \"{name}\" as it is.*--map {ours}={name}\."):
        fractile.create_snapshot("s", panel, root=tmp_path, abs_price=True)
    info = fractile.create_snapshot("mapped", panel, root=tmp_path, map={ours: name}, abs_price=True)
    assert not {"abs_price", "not_positive"} & {line["check"] for line in info["report"]}


def test_an_abs_price_without_a_price_is_no_surprise(tmp_path):
    panel = make()[["security_id", "date", "ret"]]
    with pytest.warns(UserWarning, match=r"^abs_price: .*the panel has none of them\. Name the column of prices"):
        fractile.create_snapshot("s", panel, root=tmp_path, abs_price=True)


@pytest.mark.parametrize("name", ["PRC", "prc", "MthPrc", "Close"])
def test_a_negative_price_is_no_surprise(tmp_path, name):
    """CRSP's midpoints, in a column that no option names. The remedy is executed."""
    panel = make().assign(**{name: np.where(np.arange(1800) % 9, 20.0, -20.0)})
    panel.loc[5, name] = 0.0  # CRSP: no price
    ours = "close" if name == "Close" else "prc"
    flags = "" if name == ours else f"--map {ours}={name} "
    with pytest.warns(
        UserWarning, match=rf'^not_positive: 200 values of column "{name}" are negative.* with {flags}--abs-price\.'
    ):
        info = fractile.create_snapshot("s", panel, root=tmp_path)
    (found,) = [line for line in info["report"] if line["check"] == "not_positive"]
    assert (found["count"], found["first"]) == (200, first(panel, 0) + ": -20")
    mended = fractile.create_snapshot(
        "mended", panel.loc[panel.index != 5], root=tmp_path, map={ours: name} if flags else {}, abs_price=True
    )
    assert {"abs_price", "not_positive"}.isdisjoint(line["check"] for line in mended["report"])


def test_a_negative_number_that_is_no_price_is_not_reported(tmp_path):
    info = fractile.create_snapshot("s", make().assign(PRCFLAG=-1.0, value_score=-2.5), root=tmp_path)
    assert "not_positive" not in {line["check"] for line in info["report"]}


def stray_by_pandas(panel: pd.DataFrame) -> set[pd.Timestamp]:
    names = panel.groupby("date").size()
    around = names.rolling(21, center=True, min_periods=1).apply(lambda x: np.sort(x)[len(x) // 2])
    days = names.index.to_series()
    weeks = days.groupby(days.dt.year).transform(lambda d: d.dt.to_period("W").nunique())
    usual = days.groupby([days.dt.year, days.dt.dayofweek]).transform("size")
    return set(days[(names < 0.1 * around) | ((days.dt.dayofweek >= 5) & (usual < weeks / 2))])


@pytest.mark.parametrize("seed", range(4))
def test_stray_days_are_left_out_on_request(tmp_path, seed):
    """Saturdays of old years are trading days; thin days and single weekend days are not."""
    rng = np.random.default_rng(seed)
    days = pd.date_range("1951-06-01", "1953-06-30")
    days = days[(days.dayofweek < 5) | ((days.dayofweek == 5) & (days.year < 1953) & (rng.random(len(days)) < 0.95))]
    panel = make(days, n_names=40, seed=seed)
    thin = days[rng.choice(len(days), 5, replace=False)]
    panel = panel[~panel["date"].isin(thin) | (panel["security_id"] <= 3)]
    odd = pd.DatetimeIndex(["1951-07-01", "1953-01-10", "1953-02-07", "1953-02-08"])
    panel = pd.concat([panel, make(odd, n_names=40)]).sample(frac=1, random_state=seed)
    stray = stray_by_pandas(panel)
    assert set(odd) | set(thin) == stray
    with pytest.warns(UserWarning, match="^stray_day: ") as seen:
        fractile.create_snapshot("with", panel, root=tmp_path)
    assert f"{len(stray)} stray days" in "".join(str(w.message) for w in seen)
    info = fractile.create_snapshot("without", panel, root=tmp_path, drop_stray_days=True)
    clean = fractile.create_snapshot("clean", panel[~panel["date"].isin(stray)], root=tmp_path)
    assert info["content_hash"] == clean["content_hash"]
    assert (info["rows"], info["dates"]) == (clean["rows"], clean["dates"])
    dropped = [line for line in info["report"] if line["check"] == "dropped_days"]
    assert [(line["count"], line["first"]) for line in dropped] == [(len(stray), f"{min(stray):%Y-%m-%d}")]
    rows = int(panel["date"].isin(stray).sum())
    assert dropped[0]["text"] == f"{len(stray)} stray days with {rows} rows were left out."
    fractile.verify_snapshot("without", root=tmp_path)


@pytest.mark.filterwarnings("ignore::UserWarning")
def test_text_ids_stay_texts_and_are_shown(tmp_path):
    """A name that trades only on stray days is dropped with them; the other names retain their texts."""
    panel, _, _ = break_panel("stray_day")
    panel.loc[700, "mcap"] = -5.0
    stray = panel["date"].isin(pd.to_datetime(["2020-01-11", "2020-02-01"]))
    panel["security_id"] = [f"{k:06d}.SZ" for k in panel["security_id"]]
    panel.loc[stray, "security_id"] = "000000.SZ"
    info = fractile.create_snapshot("without", panel, root=tmp_path, drop_stray_days=True)
    clean = fractile.create_snapshot("clean", panel[~stray], root=tmp_path)
    assert info["content_hash"] == clean["content_hash"]
    assert info["securities"] == panel[~stray]["security_id"].nunique() == 30
    firsts = {line["check"]: line["first"] for line in info["report"]}
    assert firsts["not_positive"] == first(panel, 700) + ": -5"
    assert firsts["alive_at_end"] == "security_id 000001.SZ"


@pytest.mark.filterwarnings("ignore::UserWarning")
def test_an_append_reports_the_whole_calendar_and_its_own_columns(tmp_path):
    panel = make()
    panel.loc[10, "mcap"] = -1.0
    tail = make(DAYS[-5:]).assign(close_adj=0.0)
    fractile.create_snapshot("a", panel[panel["date"] < DAYS[-5]], root=tmp_path)
    report = pd.DataFrame(fractile.append_snapshot("a", tail, "b", root=tmp_path)["report"])
    assert report.equals(fractile.snapshot_report("b", root=tmp_path))
    assert report["text"][0].startswith("1800 rows, 30 securities, 60 daily trading days")
    assert list(report[report["check"] == "not_positive"]["count"]) == [150]


def test_the_command_line_prints_it_and_warns_on_stderr(tmp_path, executable):
    panel, _, _ = break_panel("stray_day")
    panel.to_csv(tmp_path / "panel.csv", index=False)
    command = [executable, "snapshot", "create", "s", "--root", tmp_path, "--panel", tmp_path / "panel.csv"]
    made = subprocess.run(command, capture_output=True, text=True, check=True)
    assert "stray_day" in made.stderr
    assert "stray_day" not in made.stdout
    assert "alive_at_end" in made.stdout
    shown = subprocess.run(
        [executable, "snapshot", "report", "s", "--root", tmp_path], capture_output=True, text=True, check=True
    )
    assert shown.stdout.startswith("warning  stray_day ")
    again = [*command[:3], "t", *command[4:], "--drop-stray-days"]
    repaired = subprocess.run(again, capture_output=True, text=True, check=True)
    assert "2 stray days with 2 rows were left out." in repaired.stdout
    as_json = subprocess.run([*command[:2], "report", "t", *command[4:6], "--format", "json"], capture_output=True, check=True)
    report = json.loads(as_json.stdout)
    assert (report["id"], report["frequency"], report["periods_per_year"]) == ("t", "daily", 252)
    assert report["report"] == fractile.snapshot_report("t", root=tmp_path).to_dict("records")

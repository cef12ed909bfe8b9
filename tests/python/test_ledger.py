# Copyright The fractile authors. Licensed under the Apache License, Version 2.0.
"""The trial ledger: what it counts, what it remembers, and what it says of luck."""

from __future__ import annotations

import asyncio
import json
import math
import pickle
import sqlite3
import threading

import fractile
import numpy as np
import pandas as pd
import pytest
from fractile import ConfigError, FractileError
from fractile.pool import BacktestWorkerPool
from oracle.markets import make_panel, make_signal
from scipy import stats as scipy_stats

pytestmark = pytest.mark.filterwarnings("ignore:FEW_PERIODS")


@pytest.fixture(scope="module")
def market(tmp_path_factory):
    root = tmp_path_factory.mktemp("ledger")
    panel = make_panel(7)
    fractile.create_snapshot("v1", panel, root=root)
    return root, make_signal(panel, 7, messy=False)


@pytest.fixture
def service(market, own_ledger):
    return fractile.BacktestService.get("v1", root=market[0])


@pytest.fixture
def rows(market):
    return market[1]


def count(name: str) -> int:
    frame = fractile.studies().set_index("study")
    return int(frame["trials"].get(name, 0))


def test_a_run_of_a_study_is_counted_once_and_changes_no_number(service, rows):
    plain = service.run(rows, mincos=2)
    assert fractile.studies().empty and plain.study is None
    for _ in range(3):
        counted = service.run(rows, mincos=2, study="value")
    assert counted.run_id == plain.run_id and counted.study == "value"
    pd.testing.assert_frame_equal(counted.daily, plain.daily, check_exact=True)
    service.run(rows, mincos=3, study="value")
    service.run(rows, mincos=2, study="other")
    frame = fractile.studies()
    assert list(frame.columns) == ["study", "trials", "first", "last", "forgotten"]
    assert dict(zip(frame["study"], frame["trials"])) == {"other": 1, "value": 2}
    assert (frame["first"] <= frame["last"]).all() and str(frame["first"].dt.tz) == "UTC"
    age = pd.Timestamp.now(tz="UTC") - frame["last"].max()
    assert pd.Timedelta(0) <= age < pd.Timedelta("1min")


def test_a_refused_run_is_no_trial(service, rows):
    with pytest.raises(ConfigError):
        service.run(rows, mincos=0, study="value")
    with pytest.raises(fractile.SignalError):
        service.run(rows.assign(security_id=-5), study="value")
    assert count("value") == 0


def test_the_argument_wins_over_the_block_and_the_block_over_the_variable(service, rows, monkeypatch):
    monkeypatch.setenv("FRACTILE_STUDY", "variable")
    service.run(rows, mincos=1)
    with fractile.study("outer"):
        service.run(rows, mincos=2)
        with fractile.study("inner"):
            service.run(rows, mincos=3)
        service.run(rows, mincos=4, study="argument")
        service.run(rows, mincos=5, study="")
        with fractile.study(""):
            service.run(rows, mincos=6)
        service.run(rows, mincos=7)
    service.run(rows, mincos=8)
    found = fractile.studies()
    assert dict(zip(found["study"], found["trials"])) == {"argument": 1, "inner": 1, "outer": 2, "variable": 2}
    monkeypatch.setenv("FRACTILE_STUDY", "")
    assert service.run(rows, mincos=9).study is None


def test_a_block_holds_for_its_own_thread_and_task_alone(service, rows):
    seen = {}

    def other_thread():
        seen["thread"] = service.run(rows, mincos=2).study

    async def task(name, pause):
        with fractile.study(name):
            await asyncio.sleep(pause)
            return service.run(rows, mincos=2).study

    async def both():
        return await asyncio.gather(task("first", 0.02), task("second", 0.01))

    with fractile.study("mine"):
        thread = threading.Thread(target=other_thread)
        thread.start()
        thread.join()
        assert service.run(rows, mincos=2).study == "mine"
    assert seen["thread"] is None
    assert asyncio.run(both()) == ["first", "second"]


@pytest.mark.parametrize("name", ["a b", ".hidden", "x" * 101, "a/b", "é"])
def test_a_name_is_like_a_snapshots(service, rows, name):
    with pytest.raises(ConfigError, match="INVALID_VALUE: expected study as letters, digits"):
        service.run(rows, study=name)
    with pytest.raises(ConfigError, match="INVALID_VALUE"):
        fractile.study(name)


def test_suites_batches_clients_and_workers_count(service, rows, market):
    root = market[0]
    service.run_suite(rows, lags=[0, 1], resid_modes=["off"], mincos=2, study="suite")
    assert count("suite") == 2
    wide = rows.assign(other=-rows["signal"])
    service.run_batch(wide, sigvars=["signal", "other"], mincos=2, study="batch")
    service.run_batch([rows, rows.assign(signal=rows["signal"] ** 3), rows.drop(columns="signal")], mincos=2, study="batch")
    assert count("batch") == 3  # the first column is the first signal
    found = fractile.sweep(
        {"a": rows, "b": wide.assign(signal=wide["other"])}, {"lag": [0, 1]}, root=root, mincos=2, study="sweep"
    )
    assert len(found) == count("sweep") == 4
    client = fractile.BacktestClient("v1", root=root, study="client")
    client.run(rows, mincos=2)
    client.batch({"a": rows, "b": wide.assign(signal=wide["other"])}, mincos=2)
    client.run(rows, mincos=2, study="elsewhere")
    assert (count("client"), count("elsewhere")) == (2, 1)
    with fractile.study("workers"):
        pool = BacktestWorkerPool(2, snapshot="v1", root=root, mincos=2)
    with pool:
        for scale in range(1, 7):
            pool.submit(rows.assign(signal=rows["signal"] ** scale))
        pool.collect_all()
        assert not pool.errors and count("workers") == 6  # at once: a worker's answer is in the ledger


def test_a_trial_is_what_the_result_says(service, rows):
    results = {r.run_id: r for r in (service.run(rows, mincos=2, lag=lag, study="s") for lag in range(3))}
    flat = service.run(rows, mincos=2, calc_turnover=False, study="s")
    results[flat.run_id] = flat
    trials = fractile.study("s").trials().set_index("run_id")
    assert set(trials.index) == set(results) and trials["time"].is_monotonic_increasing
    for run_id, result in results.items():
        row = trials.loc[run_id]
        assert json.loads(row["config"]) == result.config and row["snapshot"] == "v1"
        assert row["periods"] == len(result.daily) and row["periods_per_year"] == result.periods_per_year
        for series, end in (("ret", ""), ("ret_net", "_net")):
            x = result.daily[series].dropna()
            if x.empty:
                assert np.isnan(row["sr" + end]) and run_id == flat.run_id
                continue
            assert row["sr" + end] == pytest.approx(x.mean() / x.std(), rel=1e-12)
            assert row["skew" + end] == pytest.approx(scipy_stats.skew(x), rel=1e-10)
            assert row["kurt" + end] == pytest.approx(scipy_stats.kurtosis(x, fisher=False), rel=1e-10)
    for series in ("ret", "ret_net"):
        stored = fractile.study("s").returns(series)
        for run_id, result in results.items():
            expected = result.daily.set_index("date")[series].dropna()
            np.testing.assert_array_equal(stored[run_id].dropna(), expected)
            assert (stored[run_id].dropna().index == expected.index).all()
    with pytest.raises(ConfigError, match="series ret or ret_net"):
        fractile.study("s").returns("gross")


def expect_deflated(returns: pd.Series, ratios: list[float], n: float) -> float:
    """The deflated ratio, by its formulas in numpy and scipy."""
    sr, skew, kurt = returns.mean() / returns.std(), scipy_stats.skew(returns), scipy_stats.kurtosis(returns, fisher=False)
    expected = 0.0
    if n > 1:
        normal, gamma = scipy_stats.norm.ppf, 0.5772156649015329
        height = (1 - gamma) * normal(1 - 1 / n) + gamma * normal(1 - 1 / (n * math.e))
        expected = np.std(ratios, ddof=1) * max(0.0, height)
    root = math.sqrt(1 - skew * sr + (kurt - 1) / 4 * sr**2)
    return float(scipy_stats.norm.cdf((sr - expected) * math.sqrt(len(returns) - 1) / root))


def expect_effective(returns: pd.DataFrame, trials: int) -> float:
    """By the correlation of each pair on its common days."""
    pairs = returns.corr(min_periods=3).to_numpy()[np.triu_indices(returns.shape[1], 1)]
    rho = max(0.0, np.nanmean(pairs)) if np.isfinite(pairs).any() else 0.0
    return max(1.0, rho + (1 - rho) * trials)


def test_the_deflated_ratio_is_that_of_the_formulas(service, rows):
    rng = np.random.default_rng(3)
    variants = [rows.assign(signal=rng.normal(size=len(rows)) + k * rows["signal"]) for k in range(4)]
    results = [service.run(v, mincos=2, lag=lag, study="s") for v in variants for lag in (0, 1, 4)]
    returns = pd.DataFrame({r.run_id: r.daily.set_index("date")["ret"] for r in results})
    assert returns.isna().any(axis=None)  # lags have calendars of their own
    n = expect_effective(returns, len(results))
    ratios = {s: [r.daily[s].mean() / r.daily[s].std() for r in results] for s in ("ret", "ret_net")}
    for result in results:
        frame = result.inference(draws=50)
        for row in frame.itertuples():
            expected = expect_deflated(result.daily[row.series], ratios[row.series], n)
            assert row.dsr == pytest.approx(expected, abs=1e-9)
            assert row.trials == len(results) and row.trials_effective == pytest.approx(n, rel=1e-9)
        found = result.deflation()
        assert found["is_best"] == (result.sharpe == max(r.sharpe for r in results))
        word = "best" if found["is_best"] else "one"
        text = f"{word} of 12 trials (about {n:.0f} independent): deflated Sharpe ratio {found['dsr']:.2f}"
        assert found["text"] == text and text in repr(result) and text in result._repr_html_()
        assert text in repr(pickle.loads(pickle.dumps(result)))


def test_a_run_outside_its_study_counts_as_one_more(service, rows):
    inside = [service.run(rows, mincos=2, lag=lag, study="s") for lag in range(3)]
    outside = service.run(rows.assign(signal=-rows["signal"]), mincos=2)
    with pytest.raises(ConfigError, match="a run that no study counts"):
        outside.deflation()
    assert outside.inference(draws=20)["dsr"].isna().all()
    found = outside.deflation("s")
    returns = pd.DataFrame({r.run_id: r.daily.set_index("date")["ret"] for r in inside})
    n = expect_effective(returns, 4)
    ratios = [r.daily["ret"].mean() / r.daily["ret"].std() for r in [*inside, outside]]
    assert found["trials"] == 4 and found["trials_effective"] == pytest.approx(n, rel=1e-9)
    assert found["dsr"] == pytest.approx(expect_deflated(outside.daily["ret"], ratios, n), abs=1e-9)
    assert count("s") == 3
    frame = outside.inference(draws=20, study="s")
    assert frame["dsr"].iloc[0] == found["dsr"] and frame["dsr"].iloc[1] == found["dsr_net"]


def test_one_trial_is_not_deflated_and_groups_never_are(service, rows):
    frame = service.run(rows, mincos=2, byvar_list=["overall", "year"], study="s").inference(draws=20)
    overall, years = frame[frame["byvar"] == "overall"], frame[frame["byvar"] == "year"]
    np.testing.assert_array_equal(overall["dsr"], overall["psr"])
    assert (overall["trials"] == 1).all() and years[["dsr", "trials", "trials_effective"]].isna().all(axis=None)


def test_trials_of_another_periodicity_count_but_do_not_vary(service, rows):
    daily = [service.run(rows, mincos=2, lag=lag, study="s") for lag in range(3)]
    service.run(rows, mincos=2, lag=3, periods_per_year=12, study="s")
    ratios = [r.daily["ret"].mean() / r.daily["ret"].std() for r in daily]
    found = daily[0].deflation()
    assert found["trials"] == 4 and found["variance"] == pytest.approx(np.var(ratios, ddof=1), rel=1e-9)


def test_what_inference_refuses(service, rows):
    result = service.run(rows, mincos=2, study="momentum")
    with pytest.raises(ConfigError, match=r'STUDY_NOT_FOUND.*Did you mean "momentum"') as caught:
        result.inference(study="momentun")
    assert caught.value.code == "STUDY_NOT_FOUND"
    with pytest.raises(ConfigError, match="REFUSED_COMBINATION: expected study or trials"):
        result.inference(study="momentum", trials=(3, 0.1))
    assert result.inference(draws=10, study="")["dsr"].isna().all()
    assert (result.inference(draws=10, trials=(3, 0.1))["trials"] == 3).all()


def test_forgotten_trials_stay_known_by_their_number(service, rows, tmp_path):
    results = [service.run(rows, mincos=2, lag=lag, study="s") for lag in range(3)]
    study = fractile.study("s")
    study.export(tmp_path / "trials.parquet")
    exported = pd.read_parquet(tmp_path / "trials.parquet")
    assert list(exported["run_id"]) == list(study.trials()["run_id"])
    assert study.forget() == 3
    frame = fractile.studies()
    assert frame.loc[0, ["study", "trials", "forgotten"]].tolist() == ["s", 0, 3] and frame[["first", "last"]].isna().all(
        axis=None
    )
    assert study.trials().empty and study.returns().empty
    assert "one of 1 trial " in repr(results[0]) or "best of 1 trial " in repr(results[0])
    service.run(rows, mincos=2, study="s")
    assert fractile.studies().loc[0, ["trials", "forgotten"]].tolist() == [1, 3]
    with pytest.raises(ConfigError, match="STUDY_NOT_FOUND"):
        fractile.study("never").forget()


def test_only_the_first_2000_returns_are_stored(service, rows, tmp_path):
    service.run(rows, mincos=2, study="s")
    fractile.studies()
    with sqlite3.connect(tmp_path / "ledger.sqlite") as connection:
        connection.execute("UPDATE study SET stored = 1999")
    for lag in (1, 2, 3):
        service.run(rows, mincos=2, lag=lag, study="s")
    assert len(fractile.study("s").trials()) == 4 and fractile.study("s").returns().shape[1] == 2


SCHEMA_1 = """
CREATE TABLE study(id INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE, forgotten INTEGER NOT NULL DEFAULT 0);
CREATE TABLE trial(
  id INTEGER PRIMARY KEY, study INTEGER NOT NULL REFERENCES study(id), run_id TEXT NOT NULL, time_ms INTEGER NOT NULL,
  snapshot TEXT NOT NULL, config TEXT NOT NULL, periods INTEGER NOT NULL, periods_per_year INTEGER NOT NULL,
  sr REAL, skew REAL, kurt REAL, sr_net REAL, skew_net REAL, kurt_net REAL, UNIQUE(study, run_id));
INSERT INTO study VALUES(1, 'old', 5);
INSERT INTO trial VALUES(1, 1, 'a', 1700000000123, 'v0', '{}', 250, 252, 0.1, 0.0, 3.0, NULL, NULL, NULL);
PRAGMA application_id = 1718772067; PRAGMA user_version = 1;
"""


def test_an_older_schema_is_migrated_and_a_newer_one_refused(service, rows, tmp_path):
    path = tmp_path / "ledger.sqlite"
    with sqlite3.connect(path) as connection:
        connection.executescript(SCHEMA_1)
    connection.close()
    result = service.run(rows, mincos=2, study="old")
    frame = fractile.studies()
    assert frame.loc[0, ["study", "trials", "forgotten"]].tolist() == ["old", 2, 5]
    assert fractile.study("old").trials()["time"][0] == pd.Timestamp("2023-11-14T22:13:20.123Z")
    assert result.deflation()["variance"] == pytest.approx(
        np.var([0.1, result.daily["ret"].mean() / result.daily["ret"].std()], ddof=1)
    )
    with sqlite3.connect(path) as connection:
        assert connection.execute("PRAGMA user_version").fetchone() == (2,)


@pytest.mark.parametrize("kind", ["newer", "other database", "no database"])
def test_a_file_that_is_no_ledger_of_ours_is_refused_before_the_run(service, rows, tmp_path, kind):
    path = tmp_path / "ledger.sqlite"
    if kind == "no database":
        path.write_bytes(b"some text, not a database" * 100)
    else:
        with sqlite3.connect(path) as connection:
            connection.executescript("CREATE TABLE t(x);" if kind == "other database" else SCHEMA_1 + "PRAGMA user_version = 99;")
        connection.close()
    before = path.read_bytes()
    runs = service.stats()["run_count"]
    with pytest.raises(FractileError, match="LEDGER_UNREADABLE: expected a ledger") as caught:
        service.run(rows, mincos=2, study="s")
    assert caught.value.code == "LEDGER_UNREADABLE" and "$FRACTILE_LEDGER" in str(caught.value)
    assert ("schema 99" in str(caught.value)) == (kind == "newer")
    assert service.stats()["run_count"] == runs and path.read_bytes() == before
    service.run(rows, mincos=2)


@pytest.mark.parametrize("path", ["/proc/ledger.sqlite", "missing/folder/ledger.sqlite"])
def test_a_ledger_that_cannot_be_written_is_refused_before_the_run(service, rows, tmp_path, monkeypatch, path):
    monkeypatch.setenv("FRACTILE_LEDGER", str(tmp_path / path))
    runs = service.stats()["run_count"]
    for call in (service.run, service.run_suite, service.run_batch):
        with pytest.raises(FractileError, match="LEDGER_NOT_WRITABLE: expected to write the ledger") as caught:
            call([rows] if call == service.run_batch else rows, mincos=2, study="s")
        assert caught.value.code == "LEDGER_NOT_WRITABLE" and "$FRACTILE_LEDGER" in str(caught.value)
    assert service.stats()["run_count"] == runs
    service.run(rows, mincos=2)


def test_a_ledger_that_is_deleted_begins_anew(service, rows, tmp_path):
    service.run(rows, mincos=2, study="s")
    assert count("s") == 1
    for file in tmp_path.glob("ledger.sqlite*"):
        file.unlink()
    assert fractile.studies().empty
    service.run(rows, mincos=3, study="s")
    assert count("s") == 1

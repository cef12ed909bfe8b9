# Copyright The fractile authors. Licensed under the Apache License, Version 2.0.
"""Regressions against numpy and statsmodels: Fama-MacBeth, attribution, spanning, and signals beside a library."""

from __future__ import annotations

import http.client
import json
import re
import subprocess
import types
import urllib.parse
from typing import Any

import fractile
import numpy as np
import pandas as pd
import pytest
import statsmodels.api as sm
from fractile.remote import _STREAM, RemoteService, _to_stream
from oracle.align import align
from oracle.markets import make_panel, make_signal
from oracle.panel import Panel, value
from oracle.run import DEFAULTS
from support.server_process import serving

SEED = 5


@pytest.fixture(scope="module")
def root(tmp_path_factory):
    folder = tmp_path_factory.mktemp("snapshots")
    fractile.create_snapshot("m", make_panel(SEED), root=folder, dtype="float64")
    return folder


@pytest.fixture(scope="module")
def service(root):
    return fractile.BacktestService.get("m", root=root, compact=False)


@pytest.fixture(scope="module")
def panel():
    return Panel(make_panel(SEED))


@pytest.fixture(scope="module")
def signal():
    return make_signal(make_panel(SEED), SEED)


def days_of(panel: Panel, signal: pd.DataFrame, cfg: dict[str, Any]) -> dict[int, dict[int, float]]:
    """By return day: the signal of each used name."""
    used, _ = align(panel, signal, "signal", 0, len(panel.dates) - 1, cfg)
    out: dict[int, dict[int, float]] = {}
    for (security, day), (s, _) in used.items():
        out.setdefault(day, {})[security] = s
    return out


def winsorized(x: np.ndarray, p: float | None) -> np.ndarray:
    return x if not p else np.clip(x, np.percentile(x, p), np.percentile(x, 100 - p))


def standardised(x: np.ndarray) -> np.ndarray:
    return (x - x.mean()) / x.std(ddof=1)


def regress(
    panel, signal, controls=(), categories=(), weight="equal", winsorize=None, standardize=False, min_names=None, **options
):
    """Coefficients by day, from numpy's least squares on a full design with dummies."""
    cfg = {**DEFAULTS, **options}
    rows, few, singular = [], 0, 0
    for day, names in sorted(days_of(panel, signal, cfg).items()):
        complete = []
        for security in sorted(names):
            asof = panel.asof(security, day, cfg["characteristics_asof"])
            ret = value(panel.rows[(security, day)], "openret" if cfg["from_open"] else "ret")
            found = [value(asof, c) for c in (*controls, *categories, *(["mcap"] if weight == "value" else []))]
            if ret is None or any(x is None for x in found) or (weight == "value" and found[-1] <= 0):
                continue
            complete.append((ret, names[security], *found))
        n_controls = len(controls)
        columns = [[row[1 + k] for row in complete] for k in range(1 + n_controls)]
        dummies = []
        for k in range(len(categories)):
            labels = [row[2 + n_controls + k] for row in complete]
            dummies += [[float(x == label) for x in labels] for label in sorted(set(labels))[1:]]
        if len(complete) < (min_names or max(10, 1 + n_controls + len(dummies) + 2)):
            few += 1
            continue
        made = [winsorized(np.array(c, float), winsorize) for c in columns]
        if standardize:
            made = [standardised(c) for c in made]
        x = np.column_stack([np.ones(len(complete)), *made, *map(np.array, dummies)])
        root = np.sqrt([row[-1] if weight == "value" else 1.0 for row in complete])
        scaled = x * root[:, None]
        if np.linalg.matrix_rank(scaled / np.linalg.norm(scaled, axis=0), tol=1e-10) < x.shape[1]:
            singular += 1
            continue
        y = np.array([row[0] for row in complete])
        unit = np.linalg.norm(scaled, axis=0)
        beta = np.linalg.lstsq(scaled / unit, y * root, rcond=None)[0] / unit
        w = root**2
        r2 = 1 - (w * (y - x @ beta) ** 2).sum() / (w * (y - (w * y).sum() / w.sum()) ** 2).sum()
        rows.append((panel.dates[day], len(complete), r2, *beta[: 2 + n_controls]))
    daily = pd.DataFrame(rows, columns=["date", "names", "r2", "intercept", "signal", *controls])
    return daily, few, singular


CASES: dict[str, dict[str, Any]] = {
    "plain": {},
    "controls": {"controls": ["size", "mcap", "score"]},
    "lag_open": {"controls": ["value"], "lag": 1, "from_open": True},
    "one_category": {"controls": ["size"], "categories": ["sector_id"]},
    "text_category": {"categories": ["country"]},
    "two_categories": {"controls": ["score"], "categories": ["cap", "country"]},
    "weighted": {"controls": ["size"], "categories": ["sector_id"], "weight": "value"},
    "winsorized": {"controls": ["mcap"], "winsorize": 5.0},
    "standardised": {"controls": ["mcap", "score"], "winsorize": 2.5, "standardize": True, "weight": "value"},
    "min_names": {"min_names": 40},
    "return_day": {"controls": ["size"], "characteristics_asof": "return_day"},
    "universe": {"universe": {"cap": [1, 2]}},
}


@pytest.mark.parametrize("case", CASES)
def test_the_oracle_agrees(service, panel, signal, case):
    options = dict(CASES[case])
    want, few, singular = regress(panel, signal, **options)
    options["controls"] = [*options.get("controls", []), *options.pop("categories", [])]
    got = service.fama_macbeth(signal, **options)
    assert len(want) > 5
    assert (got.few_names, got.singular, got.left_out) == (few, singular, few + singular)
    assert list(got.daily.columns) == list(want.columns)
    assert list(got.daily["date"]) == list(pd.to_datetime(want["date"]))
    assert list(got.daily["names"]) == list(want["names"])
    for name in want.columns[2:]:
        np.testing.assert_allclose(got.daily[name], want[name], rtol=1e-8, atol=1e-12, err_msg=name)
    assert got.mean_names == pytest.approx(want["names"].mean())
    assert got.mean_r2 == pytest.approx(want["r2"].mean(), abs=1e-10)
    for row in got.table.itertuples(index=False):
        series = want[row.name]
        assert row.periods == len(series)
        assert row.mean == pytest.approx(series.mean(), rel=1e-8, abs=1e-12)
        assert row.se == pytest.approx(series.std(ddof=1) / np.sqrt(len(series)), rel=1e-8)
        assert row.t == pytest.approx(row.mean / row.se)
        robust = fractile.stats.newey_west(series)
        assert (row.se_nw, row.t_nw) == pytest.approx((robust.se, robust.t), rel=1e-7)


def test_threads_change_no_bit(service, signal):
    options = {"controls": ["size", "sector_id"], "standardize": True}
    one, two = (service.fama_macbeth(signal, threads=threads, **options) for threads in (1, 2))
    pd.testing.assert_frame_equal(one.daily, two.daily, check_exact=True)


def test_several_signals_of_a_wide_frame(service, signal):
    wide = signal.rename(columns={"signal": "a"}).assign(b=np.random.default_rng(1).normal(size=len(signal)))
    both = service.fama_macbeth(wide, sigvar=["a", "b"])
    assert list(both.table["name"]) == ["intercept", "a", "b"]
    twice = wide.assign(c=wide["a"])
    with pytest.raises(fractile.FractileError, match=r"NO_USABLE_ROWS.*collinear"):
        service.fama_macbeth(twice, sigvar=["a", "c"])


def test_a_premium_that_was_planted_is_found(tmp_path):
    rng = np.random.default_rng(3)
    dates, ids = pd.bdate_range("2020-01-01", periods=120), np.arange(200)
    frame = pd.MultiIndex.from_product([dates, ids], names=["date", "security_id"]).to_frame(index=False)
    frame["signal"] = rng.normal(size=len(frame))
    nxt = frame.groupby("security_id")["signal"].shift(2).fillna(0.0)
    frame["ret"] = 0.002 * nxt + rng.normal(0, 0.02, len(frame))
    fractile.create_snapshot("planted", frame[["security_id", "date", "ret"]], root=tmp_path, dtype="float64")
    rows = frame.rename(columns={"date": "date_sig"})[["security_id", "date_sig", "signal"]]
    found = fractile.BacktestService.get("planted", root=tmp_path, compact=False).fama_macbeth(rows)
    row = found.table.set_index("name").loc["signal"]
    assert abs(row["mean"] - 0.002) < 4 * row["se"]
    assert row["t_nw"] > 8


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"controls": ["sice"]}, r'MISSING_PANEL_COLUMN.*"sice"'),
        ({"controls": "size"}, "expected controls as a list"),
        ({"controls": ["size", "size"]}, '"size" twice'),
        ({"winsorize": 50}, "winsorize as percent"),
        ({"weight": "volume"}, 'weight "equal" or "value"'),
        ({"resid": "industry"}, r"REFUSED_COMBINATION.*resid"),
        ({"min_names": -1}, "min_names as a whole number"),
        ({"min_names": 10_000}, r"NO_USABLE_ROWS.*days with fewer than min_names"),
    ],
)
def test_bad_options_are_refused(service, signal, options, message):
    with pytest.raises(fractile.FractileError, match=message):
        service.fama_macbeth(signal, **options)


def test_every_surface_gives_the_same(root, signal, tmp_path, executable):
    options = {"controls": ["size", "sector_id"], "winsorize": 1.0, "lags": 3}
    want = fractile.BacktestService.get("m", root=root).fama_macbeth(signal, **options)
    signal.to_parquet(tmp_path / "signal.parquet")
    command = [executable, "fama-macbeth", "signal.parquet", "--snapshot", "m", "--root", root, "--controls", "size,sector_id"]
    done = subprocess.run(
        [*command, "--winsorize", "1", "--lags", "3", "--format", "json", "--out", "found"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    assert [row["t_nw"] for row in json.loads(done.stdout)["table"]] == list(want.table["t_nw"])
    assert len(pd.read_parquet(tmp_path / "found" / "daily.parquet")) == len(want.daily)
    with serving(tmp_path, root, {"defaults": {"byvar_list": ["overall"]}}) as server:
        client = fractile.BacktestClient(server_url=server.url)
        remote = client.fama_macbeth(signal, **options)
        both = client.fama_macbeth(signal.assign(other=1.0 - signal["signal"] ** 2), sigvar=["signal", "other"])
        assert list(both.table["name"]) == ["intercept", "signal", "other"]
        with pytest.raises(fractile.FractileError, match=r"MISSING_PANEL_COLUMN"):
            client.fama_macbeth(signal, controls=["sice"])
    pd.testing.assert_frame_equal(remote.table, want.table, check_exact=True)
    pd.testing.assert_frame_equal(remote.daily, want.daily, check_exact=True)


# Attribution, against statsmodels.


@pytest.fixture(scope="module")
def result(service, signal):
    return service.run(signal, mincos=2)


@pytest.fixture(scope="module")
def factors(result):
    rng = np.random.default_rng(7)
    dates = result.daily["date"]
    frame = pd.DataFrame(rng.normal(0, 0.01, (len(dates), 3)), index=pd.DatetimeIndex(dates), columns=["mkt", "smb", "hml"])
    frame["mkt"] += 0.3 * result.daily["ret"].to_numpy()
    return frame


@pytest.mark.parametrize("lags", [None, 0, 4])
@pytest.mark.parametrize("series", ["ret", "ret_net"])
def test_attribution_is_that_of_statsmodels(result, factors, lags, series):
    found = result.attribution(factors, series=series, lags=lags)
    n = len(result.daily)
    used = int(4 * (n / 100) ** (2 / 9)) if lags is None else lags
    fitted = sm.OLS(result.daily[series].to_numpy(), sm.add_constant(factors.to_numpy())).fit(
        cov_type="HAC", cov_kwds={"maxlags": used, "use_correction": True}
    )
    assert list(found.table["name"]) == ["alpha", "mkt", "smb", "hml"]
    for name, want in (("coefficient", fitted.params), ("se", fitted.bse), ("t", fitted.tvalues), ("p", fitted.pvalues)):
        np.testing.assert_allclose(found.table[name], want, rtol=1e-9, err_msg=name)
    assert found.r2 == pytest.approx(fitted.rsquared, rel=1e-10)
    assert found.alpha_annualised == pytest.approx(found.alpha * 252)
    assert found.appraisal == pytest.approx(fitted.params[0] / np.std(fitted.resid, ddof=1) * np.sqrt(252), rel=1e-9)
    assert (found.periods, found.left_out) == (n, 0)


def test_dates_are_joined_and_counted(result, factors):
    some = factors.iloc[3:].copy()
    some.iloc[4, 1] = np.nan
    later = pd.DataFrame(0.0, index=[some.index[-1] + pd.Timedelta(days=400)], columns=some.columns)
    found = result.attribution(pd.concat([some, later]).reset_index(names="date"))
    assert (found.periods, found.left_out) == (len(factors) - 4, 5)


def test_attribution_refuses(result, factors):
    with pytest.raises(fractile.FractileError, match="collinear"):
        result.attribution(factors.assign(again=2 * factors["mkt"] - factors["smb"]))
    with pytest.raises(fractile.FractileError, match="periods or more"):
        result.attribution(factors.iloc[:5])
    with pytest.raises(fractile.FractileError, match="series as one of"):
        result.attribution(factors, series="alpha")


def test_spanning_is_the_test_of_gibbons_ross_and_shanken(result, factors):
    found = fractile.spanning(result, factors)
    y, x = result.daily["ret"].to_numpy(), factors.to_numpy()
    n, k = x.shape
    fitted = sm.OLS(y, sm.add_constant(x)).fit()
    alpha, s2 = fitted.params[0], (fitted.resid**2).mean()
    mu, omega = x.mean(axis=0), np.cov(x.T, ddof=0)
    f = (n - k - 1) * (alpha**2 / s2) / (1 + mu @ np.linalg.solve(omega, mu))
    assert found["f"] == pytest.approx(f, rel=1e-9)
    assert found["f"] == pytest.approx(fitted.tvalues[0] ** 2, rel=1e-9)
    assert found["p"] == pytest.approx(fitted.pvalues[0], rel=1e-7)
    assert found["sharpe2_increase"] == pytest.approx((alpha / fitted.resid.std(ddof=1)) ** 2, rel=1e-9)
    assert fractile.spanning(result, {"itself": result})["t"] != fractile.spanning(result, {"itself": result})["t"]


def test_a_library_is_sorted_by_nearness(service, signal):
    rng = np.random.default_rng(2)
    noise = signal.assign(signal=rng.normal(size=len(signal)))
    near = signal.assign(signal=signal["signal"] + 0.1 * rng.normal(size=len(signal)))
    half = signal.iloc[: len(signal) // 2]
    found = service.similar(signal, {"noise": noise, "near": near, "itself": signal, "half": half}, mincos=2).set_index("name")
    assert list(found.index[-1:]) == ["noise"]
    assert found.loc["itself", ["rank_correlation", "return_correlation", "common"]].tolist() == pytest.approx([1, 1, 1])
    assert np.isnan(found.loc["itself", "alpha_t"])
    assert 0.9 < found.loc["near", "rank_correlation"] < 1
    assert 0.3 < found.loc["half", "common"] < 0.7
    assert abs(found.loc["noise", "rank_correlation"]) < 0.3


def test_rank_correlation_is_that_of_pandas(service, panel, signal):
    other = signal.assign(signal=np.random.default_rng(4).normal(size=len(signal)).round(1))
    cfg = dict(DEFAULTS)
    a, b = days_of(panel, signal, cfg), days_of(panel, other, cfg)
    daily = []
    for day, names in a.items():
        both = sorted(set(names) & set(b.get(day, {})))
        if len(both) >= 10:
            daily.append(pd.Series([names[i] for i in both]).corr(pd.Series([b[day][i] for i in both]), method="spearman"))
    found = service.similar(signal, {"other": other}, mincos=2)
    assert found["rank_correlation"].iloc[0] == pytest.approx(np.nanmean(daily), abs=1e-12)


# Attribution, spanning and similar on the command line and over HTTP, to the bit.


def posted(server: Any, path: str, body: dict[str, Any], orient: str = "split") -> dict[str, Any]:
    """The answer to a JSON body; an error's body too."""
    address = urllib.parse.urlsplit(server.url)
    connection = http.client.HTTPConnection(address.hostname, address.port, timeout=60)
    try:
        connection.request("POST", f"{path}?orient={orient}", json.dumps(body), {"Content-Type": "application/json"})
        return json.loads(connection.getresponse().read())
    finally:
        connection.close()


def rows_of(frame: pd.DataFrame) -> dict[str, list[Any]]:
    """Columns with the exact numbers; pandas' to_json rounds them."""
    dates = {name: [None if pd.isna(x) else x.isoformat() for x in frame[name]] for name in frame if name.startswith("date_")}
    others = {name: [None if pd.isna(x) else x for x in frame[name].tolist()] for name in frame if name not in dates}
    return {**others, **dates}


def commanded(executable: Any, root: Any, folder: Any, *arguments: str) -> Any:
    command = [executable, *arguments, "--root", str(root), "--snapshot", "m", "--mincos", "2", "--format", "json"]
    return subprocess.run(command, cwd=folder, capture_output=True, text=True)


@pytest.fixture(scope="module")
def shared(root, signal, tmp_path_factory):
    """Results of the storage that the other surfaces read, files of their inputs, and a server."""
    folder = tmp_path_factory.mktemp("surfaces")
    rows = signal.assign(signal=signal["signal"].round(9))
    rng = np.random.default_rng(2)
    library = {
        "near": rows.assign(signal=(rows["signal"] + rng.normal(size=len(rows))).round(9)),
        "itself": rows,
        "noise": rows.assign(signal=rng.normal(size=len(rows)).round(9)),
    }
    service = fractile.BacktestService.get("m", root=root)
    result = service.run(rows, mincos=2)
    dates = result.daily["date"].iloc[2:]
    factors = pd.DataFrame(
        rng.normal(0, 0.01, (len(dates), 3)).round(9), index=pd.DatetimeIndex(dates), columns=["z", "mkt", "a"]
    )
    factors.iloc[5, 1] = np.nan
    rows.to_parquet(folder / "signal.parquet")
    (folder / "library").mkdir()
    for name, member in library.items():
        member.to_parquet(folder / "library" / f"{name}.parquet")
    factors.rename_axis("date").to_csv(folder / "factors.csv")
    with serving(folder, root, {"defaults": {"byvar_list": ["overall"]}}) as server:
        yield types.SimpleNamespace(**locals())


def factor_columns(factors: pd.DataFrame) -> dict[str, Any]:
    values = {name: [None if np.isnan(x) else x for x in factors[name]] for name in factors}
    return {"date": [f"{day:%Y-%m-%d}" for day in factors.index], **values}


def same_numbers(found: dict[str, Any], expected: Any, names: list[str]) -> None:
    for name in names:
        assert found[name] == getattr(expected, name), name


@pytest.mark.parametrize(("series", "lags"), [("ret", None), ("ret_net", 3), ("ret_l", 0)])
def test_attribution_is_the_same_on_every_surface(shared, executable, series, lags):
    expected = shared.result.attribution(shared.factors, series=series, lags=lags)
    assert expected.left_out == 3
    flags = ["--series", series, *([] if lags is None else ["--lags", str(lags)])]
    done = commanded(
        executable, shared.root, shared.folder, "attribution", "signal.parquet", "--factor-returns", "factors.csv", *flags,
        "--out", series,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    printed = json.loads(done.stdout)
    assert pd.read_parquet(shared.folder / series / "attribution.parquet")["se"].tolist() == expected.table["se"].tolist()
    body = {"signal": rows_of(shared.rows), "config": {"mincos": 2}, "series": series, "lags": lags}
    answer = posted(shared.server, "/attribution", {**body, "factor_returns": factor_columns(shared.factors)}, "records")
    for found in (printed, answer):
        assert found["table"] == expected.table.to_dict("records")
        same_numbers(found, expected, ["alpha", "alpha_annualised", "r2", "appraisal", "periods", "left_out", "series"])
    assert answer["run_id"] == shared.result.run_id
    client = fractile.BacktestClient(server_url=shared.server.url)
    remote = client.run(shared.rows, mincos=2).attribution(shared.factors, series=series, lags=lags)
    pd.testing.assert_frame_equal(remote.table, expected.table, check_exact=True)


def test_spanning_is_the_same_on_every_surface(shared, executable):
    results = {name: shared.service.run(shared.library[name], mincos=2) for name in ("itself", "near", "noise")}
    others = {name: results[name] for name in ("near", "noise")}
    expected = fractile.spanning(shared.result, others).to_dict()
    by_factors = fractile.spanning(shared.result, shared.factors).to_dict()
    alone = shared.folder / "others"
    alone.mkdir()
    for name in others:
        shared.library[name].to_parquet(alone / f"{name}.parquet")
    printed = commanded(executable, shared.root, shared.folder, "spanning", "signal.parquet", "others")
    of_factors = commanded(
        executable, shared.root, shared.folder, "spanning", "signal.parquet", "--factor-returns", "factors.csv"
    )
    body = {"signal": rows_of(shared.rows), "config": {"mincos": 2}}
    answer = posted(shared.server, "/spanning", {**body, "others": {name: rows_of(shared.library[name]) for name in others}})
    with_factors = posted(shared.server, "/spanning", {**body, "factor_returns": factor_columns(shared.factors)})
    for found, want in (
        (json.loads(printed.stdout), expected),
        (answer, expected),
        (json.loads(of_factors.stdout), by_factors),
        (with_factors, by_factors),
    ):
        assert {name: found[name] for name in want} == want
    missing = commanded(executable, shared.root, shared.folder, "spanning", "signal.parquet")
    assert missing.returncode == 2
    assert "expected a folder of other signals or --factor-returns" in missing.stderr


def test_similar_is_the_same_on_every_surface(shared, executable):
    expected = shared.service.similar(shared.rows, shared.library, mincos=2)
    assert list(expected["name"]) == ["itself", "near", "noise"]
    done = commanded(executable, shared.root, shared.folder, "similar", "signal.parquet", "library")
    assert done.returncode == 0, done.stderr
    client = fractile.BacktestClient(server_url=shared.server.url)
    pd.testing.assert_frame_equal(client.similar(shared.rows, shared.library, mincos=2), expected, check_exact=True)
    in_process = fractile.BacktestClient("m", root=shared.root).similar(shared.rows, shared.library, mincos=2)
    pd.testing.assert_frame_equal(in_process, expected, check_exact=True)
    rows = {name: rows_of(member) for name, member in shared.library.items()}
    answer = posted(
        shared.server, "/similar", {"signal": rows_of(shared.rows), "library": rows, "config": {"mincos": 2}}, "records"
    )
    want = expected.astype(object).where(expected.notna(), None).to_dict("records")
    assert answer["table"] == want == json.loads(done.stdout)["table"]


def test_studies_count_the_runs_of_a_library(shared, executable, tmp_path, monkeypatch):
    monkeypatch.setenv("FRACTILE_LEDGER", str(tmp_path / "ledger.sqlite"))
    shared.service.similar(shared.rows, {"noise": shared.library["noise"]}, mincos=2, study="python")
    done = commanded(executable, shared.root, shared.folder, "similar", "signal.parquet", "library", "--study", "shell")
    assert done.returncode == 0, done.stderr
    assert fractile.studies(shared.root).set_index("study")["trials"].to_dict() == {"python": 2, "shell": 3}


FACTORS = {"date": ["2020-01-01"], "mkt": [0.01]}


@pytest.mark.parametrize(
    ("path", "more", "message"),
    [
        ("/attribution", {}, "expected factor_returns, found none"),
        ("/attribution", {"factor_returns": [1]}, "factor_returns as an object of lists"),
        ("/attribution", {"factor_returns": {"mkt": [1.0]}}, 'expected a column "date"'),
        ("/attribution", {"factor_returns": {"date": ["2020-01-01"]}}, "expected a column of returns"),
        ("/attribution", {"factor_returns": {"date": ["first"], "mkt": [1.0]}}, 'column "date".*first'),
        ("/attribution", {"factor_returns": {"date": ["2020-01-01"], "mkt": []}}, "lists of equal length"),
        ("/attribution", {"factor_returns": {"date": ["2020-01-01"] * 2, "mkt": [1, 2]}}, 'each date once in "mkt"'),
        ("/attribution", {"factor_returns": {"date": ["2020-01-01"], "mkt": ["a"]}}, "returns as numbers"),
        ("/attribution", {"factor_returns": FACTORS, "series": "alpha"}, "series as one of"),
        ("/attribution", {"factor_returns": FACTORS, "series": 1}, "series as text"),
        ("/attribution", {"factor_returns": FACTORS, "lags": -1}, "lags as a whole number"),
        ("/attribution", {"factor_returns": FACTORS}, "expected 4 periods or more"),
        ("/spanning", {}, "expected others or factor_returns"),
        ("/spanning", {"others": []}, "others as an object of signals by name"),
        ("/spanning", {"others": {"a": [{"security_id": 1}]}}, "date_sig"),
        ("/similar", {}, "expected library, found none"),
        ("/similar", {"library": {str(k): [] for k in range(201)}}, "up to 200 signals in library"),
        ("/similar", {"libary": {}}, 'Did you mean "library"'),
    ],
)
def test_bad_requests_are_refused(shared, path, more, message):
    answer = posted(shared.server, path, {"signal": rows_of(shared.rows), "config": {"mincos": 2}, **more})
    assert re.search(message, answer["error"]["message"]), answer


@pytest.mark.parametrize("place", [0, 10**9, -1, "1"])
def test_places_outside_the_body_are_refused(shared, place):
    remote = RemoteService(shared.server.url)
    with pytest.raises(fractile.FractileError, match="library as a place inside the body"):
        remote._answer("/similar", _to_stream(shared.rows, ["signal"]), _STREAM, {"library": {"a": place}})


def test_factor_files_are_refused_with_a_remedy(shared, executable):
    for name, text, message in (
        ("no_date.csv", "day,mkt\n2020-01-01,0.1\n", 'expected a column "date" in the returns, found'),
        ("texts.csv", "date,mkt\n2020-01-01,high\n", 'expected numbers in column "mkt", found "high" at row 0'),
        ("gap.csv", "date,mkt\n,0.1\n", "expected a date in each row of the returns, found a missing one at row 0"),
    ):
        (shared.folder / name).write_text(text)
        done = commanded(executable, shared.root, shared.folder, "attribution", "signal.parquet", "--factor-returns", name)
        assert done.returncode != 0
        assert message in done.stderr, done.stderr

# Copyright The fractile authors. Licensed under the Apache License, Version 2.0.
"""Studies, inference and multiple testing on the command line and over HTTP: the same numbers as in Python."""

from __future__ import annotations

import io
import json
import subprocess
import urllib.error
import urllib.parse
import urllib.request

import fractile
import numpy as np
import pandas as pd
import pytest
from oracle.markets import make_panel, make_signal
from support.server_market import to_records
from support.server_process import find_executable, serving

OPTIONS = {"mincos": 2, "byvar_list": ["overall", "month", "quarter", "year", "cap"]}
FLAGS = ["--mincos", "2", "--byvar-list", "overall,month,quarter,year,cap"]


pytestmark = pytest.mark.filterwarnings("ignore:FEW_PERIODS")


@pytest.fixture(scope="module")
def market(tmp_path_factory):
    root = tmp_path_factory.mktemp("surfaces")
    panel = make_panel(9)
    fractile.create_snapshot("v1", panel, root=root)
    rows = make_signal(panel, 9, messy=False)
    (root / "family").mkdir()
    rng = np.random.default_rng(1)
    family = {"a": rows, "b": rows.assign(signal=rng.normal(size=len(rows))), "c": rows.assign(signal=-rows["signal"])}
    for name, frame in family.items():
        frame.to_parquet(root / "family" / f"{name}.parquet", index=False)
    return root, rows, family


@pytest.fixture
def service(market, own_ledger):
    return fractile.BacktestService.get("v1", root=market[0])


@pytest.fixture
def cli(market, tmp_path):
    def call(*arguments: str, status: int = 0, **environment: str) -> subprocess.CompletedProcess:
        done = subprocess.run(
            [find_executable(), *arguments],
            cwd=market[0],
            capture_output=True,
            text=True,
            env={
                "PATH": "/usr/bin",
                "FRACTILE_SNAPSHOTS": ".",
                "FRACTILE_LEDGER": str(tmp_path / "ledger.sqlite"),
                **environment,
            },
        )
        assert done.returncode == status, done.stderr
        return done

    return call


@pytest.fixture
def server(market, tmp_path):
    folder = tmp_path / "server"
    folder.mkdir()
    environment = {"FRACTILE_LEDGER": str(tmp_path / "server.sqlite")}
    with serving(folder, market[0], environment=environment) as running:
        yield running


def ask(server, method: str, path: str, body: dict | None = None) -> dict:
    data = None if body is None else json.dumps(body).encode()
    request = urllib.request.Request(server.url + path, data, {"Content-Type": "application/json"}, method=method)
    with urllib.request.urlopen(request, timeout=30) as answer:
        return json.load(answer)


def refusal(server, method: str, path: str, body: dict | None = None) -> tuple[int, str, str]:
    with pytest.raises(urllib.error.HTTPError) as caught:
        ask(server, method, path, body)
    error = json.load(caught.value)["error"]
    return caught.value.code, error["code"], error["message"]


def to_body(rows: pd.DataFrame, **more) -> dict:
    return {"signal": to_records(rows), "config": OPTIONS, **more}


def check_same(found: pd.DataFrame, expected: pd.DataFrame, exact: bool = True) -> None:
    assert list(found.columns) == list(expected.columns)
    for name in expected.columns:
        if expected[name].dtype.kind in "fi":
            np.testing.assert_allclose(found[name].astype(float), expected[name].astype(float), rtol=0 if exact else 1e-12)
        else:
            assert list(found[name]) == list(expected[name])


def test_inference_is_the_same_on_every_surface(service, market, cli, server):
    expected = service.run(market[1], **OPTIONS).inference(level=0.9, draws=300, seed=4)
    assert len(expected) >= 20 and set(expected["byvar"]) == set(OPTIONS["byvar_list"])
    flags = [*FLAGS, "--inference", "--draws", "300", "--level", "0.9", "--seed", "4"]
    done = cli("run", "family/a.parquet", *flags, "--format", "csv")
    check_same(
        pd.read_csv(io.StringIO(done.stdout), dtype={"group": str}, float_precision="round_trip"), expected.astype({"group": str})
    )
    answer = json.loads(cli("run", "family/a.parquet", *flags, "--format", "json").stdout)
    check_same(pd.DataFrame(answer["inference"]), expected)
    assert "study" not in answer
    table = cli("run", "family/a.parquet", *flags).stdout
    assert "min_track_record" in table and "sharpe_ret" in table
    asked = {"level": 0.9, "draws": 300, "seed": 4}
    answer = ask(server, "POST", "/run", to_body(market[1], inference=asked))
    check_same(pd.DataFrame(answer["inference"]), expected)
    answer = ask(server, "POST", "/run?orient=split", to_body(market[1], inference=True))
    assert set(answer["inference"]) == {"columns", "data"}
    assert "inference" not in ask(server, "POST", "/run", to_body(market[1]))
    assert "inference" not in ask(server, "POST", "/run", to_body(market[1], inference=False))
    given = {"trials": [20, 0.01], "draws": 10}
    answer = ask(server, "POST", "/suite", to_body(market[1], lags=[0], inference=given))
    check_same(
        pd.DataFrame(answer["lag0_residoff"]["inference"]),
        service.run(market[1], **OPTIONS).inference(draws=10, trials=(20, 0.01)),
    )


def test_inference_in_the_files_of_out(service, market, cli, tmp_path):
    expected = service.run(market[1], **OPTIONS).inference(draws=50)
    cli("run", "family/a.parquet", *FLAGS, "--inference", "--draws", "50", "--out", str(tmp_path / "out"))
    check_same(pd.read_parquet(tmp_path / "out" / "inference.parquet"), expected)


def test_the_command_line_counts(service, market, cli, tmp_path):
    done = cli("run", "family/a.parquet", *FLAGS, "--study", "s")
    assert "study s: best of 1 trial (about 1 independent): deflated Sharpe ratio" in done.stderr
    cli("batch", "family", *FLAGS, FRACTILE_STUDY="s")
    cli("suite", "family/a.parquet", *FLAGS, "--lags", "0,1", "--resid-modes", "off", "--study", "s")
    result = service.run(market[1], **OPTIONS, study="s")
    assert fractile.studies().loc[0, ["study", "trials"]].tolist() == ["s", 4]
    found = result.deflation()
    done = cli("run", "family/a.parquet", *FLAGS, "--study", "s")
    assert f"study s: {found['text']}\n" in done.stderr
    answer = json.loads(
        cli("run", "family/a.parquet", *FLAGS, "--study", "s", "--inference", "--draws", "50", "--format", "json").stdout
    )
    assert answer["study"] == "s"
    for name, value in found.items():
        assert answer["deflation"][name] == (pytest.approx(value, rel=1e-12) if isinstance(value, float) else value)
    check_same(pd.DataFrame(answer["inference"]), result.inference(draws=50), exact=False)
    listed = pd.read_csv(io.StringIO(cli("study", "list", "--format", "csv").stdout))
    assert listed.loc[0, ["study", "trials", "forgotten"]].tolist() == ["s", 4, 0]
    shown = json.loads(cli("study", "show", "s", "--format", "json").stdout)
    assert [row["run_id"] for row in shown] == list(fractile.study("s").trials()["run_id"])
    assert "run_id" in cli("study", "show", "s").stdout
    assert "4 trials written" in cli("study", "export", "s", str(tmp_path / "t.parquet")).stdout
    assert len(pd.read_parquet(tmp_path / "t.parquet")) == 4
    assert cli("study", "forget", "s").stdout == "s: 4 trials forgotten\n"
    assert cli("study", "list").stdout.split()[-3:] == ["s", "0", "4"]
    assert "STUDY_NOT_FOUND" in cli("study", "show", "t", status=2).stderr
    assert "INVALID_VALUE: expected study" in cli("run", "family/a.parquet", "--study", "a b", status=2).stderr
    refused = cli("run", "family/a.parquet", "--study", "s", status=1, FRACTILE_LEDGER="/proc/ledger.sqlite")
    assert "LEDGER_NOT_WRITABLE" in refused.stderr and "sharpe" not in refused.stdout


def test_a_server_counts_for_its_clients(service, market, server, monkeypatch):
    client = fractile.BacktestClient(server_url=server.url, study="s")
    results = [client.run(market[1], mincos=2, lag=lag) for lag in range(3)]
    with fractile.study("block"):
        plain = fractile.BacktestClient(server_url=server.url)
        assert plain.run(market[1], mincos=2).study == "block"
        assert plain.run(market[1], mincos=2, study="").study is None
    client.run_suite(market[1], lags=[0, 5], mincos=2)
    local = [service.run(market[1], mincos=2, lag=lag, study="s") for lag in (0, 1, 2, 5)]
    assert [r.run_id for r in local[:3]] == [r.run_id for r in results]
    found = ask(server, "GET", "/studies")["studies"]
    assert [(row["study"], row["trials"]) for row in found] == [("block", 1), ("s", 4)]
    for result, same in zip(results, local, strict=False):
        there, here = result.deflation(), same.deflation()
        assert there.keys() == here.keys()
        for name, value in here.items():
            assert there[name] == (pytest.approx(value, rel=1e-12) if isinstance(value, float) else value), name
        assert result.deflation()["text"] in repr(result)
        pd.testing.assert_frame_equal(result.inference(draws=20), same.inference(draws=20))
    trials = ask(server, "GET", "/studies/s")
    assert trials["study"] == "s" and {row["run_id"] for row in trials["trials"]} == {r.run_id for r in local}
    answer = ask(server, "POST", "/run", to_body(market[1], study="s", inference={"draws": 20}))
    assert answer["study"] == "s" and answer["deflation"]["trials"] == 5
    assert answer["inference"][0]["dsr"] == answer["deflation"]["dsr"] and answer["inference"][0]["trials"] == 5
    assert fractile.studies().set_index("study")["trials"].to_dict() == {"s": 4}  # this process has a ledger of its own
    with pytest.raises(fractile.ConfigError, match="STUDY_NOT_FOUND"):
        results[0].deflation("never")
    assert refusal(server, "GET", "/studies/never")[:2] == (404, "STUDY_NOT_FOUND")
    assert refusal(server, "GET", "/studies/s/deflation")[:2] == (422, "INVALID_VALUE")
    assert refusal(server, "GET", "/studies/s/other")[:2] == (404, "NOT_FOUND")
    for body in ({"study": 5}, {"study": "a b"}, {"inference": 3}, {"inference": {"draws": 0}}, {"inference": {"level": 1}}):
        assert refusal(server, "POST", "/run", to_body(market[1], **body))[:2] == (422, "INVALID_VALUE")
    assert refusal(server, "POST", "/run", to_body(market[1], inference={"draw": 10}))[:2] == (422, "UNKNOWN_OPTION")


def test_a_server_without_a_ledger_says_so_and_no_path(market, tmp_path):
    folder = tmp_path / "refusing"
    folder.mkdir()
    with serving(folder, market[0], environment={"FRACTILE_LEDGER": "/proc/secret.sqlite"}) as server:
        status, code, message = refusal(server, "POST", "/run", to_body(market[1], study="s"))
        assert (status, code) == (500, "LEDGER_NOT_WRITABLE") and "secret" not in message and "$FRACTILE_LEDGER" in message
        assert any("secret" in record.get("message", "") for record in server.log_records())
        assert ask(server, "POST", "/run", to_body(market[1]))["run_id"]


def test_multiple_testing_is_the_same_on_every_surface(service, market, cli, server, tmp_path):
    results = service.run_batch(market[2], mincos=2)
    expected = fractile.multiple_testing(results, draws=500, seed=3)
    flags = ["multiple-testing", "family", "--mincos", "2", "--draws", "500", "--seed", "3"]
    done = cli(*flags, "--format", "csv", "--out", str(tmp_path / "out"), "--study", "family")
    check_same(pd.read_csv(io.StringIO(done.stdout), float_precision="round_trip"), expected)
    check_same(pd.read_parquet(tmp_path / "out" / "multiple_testing.parquet"), expected)
    assert fractile.studies().loc[0, ["study", "trials"]].tolist() == ["family", 3]
    facts = ("reality_check_p", "spa_p", "pbo", "effective_trials", "periods", "block", "dropped")
    answer = json.loads(cli(*flags, "--format", "json").stdout)
    returns = pd.DataFrame({name: r.daily.set_index("date")["ret_net"] for name, r in results.items()})
    body = {"returns": {name: [None if v != v else v for v in returns[name]] for name in returns}, "draws": 500, "seed": 3}
    for found in (answer, ask(server, "POST", "/multiple-testing", body)):
        check_same(pd.DataFrame(found["signals"]), expected)
        for name in facts:
            value = expected.attrs[name]
            assert found[name] == (None if isinstance(value, float) and value != value else value), name
    assert "reality_check_p" in cli(*flags).stdout
    assert "series ret, resret" in cli(*flags, "--series", "gross", status=2).stderr


def test_what_multiple_testing_refuses_over_http(server):
    def refuse(**body):
        return refusal(server, "POST", "/multiple-testing", body)

    good = {"a": [0.01, -0.02, 0.01], "b": [0.0, 0.01, 0.02]}
    assert refuse()[1] == "INVALID_VALUE"
    for returns in (5, {}, {"a": 1}, {"a": ["x"]}, {"a": [0.1, 0.2], "b": [0.1]}, {"a": [0.1]}):
        assert refuse(returns=returns)[:2] == (422, "INVALID_VALUE")
    for name, value in (("draws", 0), ("draws", 1.5), ("seed", -1), ("block", 0.5), ("short", "keep"), ("periods_per_year", 0)):
        assert refuse(returns=good, **{name: value})[:2] == (422, "INVALID_VALUE")
    assert refuse(returns=good, more=1)[:2] == (422, "UNKNOWN_OPTION")
    short = {"a": [0.01, -0.02, 0.01, 0.02, 0.01], "b": [0.01, 0.02, None, None, None]}
    status, _, message = refuse(returns=short)
    assert status == 422 and '2 of signal "b"' in message
    assert ask(server, "POST", "/multiple-testing", {"returns": short, "short": "drop", "draws": 10})["dropped"] == ["b"]


def test_pictures(service, market, tmp_path):
    figure = pytest.importorskip("fractile.figure")
    results = service.run_batch(market[2], mincos=2, study="s")
    page = figure.sharpe_intervals(results, path=str(tmp_path / "a.png"))
    bars = page.axes[0].containers
    for (_, result), bar in zip(results.items(), bars, strict=True):
        (low, high) = (point[0] for point in bar[2][0].get_segments()[0])
        assert (low, high) == pytest.approx(result.sharpe_interval, rel=1e-9)
    table = fractile.multiple_testing(results, draws=50)
    lines = figure.p_values(table, path=str(tmp_path / "b.svg")).axes[0].lines
    np.testing.assert_array_equal(lines[0].get_ydata(), np.sort(table["p"]))
    page = figure.trials(fractile.study("s"), path=str(tmp_path / "c.pdf"))
    best = max(results.values(), key=lambda r: r.sharpe)
    assert page.axes[0].get_title(loc="left") == f"s: {best.deflation()['text']}"
    assert page.axes[0].lines[0].get_ydata().max() == pytest.approx(best.sharpe, rel=1e-9)
    for name in ("a.png", "b.svg", "c.pdf"):
        assert (tmp_path / name).stat().st_size > 2000
    with pytest.raises(fractile.ConfigError):
        figure.sharpe_intervals({})

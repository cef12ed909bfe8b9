# Copyright The fractile authors. Licensed under the Apache License, Version 2.0.
"""The tear sheet's file: its data are the tables of the result, on every surface, and foreign text stays text."""

from __future__ import annotations

import base64
import html.parser
import json
import pickle
import re
import shlex
import subprocess
import urllib.error
import urllib.parse
import urllib.request

import fractile
import numpy as np
import pandas as pd
import pytest
from oracle.markets import make_panel, make_signal
from support.raw_http import exchange, request
from support.server_process import serving

DAYS = 600
HOSTILE = '</script><script>alert("1")</script>\u202egnp.exe'


@pytest.fixture(scope="module")
def panel() -> pd.DataFrame:
    panel = make_panel(6, n_days=DAYS)
    names = np.array(["A", HOSTILE])
    return panel.assign(country=names[(panel["security_id"].to_numpy() % 2).astype(int)])


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory, panel):
    folder = tmp_path_factory.mktemp("sheet")
    fractile.create_snapshot("v1", panel, root=folder, dtype="both")
    make_signal(panel, 6, messy=False).to_parquet(folder / "signal.parquet")
    return folder


@pytest.fixture(scope="module")
def service(root):
    return fractile.BacktestService.get("v1", root=root)


@pytest.fixture(scope="module")
def rows(panel):
    return make_signal(panel, 6, messy=False)


@pytest.fixture(scope="module")
def result(service, rows):
    return service.run(rows, mincos=2)


class Elements(html.parser.HTMLParser):
    """Elements of a page in order, and the text of its data."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.data = ""
        self.title = ""
        self._inside = ""
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        self.tags.append(tag)
        self._inside = "data" if dict(attrs).get("id") == "data" else tag

    def handle_endtag(self, tag):
        self._inside = ""

    def handle_data(self, data):
        if self._inside == "data":
            self.data += data
        if self._inside == "title":
            self.title += data


def read_sheet(text: str) -> dict:
    return json.loads(Elements(text).data)


def unpack(column: dict) -> np.ndarray:
    """A column as the page reads it: dates as days."""
    if column["kind"] == "values":
        return np.array([np.nan if x is None else x for x in column["values"]])
    data = base64.b64decode(column["bytes"])
    if column["kind"] == "floats":
        return np.frombuffer(data, "<f4").astype(float)
    steps = np.frombuffer(data, "<u2").astype(float)
    if column["kind"] == "dates":
        return column["first"] + np.cumsum(steps)
    return np.where(steps == 0xFFFF, np.nan, column["first"] + column["step"] * steps)


def columns_of(sheet: dict, table: str, which: int = 0) -> dict[str, np.ndarray]:
    return {column["name"]: unpack(column) for column in sheet["results"][which]["tables"][table]["columns"]}


def test_the_daily_series_are_those_of_the_result(result):
    daily = columns_of(read_sheet(fractile.report(result)), "daily")
    days = result.daily["date"].to_numpy().astype("datetime64[D]").astype(int)
    np.testing.assert_array_equal(daily["date"], days)
    for name in ("ret", "ret_net", "resret", "ret_l", "turnover"):
        np.testing.assert_array_equal(daily[name], result.daily[name].to_numpy().astype(np.float32))
    np.testing.assert_array_equal(daily["numcos_l"], result.daily["numcos_l"])


def test_it_computes_the_tables_that_it_draws(service, rows, result):
    sheet = read_sheet(fractile.report(result))
    whole = service.run(rows, mincos=2, byvar_list=["overall", "year", "cap", "sector_id"], analysis=["ic", "coverage"])
    ic = columns_of(sheet, "ic")["ic"]
    assert np.nanmax(np.abs(ic - whole.ic["ic"])) <= np.ptp(whole.ic["ic"].dropna()) / 65_000
    summary = columns_of(sheet, "summary")
    assert list(summary["group"]) == list(whole.summary["group"])
    np.testing.assert_array_equal(summary["sharpe_ret"], whole.summary["sharpe_ret"])
    assert sheet["results"][0]["facts"]["run_id"] == result.run_id


def test_the_interval_is_that_of_the_result(result):
    inference = columns_of(read_sheet(fractile.report(result)), "inference")
    assert (inference["low"][0], inference["high"][0]) == pytest.approx(result.sharpe_interval, rel=1e-12)
    overall = result.inference(draws=1).iloc[0]
    for ours, theirs in (("se_hac", "se_hac"), ("t_nw", "t_nw"), ("p_nw", "p_nw"), ("psr", "psr")):
        assert inference[ours][0] == pytest.approx(overall[theirs], rel=1e-12)


def test_without_compute_it_has_what_the_result_has(result):
    tables = read_sheet(fractile.report(result, compute=False))["results"][0]["tables"]
    assert set(tables) == {"summary", "daily", "inference"}


def test_a_changed_signal_adds_nothing(service, rows):
    mine = rows.copy()
    result = service.run(mine, mincos=2)
    mine["signal"] = -mine["signal"]
    assert "ic" not in read_sheet(fractile.report(result))["results"][0]["tables"]


def test_a_signal_that_is_gone_adds_nothing(service, rows):
    result = service.run(rows.copy(), mincos=2)
    assert "ic" not in read_sheet(fractile.report(result))["results"][0]["tables"]


def test_a_result_holds_no_signal(service, rows):
    import weakref

    mine = rows.copy()
    alive = weakref.ref(mine)
    result = service.run(mine, mincos=2)
    del mine
    assert alive() is None
    assert len(result.daily)


def test_a_pickled_result_draws_what_it_has(service, rows, result):
    again = pickle.loads(pickle.dumps(service.run(rows, mincos=2, analysis=["ic"])))
    theirs, ours = (
        columns_of(read_sheet(fractile.report(again)), "daily"),
        columns_of(read_sheet(fractile.report(result)), "daily"),
    )
    for name, values in ours.items():
        np.testing.assert_array_equal(theirs[name], values)
    assert "ic" in read_sheet(fractile.report(again))["results"][0]["tables"]


def without_times(entry: dict) -> dict:
    facts = {name: value for name, value in entry["facts"].items() if name not in ("elapsed_seconds", "timings")}
    return {"facts": facts, "tables": entry["tables"]}


def test_every_surface_writes_the_same_sheet(service, rows, root, executable, tmp_path):
    ours = service.run(rows, mincos=2)
    ours.report(tmp_path / "python.html")
    command = [executable, "run", "signal.parquet", "--root", ".", "--mincos", "2", "--byvar-list", "overall", "--report"]
    subprocess.run([*command, str(tmp_path / "cli.html")], cwd=root, check=True, capture_output=True)
    with serving(tmp_path / "server", root) as server:
        config = urllib.parse.quote(json.dumps({"mincos": 2, "byvar_list": ["overall"]}))
        body = rows.to_csv(index=False).encode()
        answer = exchange(server.port, request("POST", f"/run?config={config}", body, {"Accept": "text/html"}, "text/csv"))
    assert answer is not None and answer.status == 200 and answer.headers["content-type"] == "text/html; charset=utf-8"
    texts = [(tmp_path / "python.html").read_text(), (tmp_path / "cli.html").read_text(), answer.body.decode()]
    first, second, third = (without_times(read_sheet(text)["results"][0]) for text in texts)
    assert first == second
    assert first == third


def test_the_command_on_the_sheet_repeats_the_run(service, rows, root, executable):
    options = {"mincos": 2, "lag": 1, "tc_level": {"big": 1, "median": 2, "small": 3}, "universe": {"cap": [1, 2]}, "drift": True}
    result = service.run(rows, byvar_list=["overall", "cap"], fractile=(20, 80), calc_turnover=True, **options)
    arguments = shlex.split(read_sheet(fractile.report(result))["results"][0]["arguments"])
    assert arguments[0] == "SIGNAL"
    done = subprocess.run(
        [executable, "run", "signal.parquet", *arguments[1:], "--format", "json"], cwd=root, check=True, capture_output=True
    )
    assert json.loads(done.stdout)["run_id"] == result.run_id


def test_the_command_on_the_sheet_says_how_the_file_was_read(service, rows, root, executable):
    foreign = rows.rename(columns={"security_id": "a,b", "date_sig": "day", "signal": "score"})[["a,b", "day", "score"]]
    texts = foreign["score"].map("{:.9f}".format)
    texts.iloc[[2, 5]] = ["(x,y)", "C"]
    foreign.assign(day=foreign["day"].dt.strftime("%d.%m.%Y"), score=texts, note="x").to_csv(
        root / "foreign.csv", index=False, sep="|"
    )
    reading = {
        "map": {"security_id": "a,b", "date_sig": "day"}, "date_format": "%d.%m.%Y", "null": {"score": ["(x,y)", "C"]},
        "delimiter": "|", "scale": {"score": 2}, "drop": ["note"],
    }  # fmt: skip
    result = service.run(root / "foreign.csv", sigvar="score", mincos=2, **reading)
    sheet = read_sheet(fractile.report(result))["results"][0]
    assert sheet["given"].items() >= {**reading, "sigvar": "score", "mincos": 2}.items()
    done = subprocess.run(
        [executable, "run", *shlex.split(sheet["arguments"]), "--report", "again.html", "--format", "json"],
        cwd=root, check=True, capture_output=True,
    )  # fmt: skip
    assert json.loads(done.stdout)["run_id"] == result.run_id
    again = read_sheet((root / "again.html").read_text())["results"][0]
    assert again["given"] == sheet["given"]
    assert shlex.split(again["arguments"])[1:] == shlex.split(sheet["arguments"])[1:]


def test_the_sheet_has_the_study_the_audit_and_the_names_of_extreme_days(service, rows, root, executable, monkeypatch):
    monkeypatch.setenv("FRACTILE_LEDGER", str(root / "ledger.sqlite"))
    result = service.run(rows, mincos=2, analysis=["drilldown"], study="sheet")
    audit = service.audit(rows, mincos=2)
    entry = read_sheet(fractile.report(result, audit=audit))["results"][0]
    assert entry["study"] == f"Study sheet: {result.deflation()['text']}"
    assert entry["audit"] == audit.to_dict()
    found = pd.DataFrame(columns_of({"results": [entry]}, "extreme_days"))
    book = result.drilldown.assign(size=result.drilldown["contribution"].abs())
    daily = result.daily.sort_values("ret", kind="stable")
    days = list(pd.concat([daily.head(8), daily.tail(8)])["date"])
    assert [pd.Timestamp(day, unit="s") for day in dict.fromkeys(found["date"])] == days
    for day, names in found.groupby("date"):
        largest = book[book["date"] == pd.Timestamp(day, unit="s")].nlargest(3, "size")
        np.testing.assert_allclose(names["contribution"], largest["contribution"], rtol=1e-12)
    command = [executable, "run", "signal.parquet", "--root", ".", "--mincos", "2", "--study", "sheet", "--report", "study.html"]
    subprocess.run(command, cwd=root, check=True, capture_output=True)
    assert read_sheet((root / "study.html").read_text())["results"][0]["study"].startswith("Study sheet: ")
    subprocess.run([*command, "--audit"], cwd=root, check=True, capture_output=True)
    assert_equal_audits(read_sheet((root / "study.html").read_text())["results"][0]["audit"], audit.to_dict())
    refused = subprocess.run([*command[:-2], "--audit"], cwd=root, capture_output=True, text=True)
    assert refused.returncode == 2 and "--audit requires --report" in refused.stderr
    with pytest.raises(fractile.ConfigError, match="expected one result with an audit"):
        fractile.report({"a": result, "b": result}, audit=audit)


def assert_equal_audits(one: dict, other: dict) -> None:
    """Audits found the same. Their options may differ in byvar_list, which an audit does not read."""
    for key in ("verdict", "first_k", "checks", "profile", "snapshot", "periods_per_year"):
        assert one[key] == other[key], key


def test_the_server_puts_the_audit_on_the_sheet_and_keeps_it(service, rows, root, tmp_path):
    body = {"config": {"mincos": 2}, "signal": json.loads(rows.to_json(orient="records", date_format="iso"))}
    with serving(tmp_path, root) as server:

        def post(accept: str, **more: object) -> tuple[int, dict[str, str], str]:
            request = urllib.request.Request(
                f"{server.url}/run", json.dumps({**body, **more}).encode(), {"Content-Type": "application/json", "Accept": accept}
            )
            try:
                with urllib.request.urlopen(request, timeout=60) as answer:
                    return answer.status, dict(answer.headers), answer.read().decode()
            except urllib.error.HTTPError as error:
                return error.code, {}, error.read().decode()

        expected = service.audit(rows, mincos=2).to_dict()
        assert_equal_audits(read_sheet(post("text/html", audit=True)[2])["results"][0]["audit"], expected)
        status, headers, text = post("application/vnd.fractile.sheet+json", audit=True)
        assert status == 200
        assert_equal_audits(json.loads(text)["results"][0]["audit"], expected)
        again = urllib.request.Request(f"{server.url}/{headers['Location']}", headers={"Accept": "text/html"})
        with urllib.request.urlopen(again, timeout=60) as answer:
            assert_equal_audits(read_sheet(answer.read().decode())["results"][0]["audit"], expected)
        assert not read_sheet(post("text/html", audit=False)[2])["results"][0]["audit"]
        status, _, text = post("application/json", audit=True)
        assert status == 422 and "with audit, found neither" in text
        status, _, text = post("text/html", audit="yes")
        assert status == 422 and "expected audit as true or false" in text


def test_foreign_text_stays_text(service, rows):
    result = service.run(rows, mincos=2, byvar_list=["overall", "country"])
    text = fractile.report({HOSTILE: result, "b": result}, title=HOSTILE)
    page = Elements(text)
    assert page.tags.count("script") == 2
    assert "\u202e" not in page.title and "</script>" in page.title
    sheet = json.loads(page.data)
    assert sheet["title"] == HOSTILE and sheet["results"][0]["name"] == HOSTILE
    assert HOSTILE in columns_of(sheet, "summary")["group"]


def test_the_policy_allows_this_script_alone(result):
    import hashlib

    text = fractile.report(result)
    policy = re.search(r'http-equiv="Content-Security-Policy" content="([^"]*)"', text)
    script = re.search(r"<script>(.*)</script>", text, re.S)
    assert policy and script
    digest = base64.b64encode(hashlib.sha256(script[1].encode()).digest()).decode()
    assert f"script-src 'sha256-{digest}'" in policy[1]
    assert policy[1].startswith("default-src 'none'") and "unsafe" not in policy[1]


def test_ten_years_stay_small(tmp_path):
    panel = make_panel(9, n_days=2520, n_names=40)
    fractile.create_snapshot("ten", panel, root=tmp_path)
    service = fractile.BacktestService.get("ten", root=tmp_path)
    rows = make_signal(panel, 9, messy=False)
    text = fractile.report(service.run(rows, mincos=1))
    assert len(columns_of(read_sheet(text), "daily")["date"]) > 2400
    assert len(text.encode()) < 400_000


def test_an_empty_book_has_a_sheet(service, rows):
    result = service.run(rows, mincos=1000)
    assert len(result.daily) == 0
    assert read_sheet(fractile.report(result))["results"][0]["tables"]["daily"]["rows"] == 0


def test_a_folder_that_is_not_there_is_named(result, tmp_path):
    with pytest.raises(fractile.ConfigError, match="INVALID_VALUE: expected a file to write the sheet to"):
        result.report(tmp_path / "none" / "a.html")


def test_no_result_is_refused():
    with pytest.raises(fractile.ConfigError, match="expected a result or more"):
        fractile.report({})


def test_the_command_line_refuses_other_endings(root, executable):
    done = subprocess.run(
        [executable, "run", "signal.parquet", "--root", ".", "--report", "a.pdf"],
        cwd=root,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 2
    assert 'expected --report with a file that ends in .html, found "a.pdf". Write "a.pdf.html".' in done.stderr


def test_the_demo_ends_with_its_sheet(demo_folder, executable):
    done = subprocess.run([executable, "demo"], cwd=demo_folder, capture_output=True, text=True, check=True)
    path = done.stdout.splitlines()[-1].removeprefix("Tear sheet: ")
    with open(path, encoding="utf-8") as file:
        assert read_sheet(file.read())["results"][0]["facts"]["snapshot"] == "2026-02-10-v1"

# Copyright The fractile authors. Licensed under the Apache License, Version 2.0.
"""The dashboard in Chromium against a real server: each flow, errors, tokens, keyboard, small screens. And its answers without one."""

from __future__ import annotations

import gzip
import http.client
import http.server
import json
import pathlib
import re
import shlex
import signal
import subprocess
import threading
import urllib.parse

import fractile
import numpy as np
import pandas as pd
import pytest
from support.browser import Browser, serving_pages
from support.raw_http import exchange, request
from support.server_market import FILE, SNAPSHOT, STREAM, make_root, make_rows, to_ipc, to_table
from support.server_process import ServerProcess, eventually, find_executable, serving, start_server

SHEET = "application/vnd.fractile.sheet+json"
CONFIG = {"mincos": 2}


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> pathlib.Path:
    return make_root(tmp_path_factory.mktemp("dashboard"))


@pytest.fixture(scope="module")
def server(root, tmp_path_factory):
    with serving_pages(tmp_path_factory.mktemp("server"), root, {"defaults": CONFIG}) as server:
        yield server


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> pathlib.Path:
    """The signal as CSV, with foreign names as CSV, and as Parquet."""
    folder = tmp_path_factory.mktemp("files")
    rows = make_rows()
    rows.to_csv(folder / "signal.csv", index=False)
    rows.rename(columns={"security_id": "ticker", "date_sig": "day", "signal": "my score"}).to_csv(
        folder / "foreign.csv", index=False
    )
    rows.to_parquet(folder / "signal.parquet")
    pd.read_csv(folder / "foreign.csv", parse_dates=["day"]).to_parquet(folder / "foreign.parquet")
    return folder


@pytest.fixture(scope="module")
def expected(root):
    return fractile.BacktestService.get(SNAPSHOT, root=root).run(make_rows(), **CONFIG)


def ask(server: ServerProcess, target: str, headers: dict[str, str] | None = None):
    answer = exchange(server.port, request("GET", target, headers=headers))
    assert answer is not None
    return answer


def post_sheet(server: ServerProcess, accept: str = SHEET):
    body = make_rows().to_csv(index=False).encode()
    target = f"/run?config={urllib.parse.quote(json.dumps(CONFIG))}"
    answer = exchange(server.port, request("POST", target, body, {"Accept": accept}, "text/csv"))
    assert answer is not None
    return answer


# Answers, without a browser


def test_the_page_is_small_strict_and_cached(server):
    total = 0
    for path in ("/", "/dashboard.js", "/dashboard.css"):
        answer = ask(server, path, {"Accept-Encoding": "gzip"})
        assert answer.status == 200 and answer.headers["content-encoding"] == "gzip"
        total += len(answer.body)
        plain = ask(server, path)
        assert "content-encoding" not in plain.headers and gzip.decompress(answer.body) == plain.body
        policy = answer.headers["content-security-policy"]
        assert policy.startswith("default-src 'none'; script-src 'self'") and "unsafe" not in policy
        again = ask(server, path, {"If-None-Match": answer.headers["etag"]})
        assert again.status == 304 and again.body == b""
    assert total < 120_000


def test_the_page_has_no_script_of_its_own(server):
    page = ask(server, "/").body.decode()
    assert re.findall(r"<script[^>]*>", page) == ['<script src="dashboard.js" defer>']
    assert not re.search(r"(src|href)=\"(/|https?:)", page)


def test_a_result_is_stored_and_read_again(server, expected):
    answer = post_sheet(server)
    location = answer.headers["location"]
    assert re.fullmatch(r"results/[0-9a-f]{32}", location)
    again = ask(server, f"/{location}")
    assert again.json()["run_id"] == expected.run_id
    assert again.headers["cache-control"] == "no-store"
    sheet = ask(server, f"/{location}", {"Accept": SHEET}).json()
    assert sheet == answer.json()
    daily = ask(server, f"/{location}?table=daily").json()
    np.testing.assert_array_equal([row["ret"] for row in daily], expected.daily["ret"])
    csv = ask(server, f"/{location}?table=daily", {"Accept": "text/csv"})
    assert csv.headers["content-type"] == "text/csv; charset=utf-8"
    assert csv.body.decode().splitlines()[0].startswith("date,ret,")


def test_every_run_has_an_id_of_its_own(server):
    assert post_sheet(server).headers["location"] != post_sheet(server).headers["location"]


def test_the_repeated_command_names_no_column_that_is_the_default(server):
    sheet = post_sheet(server).body.decode()
    assert "--mincos 2" in sheet and "--sigvar" not in sheet


def test_other_answers_of_run_store_nothing(server):
    assert "location" not in post_sheet(server, "application/json").headers
    assert "location" not in post_sheet(server, "text/html").headers


@pytest.mark.parametrize("target", ["/results/0123456789abcdef0123456789abcdef", "/results/x", "/results/%3Cscript%3E"])
def test_an_unknown_result_is_not_found(server, target):
    answer = ask(server, target)
    assert answer.status == 404 and answer.json()["error"]["code"] == "NOT_FOUND"


def test_an_unknown_table_is_not_found(server):
    location = post_sheet(server).headers["location"]
    assert ask(server, f"/{location}?table=none").status == 404
    assert ask(server, f"/{location}?tabel=daily").status == 422


def test_the_store_is_bounded(root, tmp_path):
    with serving_pages(tmp_path / "server", root, {"server": {"result_store_mb": 0.2}}) as server:
        locations = [post_sheet(server).headers["location"] for _ in range(12)]
        statuses = [ask(server, f"/{location}").status for location in locations]
    assert statuses[-1] == 200 and statuses[0] == 404
    assert statuses == sorted(statuses, reverse=True)


def test_a_store_of_nothing_stores_nothing(root, tmp_path):
    with serving_pages(tmp_path / "server", root, {"server": {"result_store_mb": 0}}) as server:
        answer = post_sheet(server)
    assert answer.status == 200 and "location" not in answer.headers


def test_formulas_in_names_stay_text(tmp_path):
    from oracle.markets import make_panel, make_signal

    panel = make_panel(5)
    names = np.array(["=1+1", "@x"])
    panel = panel.assign(country=names[(panel["security_id"].to_numpy() % 2).astype(int)])
    fractile.create_snapshot("formulas", panel, root=tmp_path)
    body = make_signal(panel, 5, messy=False).to_csv(index=False).encode()
    with serving_pages(tmp_path / "server", tmp_path) as server:
        config = urllib.parse.quote(json.dumps({"byvar_list": ["overall", "country"], "mincos": 2}))
        answer = exchange(server.port, request("POST", f"/run?config={config}", body, {"Accept": SHEET}, "text/csv"))
        assert answer is not None
        csv = ask(server, f"/{answer.headers['location']}?table=summary", {"Accept": "text/csv"}).body.decode()
    assert "country,'=1+1," in csv and "country,'@x," in csv


def test_a_parquet_body_is_the_same_run(server, files, expected):
    body = (files / "signal.parquet").read_bytes()
    target = f"/run?config={urllib.parse.quote(json.dumps({**CONFIG, 'byvar_list': ['overall']}))}"
    answer = exchange(server.port, request("POST", target, body, content_type="application/vnd.apache.parquet"))
    assert answer is not None and answer.json()["run_id"] == expected.run_id


# The first rows of a file


def preview(server: ServerProcess, body: bytes, kind: str = "text/csv", **config):
    target = f"/preview?config={urllib.parse.quote(json.dumps(config))}"
    answer = exchange(server.port, request("POST", target, body, content_type=kind))
    assert answer is not None
    return answer


def test_the_first_rows_are_the_same_in_every_form(server):
    rows = make_rows().head(9).rename(columns={"security_id": "PERMNO", "date_sig": "Trade Date", "signal": "My Alpha"})
    rows = rows[["Trade Date", "PERMNO", "My Alpha"]]
    bodies = {
        "text/csv": rows.to_csv(index=False, sep=";").encode(),
        "application/vnd.apache.parquet": rows.to_parquet(),
        FILE: to_ipc(to_table(rows), "file", chunk=2),
        STREAM: to_ipc(to_table(rows), chunk=100),
    }
    for kind, body in bodies.items():
        found = preview(server, body, kind).json()
        assert found["recognised"] == {"security_id": "PERMNO", "date_sig": "Trade Date", "value": "My Alpha"}, kind
        assert [column["name"] for column in found["columns"]] == list(rows)
        dates, ids, values = (column["cells"] for column in found["columns"])
        n = len(dates)
        assert n == (2 if kind == FILE else 6)
        assert dates == [str(date.date()) for date in rows["Trade Date"].head(n)]
        assert ids == [str(id) for id in rows["PERMNO"].head(n)]
        assert [float(value) for value in values] == list(rows["My Alpha"].head(n))


def test_columns_are_recognised_by_their_values(server):
    body = b"when,who,note,size\n2020-01-06,AA,x,1.5\n2020-01-07,BB,y,\n"
    found = preview(server, body).json()
    assert found["recognised"] == {"security_id": "who", "date_sig": "when", "value": "size"}
    assert found["columns"][3]["cells"][0] == "1.5"
    assert preview(server, b"a,b\nx,y\n").json()["recognised"] == {"security_id": "a", "date_sig": None, "value": None}
    european = b"when,who,size\n06/01/2020,AA,1.5\n13/01/2020,AA,2\n"
    assert preview(server, european).json()["recognised"]["date_sig"] is None
    assert preview(server, european, date_format="%d/%m/%Y").json()["recognised"]["date_sig"] == "when"


def test_the_first_rows_are_bounded(server):
    wide = ",".join(f"c{k}" for k in range(400)) + "\n" + ",".join(["\u00e4" * 100] * 400) + "\n"
    found = preview(server, wide.encode()).json()
    assert len(found["columns"]) == 256
    assert found["columns"][0]["cells"] == ["\u00e4" * 40]


@pytest.mark.parametrize(
    ("body", "kind", "status", "code"),
    [
        (b"PAR1 no", "application/vnd.apache.parquet", 422, "UNREADABLE_SIGNAL"),
        (b"", "text/csv", 422, "UNREADABLE_SIGNAL"),
        (b"{}", "application/json", 415, "UNSUPPORTED_MEDIA_TYPE"),
    ],
)
def test_a_file_that_cannot_be_shown_is_refused(server, body, kind, status, code):
    answer = (
        preview(server, body, kind)
        if kind != "application/json"
        else exchange(server.port, request("POST", "/preview", body, content_type=kind))
    )
    assert answer.status == status and answer.json()["error"]["code"] == code


def test_the_snapshots_of_the_folder(server, root):
    (only,) = ask(server, "/snapshots").json()
    listed = fractile.list_snapshots(root=root).iloc[0]
    assert only["id"] == SNAPSHOT and only["is_loaded"] is True
    for name in ("dates", "securities", "rows", "bytes"):
        assert only[name] == listed[name]
    assert only["example_ids"] == [str(one) for one in sorted(make_rows()["security_id"].unique())[:2]]
    assert {column["name"]: column["kind"] for column in only["columns"]}.items() >= {"ret": "real", "country": "text"}.items()


def test_help_says_which_port_is_taken(executable):
    lines = {
        command: next(
            line for line in subprocess.check_output([executable, command, "--help"], text=True).splitlines() if "--port" in line
        )
        for command in ("serve", "ui")
    }
    assert "[8000]" in lines["serve"]
    assert "any free port" in lines["ui"] and "8000" not in lines["ui"]


def test_ui_prints_the_address_of_a_free_port(root, executable, tmp_path):
    process = subprocess.Popen(
        [executable, "ui", "--no-browser", "--root", str(root)],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
        cwd=tmp_path,
    )
    try:
        assert process.stdout is not None
        found = re.search(r"http://127\.0\.0\.1:(\d+)/", process.stdout.readline())
        assert found
        answer = eventually(lambda: exchange(int(found[1]), request("GET", "/health")))
        assert answer.status in (200, 503)
        page = exchange(int(found[1]), request("GET", "/"))
        assert page is not None and b"dashboard.js" in page.body
    finally:
        process.terminate()
        assert process.wait(30) == 0


# In the browser


def number(text: str) -> float:
    return float(text.replace("\u2212", "-").replace(",", "").replace("%", ""))


def sharpe_of(page) -> float:
    return number(page.locator(".card").first.locator("strong").inner_text())


def run_file(page, path: pathlib.Path) -> None:
    page.set_input_files("#signal-file", str(path))
    page.get_by_role("button", name="Run", exact=True).click()
    page.wait_for_selector(".cards")


def test_start_shows_the_snapshot(browser: Browser, server):
    with browser.visit(f"{server.url}/") as visit:
        visit.page.wait_for_selector("table")
        assert f"{SNAPSHOT} (loaded)" in visit.page.locator("main").inner_text()
        assert visit.find_faults() == []


def test_from_a_file_to_a_judged_signal(browser: Browser, server, files, expected):
    with browser.visit(f"{server.url}/") as visit:
        page = visit.page
        page.get_by_role("link", name="Run a signal").click()
        run_file(page, files / "signal.csv")
        assert sharpe_of(page) == round(expected.sharpe, 2)
        assert page.locator("canvas").count() > 2
        assert visit.find_faults() == []
        page.get_by_role("button", name="CLI", exact=True).click()
        page.locator(".copied", has_text="fractile run signal.csv --snapshot small").wait_for()
        with page.expect_download() as download:
            page.get_by_role("button", name="CSV", exact=True).click()
        assert download.value.suggested_filename == "summary.csv"
        page.reload()
        page.wait_for_selector(".cards")
        assert sharpe_of(page) == round(expected.sharpe, 2)


@pytest.mark.parametrize("ending", ["csv", "parquet"])
def test_columns_of_other_names_are_mapped(browser: Browser, server, files, expected, root, ending):
    with browser.visit(f"{server.url}/#/run") as visit:
        page = visit.page
        page.set_input_files("#signal-file", str(files / f"foreign.{ending}"))
        page.wait_for_selector(".mapping")
        heads = page.locator(".preview thead th").all_inner_texts()
        assert {"ticker (security)", "day (date)", "my score (value)"} <= set(heads)
        assert visit.find_faults() == []
        page.get_by_role("button", name="Run", exact=True).click()
        page.wait_for_selector(".cards")
        assert sharpe_of(page) == round(expected.sharpe, 2)
        page.get_by_role("button", name="Python", exact=True).click()
        page.wait_for_selector(".copied:not(:empty)")
        assert 'map={"date_sig": "day", "security_id": "ticker"}' in page.locator(".copied").inner_text()
        page.get_by_role("button", name="CLI", exact=True).click()
        page.locator(".copied", has_text="--map security_id=ticker").wait_for()
        command = page.locator(".copied").inner_text().removeprefix("Copied: ")
    done = subprocess.run(
        [*shlex.split(command), "--root", str(root), "--format", "json"],
        executable=find_executable(), cwd=files, capture_output=True, text=True, check=True,
    )  # fmt: skip
    assert json.loads(done.stdout)["summary"][0]["sharpe_ret"] == expected.sharpe


def european(folder: pathlib.Path) -> pathlib.Path:
    """The signal as a European spreadsheet saves it; one value is a letter."""
    rows = make_rows()[["security_id", "date_sig", "signal"]].rename(columns={"date_sig": "Tag", "signal": "Wert"})
    texts = rows["Wert"].map("{:.6f}".format).str.replace(".", ",", regex=False)
    texts.iloc[3] = "C"
    rows.assign(Tag=rows["Tag"].dt.strftime("%d/%m/%Y"), Wert=texts).to_csv(folder / "europe.csv", index=False, sep=";")
    return folder / "europe.csv"


def test_a_remedy_of_reading_is_a_button_and_its_code_is_whole_in_another_session(browser: Browser, server, root, tmp_path):
    path = european(tmp_path)
    with browser.visit(f"{server.url}/#/run") as visit:
        page = visit.page
        page.set_input_files("#signal-file", str(path))
        page.get_by_label("date", exact=True).select_option("Tag")
        page.get_by_label("value", exact=True).select_option("Wert")
        for label in ('Set decimal to ","', 'Read "C" as missing', "Read dates as day/month/year"):
            page.get_by_role("button", name="Run", exact=True).click()
            remedy = page.get_by_role("button", name=label, exact=True)
            remedy.wait_for()
            assert page.locator(".picker button").count() == 1
            assert "--" not in page.locator(".picker").inner_text()
            assert visit.find_faults() == []
            with page.expect_response(lambda response: "/preview" in response.url):
                remedy.click()
            page.get_by_text("Set under Options: ").wait_for()
        page.get_by_role("button", name="Run", exact=True).click()
        page.wait_for_selector(".cards")
        shown, address = sharpe_of(page), page.url
    with browser.visit(address) as visit:
        page = visit.page
        page.get_by_role("button", name="CLI", exact=True).click()
        page.locator(".copied", has_text="fractile run SIGNAL").wait_for()
        command = page.locator(".copied").inner_text().removeprefix("Copied: ").replace("SIGNAL", path.name)
        page.get_by_role("button", name="Python", exact=True).click()
        page.locator(".copied", has_text="service.run(").wait_for()
        code = page.locator(".copied").inner_text().removeprefix("Copied: ").replace("SIGNAL", str(path))
    done = subprocess.run(
        [*shlex.split(command), "--root", str(root), "--format", "json"],
        executable=find_executable(), cwd=tmp_path, capture_output=True, text=True, check=True,
    )  # fmt: skip
    by_command = json.loads(done.stdout)
    names: dict[str, object] = {}
    exec(code.replace('get("small")', f'get("small", root={str(root)!r})'), names)
    by_python = names["result"]
    assert isinstance(by_python, fractile.BacktestResult)
    assert by_python.run_id == by_command["run_id"]
    assert round(by_python.sharpe, 2) == shown


def test_a_wrong_column_is_blamed_beside_its_choice(browser: Browser, server, files):
    with browser.visit(f"{server.url}/#/run") as visit:
        page = visit.page
        page.set_input_files("#signal-file", str(files / "foreign.csv"))
        page.get_by_label("date", exact=True).select_option("")
        page.get_by_role("button", name="Run", exact=True).click()
        row = page.locator(".mapping > div", has=page.get_by_label("date", exact=True))
        assert row.locator(".fault").inner_text() == "Choose the column of the date."
        page.get_by_label("date", exact=True).select_option("ticker")
        page.get_by_role("button", name="Run", exact=True).click()
        page.wait_for_selector(".mapping .fault:not(:empty)")
        assert 'in column "ticker"' in row.locator(".fault").inner_text()
        assert visit.find_faults() == []


def test_an_option_changes_the_run_and_a_wrong_one_is_blamed(browser: Browser, server, files, root):
    with browser.visit(f"{server.url}/#/run") as visit:
        page = visit.page
        page.wait_for_selector("#signal-file")
        page.set_input_files("#signal-file", str(files / "signal.csv"))
        page.get_by_text("Options", exact=True).click()
        page.get_by_label("lag", exact=True).fill("-1")
        page.get_by_role("button", name="Run", exact=True).click()
        page.wait_for_selector(".option .fault:not(:empty)")
        row = page.locator(".option", has=page.get_by_label("lag", exact=True))
        assert "expected lag" in row.locator(".fault").inner_text()
        assert visit.find_faults() == []
        page.get_by_label("lag", exact=True).fill("2")
        page.get_by_role("button", name="Run", exact=True).click()
        page.wait_for_selector(".cards")
        service = fractile.BacktestService.get(SNAPSHOT, root=root)
        assert sharpe_of(page) == round(service.run(make_rows(), lag=2, **CONFIG).sharpe, 2)


def test_two_runs_are_compared(browser: Browser, server, files):
    with browser.visit(f"{server.url}/#/run") as visit:
        page = visit.page
        run_file(page, files / "signal.csv")
        page.goto(f"{server.url}/#/run")
        run_file(page, files / "signal.parquet")
        page.get_by_role("link", name="Compare").click()
        page.wait_for_selector(".heat-map")
        assert page.locator(".heat-map td.heat").all_inner_texts() == ["1.00"] * 4
        assert visit.find_faults() == []


def test_a_small_screen_and_the_keyboard_alone(browser: Browser, server, files):
    with browser.visit(f"{server.url}/#/run", 400, "dark") as visit:
        page = visit.page
        page.wait_for_selector("#signal-file")
        page.set_input_files("#signal-file", str(files / "signal.csv"))
        page.wait_for_selector(".mapping")
        page.get_by_role("button", name="Run", exact=True).focus()
        page.keyboard.press("Enter")
        page.wait_for_selector(".cards")
        assert page.evaluate("document.documentElement.scrollWidth") == 400
        assert visit.find_faults() == []


def test_the_keyboard_alone_leads_from_start_to_a_result(browser: Browser, server, files, expected):
    with browser.visit(f"{server.url}/") as visit:
        page = visit.page
        page.wait_for_selector("table")

        def tab_to(selector: str) -> None:
            for _ in range(60):
                page.keyboard.press("Tab")
                if page.evaluate("what => document.activeElement.matches(what)", selector):
                    return
            raise AssertionError(f"expected to reach {selector} by Tab, did not")

        tab_to('main a[href="#/run"]')
        page.keyboard.press("Enter")
        page.wait_for_selector("#signal-file")
        with page.expect_file_chooser() as chooser:  # around the way there: the browser begins to catch dialogs after a while
            tab_to("#signal-file")
            page.keyboard.press("Enter")
        chooser.value.set_files(str(files / "foreign.csv"))
        page.wait_for_selector(".mapping")
        tab_to("button.primary")
        page.keyboard.press("Enter")
        page.wait_for_selector(".cards")
        assert sharpe_of(page) == round(expected.sharpe, 2)


def test_the_grid_is_that_of_a_suite(browser: Browser, server, files, root):
    suite = fractile.BacktestService.get(SNAPSHOT, root=root).run_suite(
        make_rows(), lags=[0, 1, 2, 5], resid_modes=["off", "industry", "factor", "all"], **CONFIG
    )
    with browser.visit(f"{server.url}/#/run") as visit:
        page = visit.page
        page.set_input_files("#signal-file", str(files / "signal.csv"))
        page.get_by_role("button", name="Run over lags and residuals").click()
        grid = page.locator("table", has=page.locator("caption", has_text="Sharpe ratio by lag and residual"))
        grid.wait_for(timeout=60_000)
        modes = [text.removeprefix("resid ") for text in grid.locator("thead th").all_inner_texts()]
        rows = grid.locator("tbody tr").all()
        assert len(rows) == 4 and len(modes) == 4
        for row in rows:
            lag = row.locator("th").inner_text().removeprefix("lag ")
            for mode, cell in zip(modes, row.locator("td").all_inner_texts(), strict=True):
                assert number(cell) == round(suite[f"lag{lag}_resid{mode}"].sharpe, 2), (lag, mode)
        assert visit.find_faults() == []


def test_a_server_that_dies_in_a_run_is_named_and_the_page_works_after_its_restart(browser: Browser, root, tmp_path, files):
    configuration = {"defaults": CONFIG}
    server = start_server(tmp_path / "server", root, configuration)
    again = None
    try:
        with browser.visit(f"{server.url}/#/run", loses_server=True) as visit:
            page = visit.page
            page.set_input_files("#signal-file", str(files / "signal.csv"))
            page.wait_for_selector(".mapping")
            server.send_signal(signal.SIGSTOP)  # The run is sent and never answered.
            page.get_by_role("button", name="Run", exact=True).click()
            page.get_by_text("Computing").wait_for()
            server.kill()
            page.get_by_text("The server does not answer. Is it still running?").wait_for()
            again = start_server(tmp_path / "again", root, configuration, port=server.port)
            page.get_by_role("button", name="Run", exact=True).click()
            page.wait_for_selector(".cards")
            assert page.get_by_text("The server does not answer").count() == 0
    finally:
        server.kill()
        if again:
            again.stop()


def test_a_server_that_stops_is_named(browser: Browser, root, tmp_path, files):
    with (
        serving_pages(tmp_path / "server", root) as server,
        browser.visit(f"{server.url}/#/run", loses_server=True) as visit,
    ):
        visit.page.wait_for_selector("#signal-file")
        visit.page.set_input_files("#signal-file", str(files / "signal.csv"))
        server.stop()
        visit.page.get_by_role("button", name="Run", exact=True).click()
        visit.page.get_by_text("The server does not answer. Is it still running?").wait_for()


def test_a_token_is_asked_for_once(browser: Browser, root, tmp_path):
    (tmp_path / "token").write_text("secret\n")
    options = {"server": {"token_file": str(tmp_path / "token")}}
    with serving_pages(tmp_path / "server", root, options) as server, browser.visit(f"{server.url}/") as visit:
        page = visit.page
        page.get_by_label("Token").fill("wrong")
        with page.expect_response(lambda response: response.status == 401):
            page.keyboard.press("Enter")
        page.wait_for_timeout(500)  # the question comes again
        page.get_by_label("Token").fill("secret")
        page.keyboard.press("Enter")
        page.wait_for_selector("table")
        page.reload()
        page.wait_for_selector("table")
        assert page.get_by_label("Token").count() == 0


class Prefix(http.server.BaseHTTPRequestHandler):
    """A proxy that forwards /desk/fractile/... to the / of the server at `port`, and nothing else."""

    port = 0

    def forward(self) -> None:
        if not self.path.startswith("/desk/fractile/"):
            self.send_error(404)
            return
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        connection = http.client.HTTPConnection("127.0.0.1", self.port)
        connection.request(self.command, self.path.removeprefix("/desk/fractile"), body, dict(self.headers))
        answer = connection.getresponse()
        content = answer.read()
        self.send_response(answer.status)
        for name, value in answer.getheaders():
            if name.lower() not in ("transfer-encoding", "connection", "content-length", "date", "server"):
                self.send_header(name, value)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)
        connection.close()

    do_GET = do_POST = do_HEAD = forward

    def log_message(self, *message: object) -> None:
        """Writes nothing."""


def test_the_page_works_under_a_path_of_a_proxy_and_with_a_token(browser: Browser, root, tmp_path, files):
    (tmp_path / "token").write_text("secret\n")
    options = {"server": {"token_file": str(tmp_path / "token")}, "defaults": CONFIG}
    with serving_pages(tmp_path / "server", root, options) as server:
        handler = type("Handler", (Prefix,), {"port": server.port})
        proxy = http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler)
        threading.Thread(target=proxy.serve_forever, daemon=True).start()
        try:
            with browser.visit(f"http://127.0.0.1:{proxy.server_port}/desk/fractile/#/run") as visit:
                page = visit.page
                page.get_by_label("Token").fill("secret")
                page.keyboard.press("Enter")
                page.wait_for_selector("#signal-file")
                page.set_input_files("#signal-file", str(files / "signal.csv"))
                page.wait_for_selector(".mapping")
                page.get_by_role("button", name="Run", exact=True).click()
                page.wait_for_selector(".cards")
                assert "/desk/fractile/#/results/" in page.url
                page.reload()
                page.wait_for_selector(".cards")
                assert all("/desk/fractile/" in address for address in visit.requests if address.startswith("http"))
        finally:
            proxy.shutdown()
            proxy.server_close()


def test_a_newcomer_gets_from_an_own_csv_to_a_judged_signal(browser: Browser, server, tmp_path):
    """Foreign names, dates of a spreadsheet, -99 for missing: what to do stands on the page at every step."""
    rows = make_rows()
    own = pd.DataFrame({"ticker": rows["security_id"], "asof": rows["date_sig"].dt.strftime("%d/%m/%Y"), "alpha": rows["signal"]})
    own.loc[own.index % 20 == 0, "alpha"] = -99
    own.to_csv(tmp_path / "own.csv", index=False)
    with browser.visit(server.url) as visit:
        page = visit.page
        page.get_by_role("link", name="Run a signal").click()
        page.set_input_files("#signal-file", str(tmp_path / "own.csv"))
        page.get_by_text("alpha (value)").wait_for()
        page.get_by_role("button", name="Run", exact=True).click()
        page.get_by_role("button", name="Read dates as day/month/year").click()
        page.get_by_text('Press "Run" again.').wait_for()
        page.get_by_role("button", name="Run", exact=True).click()
        warning = page.locator(".warnings li", has_text="CODE_VALUE")
        assert 'null="-99"' in warning.inner_text()
        page.get_by_role("link", name="Run again with other options").click()
        page.locator("summary", has_text="Options").click()
        page.get_by_label("null", exact=True).fill("-99")
        page.get_by_role("button", name="Run", exact=True).click()
        page.wait_for_selector(".cards")
        page.locator(".warnings li", has_text="CODE_VALUE").wait_for(state="detached")
        with page.expect_download() as download:
            page.get_by_role("button", name="Sheet as HTML").click()
        assert "Headline" in download.value.path().read_text()


def test_copied_code_has_the_days_of_the_server(browser: Browser, root, files, tmp_path):
    arguments = ("--start-date", "2020-01-10", "--end-date", "2020-02-20", "--no-compact")
    with (
        serving(tmp_path / "server", root, {"defaults": CONFIG}, arguments=arguments) as server,
        browser.visit(f"{server.url}/#/run") as visit,
    ):
        page = visit.page
        page.set_input_files("#signal-file", str(files / "signal.csv"))
        page.get_by_text("signal (value)").wait_for()
        page.get_by_role("button", name="Run", exact=True).click()
        page.wait_for_selector(".cards")
        page.get_by_role("button", name="CLI", exact=True).click()
        page.locator(".copied", has_text="fractile run").wait_for()
        assert " ".join(arguments) in page.locator(".copied").inner_text()
        page.get_by_role("button", name="Python", exact=True).click()
        days = 'get("small", start_date="2020-01-10", end_date="2020-02-20", compact=False)'
        page.locator(".copied", has_text=days).wait_for()
        code = page.locator(".copied").inner_text().removeprefix("Copied: ").replace("signal.csv", str(files / "signal.csv"))
        shown = sharpe_of(page)
    names: dict[str, object] = {}
    exec(code.replace('get("small"', f'get("small", root={str(root)!r}'), names)
    by_python = names["result"]
    assert isinstance(by_python, fractile.BacktestResult) and round(by_python.sharpe, 2) == shown

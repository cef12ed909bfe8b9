# Copyright The fractile authors. Licensed under the Apache License, Version 2.0.
"""The dashboard in Chromium against a real server: each flow, errors, tokens, keyboard, small screens."""

from __future__ import annotations

import http.client
import http.server
import json
import pathlib
import re
import shlex
import signal
import subprocess
import threading

import fractile
import pandas as pd
import pytest
from support.browser import Browser, serving_pages
from support.server_market import SNAPSHOT, make_files, make_root, make_rows
from support.server_process import find_executable, serving, start_server

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
    return make_files(tmp_path_factory.mktemp("files"))


@pytest.fixture(scope="module")
def expected(root):
    return fractile.BacktestService.get(SNAPSHOT, root=root).run(make_rows(), **CONFIG)


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
        page.get_by_text("Wert (value)").wait_for()
        for label in ("Read dates as day/month/year", 'Read "," as the decimal mark', 'Read "C" as missing'):
            remedy = page.get_by_role("button", name=label, exact=True)
            remedy.wait_for()
            assert "--" not in page.locator(".picker").inner_text()
            assert visit.find_faults() == []
            with page.expect_response(lambda response: "/preview" in response.url):
                remedy.click()
            page.get_by_text("Set under Options: ").wait_for()
            assert page.get_by_label("date", exact=True).input_value() == "Tag"
        assert not any("/run?" in address for address in visit.requests)
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
        text = row.locator(".fault").inner_text()
        assert text.startswith("Expected lag") and text.endswith("(INVALID_VALUE)")
        assert visit.find_faults() == []
        page.get_by_label("lag", exact=True).fill("2")
        page.get_by_role("button", name="Run", exact=True).click()
        page.wait_for_selector(".cards")
        service = fractile.BacktestService.get(SNAPSHOT, root=root)
        assert sharpe_of(page) == round(service.run(make_rows(), lag=2, **CONFIG).sharpe, 2)


def test_a_double_sort_is_set_in_the_form(browser: Browser, server, files):
    with browser.visit(f"{server.url}/#/run") as visit:
        page = visit.page
        page.set_input_files("#signal-file", str(files / "signal.csv"))
        page.get_by_text("Options", exact=True).click()
        assert "double_sort" in page.locator(".option", has=page.get_by_label("analysis", exact=True)).inner_text()
        assert page.get_by_label("double_var", exact=True).is_disabled()
        page.get_by_label("analysis", exact=True).fill("double_sort")
        page.get_by_label("double_var", exact=True).fill("cap")
        page.get_by_role("button", name="Run", exact=True).click()
        page.get_by_text("rows: bins of cap, columns: bins of the signal").wait_for()


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


def test_a_newcomer_gets_from_an_own_csv_to_a_judged_signal(browser: Browser, server, root, tmp_path):
    """Foreign names, dates of a spreadsheet, -99 for missing: what to do stands on the page at every step."""
    rows = make_rows()
    own = pd.DataFrame({"ticker": rows["security_id"], "asof": rows["date_sig"].dt.strftime("%d/%m/%Y"), "alpha": rows["signal"]})
    own.loc[own.index % 20 == 0, "alpha"] = -99
    own.to_csv(tmp_path / "own.csv", index=False)
    with browser.visit(server.url) as visit:
        page = visit.page
        page.get_by_role("link", name="Run a signal").click()
        page.set_input_files("#signal-file", str(tmp_path / "own.csv"))
        page.get_by_role("button", name="Read dates as day/month/year").click()
        page.get_by_text('Press "Run".').wait_for()
        page.get_by_role("button", name="Run", exact=True).click()
        warning = page.locator(".warnings li", has_text="CODE_VALUE")
        assert warning.inner_text().startswith("The value -99 ") and 'null="-99"' in warning.inner_text()
        before = page.url
        page.reload()
        warning.get_by_role("button", name='Read "-99" as missing: choose the file again').click()
        page.get_by_text("Choose own.csv again").wait_for()
        assert page.get_by_label("null", exact=True).input_value() == "-99"
        assert page.get_by_label("date_format", exact=True).input_value() == "%d/%m/%Y"
        page.get_by_label("null", exact=True).evaluate("field => { field.value = ''; }")
        page.set_input_files("#signal-file", str(tmp_path / "own.csv"))
        page.get_by_text("alpha (value)").wait_for()
        page.get_by_role("button", name="Run", exact=True).click()
        warning.get_by_role("button", name='Read "-99" as missing and run again').click()
        page.locator(".warnings li", has_text="CODE_VALUE").wait_for(state="detached")
        page.wait_for_selector(".cards")
        assert page.url != before
        clean = own[own["alpha"] != -99].rename(columns={"ticker": "security_id", "asof": "date_sig", "alpha": "signal"})
        clean = clean.assign(date_sig=pd.to_datetime(clean["date_sig"], format="%d/%m/%Y"))
        by_python = fractile.BacktestService.get(SNAPSHOT, root=root).run(clean, **CONFIG)
        assert round(by_python.sharpe, 2) == sharpe_of(page)
        page.get_by_role("link", name="Run again with other options").click()
        page.locator("summary", has_text="Options").click()
        assert page.get_by_label("null", exact=True).input_value() == "-99"
        page.go_back()
        page.wait_for_selector(".cards")
        with page.expect_download() as download:
            page.get_by_role("button", name="Sheet as HTML").click()
        assert "Headline" in download.value.path().read_text()


def test_a_small_file_has_a_book_after_one_click(browser: Browser, server, tmp_path):
    """Tabs, few names: the page offers the minimum of names per side that the signal has."""
    rows = make_rows()
    few = rows[rows["security_id"].isin(sorted(rows["security_id"].unique())[:12])]
    few.to_csv(tmp_path / "few.tsv", index=False, sep="\t")
    with browser.visit(f"{server.url}/#/run") as visit:
        page = visit.page
        page.set_input_files("#signal-file", str(tmp_path / "few.tsv"))
        page.get_by_text("signal (value)").wait_for()
        page.get_by_text("Options", exact=True).click()
        page.get_by_label("mincos", exact=True).fill("10")
        page.get_by_role("button", name="Run", exact=True).click()
        page.get_by_role("button", name=re.compile("Set mincos to [12] and run again")).click()
        page.locator(".warnings li", has_text="NO_BOOK").wait_for(state="detached")
        page.wait_for_selector("canvas")


@pytest.mark.parametrize(
    ("text", "advice"),
    [
        ("2020-01-06,7,0.1\n2020-01-07,7,0.2\n", "Add a line of names"),
        ("security_id,date_sig,signal\n7,2020-01-06,2.5%\n", "Write it without the % sign"),
        ("date," + ",".join(f"S{i}" for i in range(9)) + "\n2020-01-06" + 9 * ",0.1" + "\n", "a column per security"),
    ],
)
def test_a_file_that_is_no_signal_gets_advice(browser: Browser, server, tmp_path, text, advice):
    (tmp_path / "odd.csv").write_text(text)
    with browser.visit(f"{server.url}/#/run") as visit:
        page = visit.page
        page.set_input_files("#signal-file", str(tmp_path / "odd.csv"))
        page.wait_for_selector(".mapping")
        if advice not in page.locator(".picker").inner_text():
            page.get_by_role("button", name="Run", exact=True).click()
        page.locator(".fault", has_text=advice).first.wait_for()


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
        days = 'get("small", compact=False, end_date="2020-02-20", start_date="2020-01-10")'
        page.locator(".copied", has_text=days).wait_for()
        code = page.locator(".copied").inner_text().removeprefix("Copied: ").replace("signal.csv", str(files / "signal.csv"))
        shown = sharpe_of(page)
    names: dict[str, object] = {}
    exec(code.replace('get("small"', f'get("small", root={str(root)!r}'), names)
    by_python = names["result"]
    assert isinstance(by_python, fractile.BacktestResult) and round(by_python.sharpe, 2) == shown

# Copyright The fractile authors. Licensed under the Apache License, Version 2.0.
"""Audit, studies, tests of many results and books of days in the dashboard, in Chromium against a real server."""

from __future__ import annotations

import pathlib

import fractile
import numpy as np
import pandas as pd
import pytest
from support.browser import Browser, serving_pages
from support.raw_http import exchange, request
from support.server_market import SNAPSHOT, make_root, make_rows

CONFIG = {"mincos": 2}


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> pathlib.Path:
    return make_root(tmp_path_factory.mktemp("views"))


@pytest.fixture(scope="module")
def server(root, tmp_path_factory):
    with serving_pages(tmp_path_factory.mktemp("server"), root, {"defaults": CONFIG}) as server:
        yield server


@pytest.fixture(scope="module")
def rows() -> pd.DataFrame:
    return make_rows()


@pytest.fixture(scope="module")
def older(rows) -> pd.DataFrame:
    """The rows before a correction that knows the future."""
    out = rows.copy()
    out["signal"] = np.random.default_rng(1).permutation(out["signal"])
    return out


@pytest.fixture(scope="module")
def files(rows, older, tmp_path_factory: pytest.TempPathFactory) -> pathlib.Path:
    folder = tmp_path_factory.mktemp("files")
    for name, frame in (("signal", rows), ("older", older.rename(columns={"signal": "score"}))):
        frame.to_csv(folder / f"{name}.csv", index=False)
    for name, frame in (("signal", rows), ("older", older)):
        frame.to_parquet(folder / f"{name}.parquet")
    return folder


@pytest.fixture(scope="module")
def service(root):
    return fractile.BacktestService.get(SNAPSHOT, root=root)


def number(text: str) -> float:
    return float(text.replace("\u2212", "-").replace(",", "").replace("%", ""))


def columns_of(page, caption: str) -> list[list[str]]:
    """The cells of a table's body by column."""
    table = page.locator("table", has=page.locator("caption", has_text=caption)).last
    return list(
        map(list, zip(*[row.locator("th, td").all_inner_texts() for row in table.locator("tbody tr").all()], strict=True))
    )


def run_file(page, path: pathlib.Path) -> None:
    page.wait_for_selector("#signal-file")
    page.set_input_files("#signal-file", str(path))
    page.get_by_role("button", name="Run", exact=True).click()
    page.wait_for_selector(".cards")


def assert_sound(visit, width: int) -> None:
    """Neither axe-core nor the console objects, and nothing sticks out of the page."""
    assert visit.find_faults() == []
    assert visit.page.evaluate("document.documentElement.scrollWidth") == width


@pytest.mark.parametrize(("width", "scheme"), [(400, "light"), (400, "dark"), (1300, "dark"), (2000, "light"), (2000, "dark")])
def test_every_view_is_sound(browser: Browser, server, files, width, scheme):
    with browser.visit(f"{server.url}/", width, scheme) as visit:
        page = visit.page
        page.wait_for_selector("table")
        assert_sound(visit, width)
        page.goto(f"{server.url}/#/run")
        page.wait_for_selector("#signal-file")
        page.set_input_files("#signal-file", str(files / "signal.csv"))
        page.wait_for_selector(".mapping")
        assert_sound(visit, width)
        page.get_by_role("button", name="Run", exact=True).click()
        page.wait_for_selector(".cards")
        assert_sound(visit, width)
        page.goto(f"{server.url}/#/compare")
        page.wait_for_selector(".run-line")
        assert_sound(visit, width)


# Audit


def audit_file(page, path: pathlib.Path) -> None:
    page.wait_for_selector("#signal-file")
    page.set_input_files("#signal-file", str(path))
    page.get_by_role("button", name="Audit", exact=True).focus()
    page.keyboard.press("Enter")
    page.wait_for_selector(".verdict")


@pytest.mark.parametrize(("width", "scheme"), [(1300, "light"), (400, "dark")])
def test_a_file_is_audited(browser: Browser, server, files, rows, service, width, scheme):
    expected = service.audit(rows, **CONFIG)
    with browser.visit(f"{server.url}/#/audit", width, scheme) as visit:
        page = visit.page
        audit_file(page, files / "signal.csv")
        assert page.get_by_role("heading", name=f"Verdict: {expected.verdict}").is_visible()
        names, statuses, values, *_ = columns_of(page, "Checks")
        assert names == list(expected.checks["check"]) and statuses == list(expected.checks["status"])
        for text, value in zip(values, expected.checks["value"], strict=True):
            assert (number(text) if text else np.nan) == pytest.approx(value, abs=5e-4, nan_ok=True)
        page.get_by_text("Numbers of the profile", exact=True).first.click()
        assert [number(text) for text in columns_of(page, "Numbers of the profile")[1]] == pytest.approx(
            list(expected.profile["ic"]), abs=5e-5
        )
        assert page.locator(".bars rect").count() == expected.profile["ic"].notna().sum()
        assert_sound(visit, width)


def test_a_fault_names_its_remedy(browser: Browser, server, files, rows):
    with browser.visit(f"{server.url}/#/audit") as visit:
        page = visit.page
        late = rows.assign(date_ret=rows["date_sig"])
        late.to_csv(files / "late.csv", index=False)
        audit_file(page, files / "late.csv")
        assert page.get_by_role("heading", name="Verdict: look-ahead").is_visible()
        row = page.locator(".checks tr", has_text="dates").first
        assert "Remedy: Date each row with the day on which its value was known" in row.inner_text()
        assert_sound(visit, 1300)


@pytest.mark.parametrize("ending", ["csv", "parquet"])
def test_two_vintages_are_compared(browser: Browser, server, files, rows, older, service, ending):
    expected = service.audit(rows, previous=older, **CONFIG).checks.set_index("check").loc["restated"]
    with browser.visit(f"{server.url}/#/audit") as visit:
        page = visit.page
        page.wait_for_selector("#signal-file")
        page.get_by_text("Compare with an older vintage").click()
        page.set_input_files("#older-file", str(files / f"older.{ending}"))
        audit_file(page, files / f"signal.{ending}")
        names, statuses, values, *_ = columns_of(page, "Checks")
        place = names.index("restated")
        assert statuses[place] == expected["status"] != "not applicable"
        assert number(values[place]) == pytest.approx(expected["value"], abs=5e-4)
        assert_sound(visit, 1300)


def test_an_audit_error_stands_beside_its_field(browser: Browser, server, files):
    (files / "hidden.csv").write_text("security_id,date_sig,signal\n")
    with browser.visit(f"{server.url}/#/audit") as visit:
        page = visit.page
        page.wait_for_selector("#signal-file")
        page.get_by_role("button", name="Audit", exact=True).click()
        assert page.locator(".picker .fault").first.inner_text() == "Choose a signal file first."
        page.set_input_files("#signal-file", str(files / "hidden.csv"))
        page.get_by_role("button", name="Audit", exact=True).click()
        page.wait_for_selector(".picker .fault:not(:empty)")
        assert "EMPTY_SIGNAL" in page.locator(".picker .fault").first.inner_text()
        page.set_input_files("#signal-file", str(files / "signal.csv"))
        page.get_by_text("Options", exact=True).click()
        page.get_by_label("lag", exact=True).fill("-1")
        page.get_by_role("button", name="Audit", exact=True).click()
        page.wait_for_selector(".option .fault:not(:empty)")
        assert "Expected lag" in page.locator(".option", has=page.get_by_label("lag", exact=True)).locator(".fault").inner_text()
        assert visit.find_faults() == []


# Studies


def run_in_study(page, server, path: pathlib.Path, lag: int, study: str) -> None:
    page.goto(f"{server.url}/#/run")
    page.wait_for_selector("#signal-file")
    page.get_by_text("Options", exact=True).click()
    page.get_by_label("lag", exact=True).fill(str(lag))
    page.get_by_label("Study").fill(study)
    run_file(page, path)


@pytest.mark.parametrize(("width", "scheme"), [(1300, "light"), (400, "dark")])
def test_runs_of_a_study_are_counted_and_deflated(browser: Browser, server, files, width, scheme):
    study = f"small-{width}"
    with browser.visit(f"{server.url}/", width, scheme) as visit:
        page = visit.page
        for lag in (0, 1, 2):
            run_in_study(page, server, files / "signal.csv", lag, study)
        assert f"Study {study}: " in page.locator(".study").inner_text() and "of 3 trials" in page.locator(".study").inner_text()
        page.get_by_role("button", name="CLI", exact=True).click()
        page.wait_for_selector(".copied:not(:empty)")
        assert f"--study {study}" in page.locator(".copied").inner_text()

        body = server.get(f"/studies/{study}")["trials"]
        ratios = {trial["run_id"]: trial["sr"] * np.sqrt(trial["periods_per_year"]) for trial in body}
        expected = sorted(ratios.values(), reverse=True)

        page.get_by_role("link", name="Compare").click()
        page.wait_for_selector("caption:has-text('Runs of studies')")
        names, studies, trials, effective, sharpe, deflated, net = columns_of(page, "Runs of studies")
        assert len(names) == 3 and set(studies) == {study} and set(trials) == {"3"} and len(set(effective)) == 1
        assert sorted(map(number, sharpe), reverse=True) == [round(ratio, 2) for ratio in expected]
        assert_sound(visit, width)

        page.get_by_role("link", name="Start").click()
        page.get_by_role("link", name=study).click()
        page.wait_for_selector("caption:has-text('Trials')")
        columns = columns_of(page, "Trials")
        assert [number(text) for text in columns[2]] == [round(ratio, 2) for ratio in expected]
        assert sorted(columns[3]) == sorted(deflated) and sorted(columns[5]) == sorted(net)
        assert all("lag=" in text for text in columns[-1])
        assert page.locator(".card strong").all_inner_texts()[:2] == ["3", effective[0]]
        assert_sound(visit, width)
        page.locator("tbody a").first.click()
        page.wait_for_selector(".cards")
        page.go_back()
        page.get_by_role("link", name="Run a signal of this study").click()
        page.wait_for_selector("#signal-file")
        assert page.get_by_label("Study").input_value() == study


def test_the_deflated_ratio_is_that_of_python(browser: Browser, server, files, service, rows, root, monkeypatch):
    with browser.visit(f"{server.url}/", 1300) as visit:
        for lag in (0, 1):
            run_in_study(visit.page, server, files / "signal.csv", lag, "python")
        visit.page.goto(f"{server.url}/#/studies/python")
        visit.page.wait_for_selector("caption:has-text('Trials')")
        found = columns_of(visit.page, "Trials")
    monkeypatch.setenv("FRACTILE_LEDGER", str(root / "ledger.sqlite"))
    best = max((service.run(rows, lag=lag, **CONFIG) for lag in (0, 1)), key=lambda result: result.sharpe)
    assert number(found[3][0]) == round(best.deflation("python")["dsr"], 2)


def test_a_wrong_name_of_a_study_is_blamed(browser: Browser, server, files):
    with browser.visit(f"{server.url}/#/run") as visit:
        page = visit.page
        page.wait_for_selector("#signal-file")
        page.set_input_files("#signal-file", str(files / "signal.csv"))
        page.get_by_label("Study").fill("<b>no</b>")
        page.get_by_role("button", name="Run", exact=True).click()
        page.wait_for_selector(".study-field .fault:not(:empty)")
        assert "Expected study" in page.locator(".study-field .fault").inner_text()
        assert visit.find_faults() == []
        page.goto(f"{server.url}/#/studies/none")
        page.get_by_role("heading", name="Not found").wait_for()


# Multiple testing


@pytest.mark.parametrize(("width", "scheme"), [(1300, "dark"), (400, "light")])
def test_results_are_tested_together(browser: Browser, server, files, rows, service, width, scheme):
    lags = (0, 1, 3)
    results = {f"lag {lag}": service.run(rows, lag=lag, **CONFIG) for lag in lags}
    expected = fractile.multiple_testing(results, series="ret_net")
    with browser.visit(f"{server.url}/#/run", width, scheme) as visit:
        page = visit.page
        for lag in lags:
            run_in_study(page, server, files / "signal.csv", lag, "")
        page.get_by_role("link", name="Compare").click()
        button = page.get_by_role("button", name="Test together")
        button.focus()
        page.keyboard.press("Enter")
        page.wait_for_selector("caption:has-text('Tested together')")
        columns = columns_of(page, "Tested together")
        assert columns[0] == ["signal.csv", "signal.csv, lag=1", "signal.csv, lag=3"]
        places = {3: "p", 4: "p_bonferroni", 5: "p_holm", 6: "p_romano_wolf", 7: "p_bh", 8: "p_by"}
        for place, name in places.items():
            shown = [number(text.replace("< ", "")) for text in columns[place]]
            assert shown == pytest.approx([max(value, 0.001) for value in expected[name]], abs=5e-4), name
        assert columns[1] == [f"{ratio:.2f}".replace("-", "\u2212") for ratio in expected["sharpe"]]
        assert_sound(visit, width)
        for box in page.get_by_role("checkbox").all()[1:]:
            box.uncheck()
        button.click()
        page.get_by_text("Choose two results or more.").wait_for()


# The book of a day


@pytest.mark.parametrize(("width", "scheme"), [(1300, "light"), (400, "dark")])
def test_a_click_shows_the_book_of_a_day(browser: Browser, server, files, rows, service, width, scheme):
    book = service.run(rows, analysis=["drilldown"], **CONFIG)["drilldown"]
    with browser.visit(f"{server.url}/#/run", width, scheme) as visit:
        page = visit.page
        run_file(page, files / "signal.csv")
        page.locator(".u-over").first.click(position={"x": 60, "y": 40})
        page.wait_for_selector(".day table")
        day = page.locator("#book-title").inner_text().removeprefix("Book of ")
        of_day = book[book["date"] == day].assign(size=lambda frame: frame["contribution"].abs())
        found = columns_of(page, f"Names of {day}")
        assert sorted(map(int, found[0])) == sorted(of_day["security_id"])
        contribution = of_day.set_index("security_id")["contribution"]
        assert [number(text) for text in found[3]] == pytest.approx([1e4 * contribution[int(id)] for id in found[0]], abs=0.051)
        total = number(page.locator(".day .card strong").first.inner_text())
        assert total == pytest.approx(100 * contribution.sum(), abs=0.006)
        assert_sound(visit, width)
        page.get_by_role("button", name="Day after").focus()
        page.keyboard.press("Enter")
        page.wait_for_function("day => !document.querySelector('#book-title').textContent.endsWith(day)", arg=day)
        page.wait_for_selector(".day table")
        page.get_by_role("button", name="Close").click()
        assert page.locator(".day").is_hidden()
        page.locator("#book-day").fill("1999-01-04")
        page.get_by_role("button", name="Show").click()
        page.get_by_text("expected a day of the result").wait_for()


def test_a_drag_chooses_a_period_and_no_day(browser: Browser, server, files):
    with browser.visit(f"{server.url}/#/run") as visit:
        page = visit.page
        run_file(page, files / "signal.csv")
        box = page.locator(".u-over").first.bounding_box()
        page.mouse.move(box["x"] + 100, box["y"] + 40)
        page.mouse.down()
        page.mouse.move(box["x"] + 400, box["y"] + 40, steps=4)
        page.mouse.up()
        page.get_by_role("button", name="Whole run").wait_for()
        assert page.locator(".day").is_hidden()


def test_a_result_of_a_link_has_its_books_only_if_they_were_asked_for(browser: Browser, server, files):
    with browser.visit(f"{server.url}/#/run") as visit:
        run_file(visit.page, files / "signal.csv")
        visit.page.reload()
        visit.page.get_by_role("button", name="Show").click()
        visit.page.get_by_text('Run the file again with "drilldown" in analysis').wait_for()
        visit.page.goto(f"{server.url}/#/run")
        visit.page.wait_for_selector("#signal-file")
        visit.page.get_by_text("Options", exact=True).click()
        visit.page.get_by_label("analysis", exact=True).fill("drilldown")
        run_file(visit.page, files / "signal.csv")
        visit.page.reload()
        visit.page.get_by_role("button", name="Show").click()
        visit.page.wait_for_selector(".day table")


def test_a_stored_table_of_one_day(server, files):
    body = (files / "signal.csv").read_bytes()
    headers = {"Accept": "application/vnd.fractile.sheet+json"}
    answer = exchange(server.port, request("POST", "/run", body, headers, "text/csv"))
    assert answer is not None
    place = answer.headers["location"]
    daily = server.get(f"/{place}?table=daily")
    assert server.get(f"/{place}?table=daily&date={daily[3]['date']}") == [daily[3]]
    assert server.get(f"/{place}?table=daily&date=1999-01-04") == []
    for query in ("table=daily&date=x", "date=2020-01-06", "table=summary&date=2020-01-06"):
        refusal = exchange(server.port, request("GET", f"/{place}?{query}"))
        assert refusal is not None and refusal.status == 422, query


# Downloads


def test_a_table_is_downloaded_in_each_form(browser: Browser, server, files, rows, service):
    expected = service.run(rows, **CONFIG).daily
    with browser.visit(f"{server.url}/#/run") as visit:
        page = visit.page
        run_file(page, files / "signal.csv")
        page.get_by_label("Table", exact=True).select_option("daily")
        readers = {"CSV": pd.read_csv, "JSON": pd.read_json, "Parquet": pd.read_parquet}
        for form, read in readers.items():
            with page.expect_download() as download:
                page.get_by_role("button", name=form, exact=True).click()
            assert download.value.suggested_filename == f"daily.{form.lower()}"
            found = read(download.value.path())
            assert list(found) == list(expected)
            np.testing.assert_allclose(found["ret"], expected["ret"], rtol=1e-12)
        for button, name, start in (("All as JSON", "result.json", b"{"), ("Sheet as HTML", "sheet.html", b"<!doctype html>")):
            with page.expect_download() as download:
                page.get_by_role("button", name=button, exact=True).click()
            assert download.value.suggested_filename == name
            assert pathlib.Path(download.value.path()).read_bytes()[:15].lower().startswith(start)
        assert_sound(visit, 1300)

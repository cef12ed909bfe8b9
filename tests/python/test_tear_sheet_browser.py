# Copyright The fractile authors. Licensed under the Apache License, Version 2.0.
"""The tear sheet in Chromium: offline, silent, accessible, within four pages, and its numbers follow the period."""

from __future__ import annotations

import pathlib
import re

import fractile
import numpy as np
import pandas as pd
import pytest
from oracle.markets import make_panel, make_signal
from support.browser import Browser

HOSTILE = "</script><img src=x onerror=alert(1)>\u202etxt"


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> pathlib.Path:
    return tmp_path_factory.mktemp("pages")


@pytest.fixture(scope="module")
def result(folder):
    panel = make_panel(4, n_days=2520, n_names=60)
    fractile.create_snapshot("ten", panel, root=folder)
    rows = make_signal(panel, 4, messy=False)
    options = {"mincos": 2, "byvar_list": ["overall", "quarter"], "universe": {"cap": [1, 2]}}
    with pytest.warns(UserWarning, match="FEW_ROWS_USED"):
        result = fractile.BacktestService.get("ten", root=folder).run(rows, **options)
    result.report(folder / "sheet.html")
    return result


@pytest.fixture(scope="module")
def address(result, folder) -> str:
    return (folder / "sheet.html").as_uri()


def text_of(browser: Browser, address: str) -> str:
    with browser.visit(address) as visit:
        visit.page.wait_for_selector(".cards")
        return visit.page.locator("main").inner_text()


def test_the_id_of_a_run_without_a_name_stands_once_above_the_sheet(browser: Browser, address, result, folder):
    result.report(folder / "named.html", title="My signal")
    for place, title in ((address, f"Run {result.run_id[:12]}"), ((folder / "named.html").as_uri(), "My signal")):
        with browser.visit(place) as visit:
            header = visit.page.locator("header").inner_text()
        assert title in header and header.count(result.run_id[:12]) == 1


def test_a_sheet_of_monthly_data_says_months(browser: Browser, address, folder):
    dates = pd.date_range("2000-01-31", periods=120, freq="ME")
    rng = np.random.default_rng(1)
    index = pd.MultiIndex.from_product([dates, range(30)], names=["date", "security_id"])
    panel = pd.DataFrame({"ret": rng.normal(0, 0.05, len(index))}, index=index).reset_index()
    fractile.create_snapshot("months", panel, root=folder)
    rows = panel.rename(columns={"date": "date_sig", "ret": "signal"})
    service = fractile.BacktestService.get("months", root=folder)
    service.run(rows, mincos=2).report(folder / "months.html", audit=service.audit(rows, mincos=2))
    months = text_of(browser, (folder / "months.html").as_uri())
    assert "Worst and best months" in months and "Worst months" in months and "return of month k" in months
    assert not re.search(r"\bdays?\b", months.split("This run")[0], re.IGNORECASE)
    assert "Worst and best days" in text_of(browser, address)


def test_labels_of_ticks_differ(browser: Browser, address):
    labels = (
        "pictures => pictures.map(p => [...p.querySelectorAll('text[text-anchor=end]:not([transform])')].map(t => t.textContent))"
    )
    with browser.visit(address) as visit:
        visit.page.wait_for_selector(".bars svg")
        found = visit.page.locator(".bars svg").evaluate_all(labels)
    assert len(found) > 2 and all(len(set(texts)) == len(texts) > 1 for texts in found), found


def test_dollars_have_one_format(browser: Browser, result, folder):
    """Moves over a capacity chart: amounts from hundreds of dollars up have three digits and a letter."""
    with browser.visit((folder / "sheet.html").as_uri()) as visit:
        visit.page.wait_for_selector(".cards")
        amounts = re.findall(r"\$[\d.,]+\w*", visit.page.locator("main").inner_text())
    assert amounts and all(re.fullmatch(r"\$\d{1,3}(\.\d{1,2})?(k|m|bn)?", amount) for amount in amounts), amounts


@pytest.mark.parametrize("width", [400, 1300, 2000])
def test_labels_of_bars_have_room(browser: Browser, address, width):
    overlap = """pictures => pictures.flatMap(picture => {
        const boxes = [...picture.querySelectorAll('text[text-anchor=middle]')].map(text => text.getBoundingClientRect());
        return boxes.slice(1).map((box, i) => box.left - boxes[i].right);
    })"""
    with browser.visit(address, width) as visit:
        visit.page.wait_for_selector(".bars svg")
        gaps = visit.page.locator(".bars svg").evaluate_all(overlap)
        assert len(gaps) > 10 and min(gaps) > 2


@pytest.mark.parametrize(("width", "scheme"), [(400, "light"), (1600, "dark")])
def test_it_opens_offline_silent_and_accessible(browser: Browser, address, width, scheme):
    with browser.visit(address, width, scheme, offline=True) as visit:
        visit.page.wait_for_selector("canvas")
        assert visit.requests == [address]
        assert visit.find_faults() == []
        assert visit.page.evaluate("document.documentElement.scrollWidth") == width


def test_every_section_is_drawn(browser: Browser, address):
    with browser.visit(address) as visit:
        titles = visit.page.locator("h2").all_inner_texts()
        assert titles[:4] == ["Headline", "Return", "Months", "Stability"]
        assert {"Information coefficient", "Trading", "Groups", "Rows", "Worst and best days", "Inference"} <= set(titles)
        for canvas in visit.page.locator("canvas").all():
            box = canvas.bounding_box()
            assert box and box["width"] > 200 and box["height"] > 60
        assert visit.page.locator(".warnings li").count() > 0


def card(visit, label: str) -> str:
    return visit.page.locator(".card", has=visit.page.get_by_text(label, exact=True)).locator("strong").inner_text()


def number(text: str) -> float:
    return float(text.replace("\u2212", "-").replace(",", "").replace("%", ""))


def test_the_headline_is_the_summary(browser: Browser, address, result):
    with browser.visit(address) as visit:
        assert number(card(visit, "Sharpe ratio")) == round(result.sharpe, 2)
        assert number(card(visit, "return per year")) == round(100 * result.annual_return, 1)


def test_a_period_recomputes_the_headline(browser: Browser, address, result):
    daily = result.daily[(result.daily["date"] >= "2022-03-01") & (result.daily["date"] <= "2023-02-28")]
    sharpe = np.sqrt(252) * daily["ret"].mean() / daily["ret"].std()
    with browser.visit(address) as visit:
        visit.page.get_by_label("from", exact=True).fill("2022-03-01")
        visit.page.get_by_label("to", exact=True).fill("2023-02-28")
        assert number(card(visit, "Sharpe ratio")) == pytest.approx(sharpe, abs=0.006)
        assert number(card(visit, "return per year")) == pytest.approx(100 * 252 * daily["ret"].mean(), abs=0.06)
        visit.page.get_by_role("button", name="Whole run").click()
        assert number(card(visit, "Sharpe ratio")) == round(result.sharpe, 2)


def test_a_drag_over_a_chart_is_a_period(browser: Browser, address):
    with browser.visit(address) as visit:
        over = visit.page.locator(".u-over").first
        over.scroll_into_view_if_needed()
        box = over.bounding_box()
        assert box
        visit.page.mouse.move(box["x"] + 0.25 * box["width"], box["y"] + 50)
        visit.page.mouse.down()
        visit.page.mouse.move(box["x"] + 0.5 * box["width"], box["y"] + 60, steps=5)
        visit.page.mouse.up()
        first = pd.Timestamp(visit.page.get_by_label("from", exact=True).input_value())
        last = pd.Timestamp(visit.page.get_by_label("to", exact=True).input_value())
        assert 700 < (last - first).days < 1100


def test_the_keyboard_reads_values(browser: Browser, address, result):
    with browser.visit(address) as visit:
        visit.page.locator(".plot").first.focus()
        visit.page.keyboard.press("Home")
        first = visit.page.locator(".legend").first.inner_text()
        assert first.startswith(str(result.daily["date"].iloc[0].date()))
        visit.page.keyboard.press("ArrowRight")
        gross = re.search(r"gross\s+(\S+)", visit.page.locator(".legend").first.inner_text())
        assert gross
        assert number(gross[1]) == pytest.approx(100 * result.daily["cumret"].iloc[1], abs=0.06)


def test_it_prints_on_four_pages(browser: Browser, address, folder):
    with browser.visit(address) as visit:
        pages = re.findall(rb"/Type\s*/Page[^s]", visit.page.pdf(prefer_css_page_size=True))
        assert 1 < len(pages) <= 4


def test_foreign_text_is_shown_and_never_run(browser: Browser, result, folder):
    fractile.report({HOSTILE: result, "b": result}, folder / "hostile.html", title=HOSTILE)
    with browser.visit((folder / "hostile.html").as_uri(), offline=True) as visit:
        assert "\u2039U+202E\u203a" in visit.page.locator("h1").inner_text()
        assert "</script><img" in visit.page.locator("nav").inner_text()
        assert visit.page.locator("img").count() == 0
        assert visit.messages == [] and len(visit.requests) == 1
        assert visit.find_faults() == []
        visit.page.get_by_role("button", name="b", exact=True).click()
        assert visit.page.locator("h2").first.inner_text() == "Headline"

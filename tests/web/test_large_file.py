# Copyright The fractile authors. Licensed under the Apache License, Version 2.0.
"""A signal file of 100 MB in the dashboard: progress, cancel, result. Slow, so that only `make test-web` runs it."""

from __future__ import annotations

import pathlib

import numpy as np
import pandas as pd
import pytest
from support.browser import Browser, serving_pages
from support.server_market import SNAPSHOT, make_root, make_rows

MEGABYTES = 100
# Records each text of the status line and each value of the bar from now on.
RECORD = """() => {
  window.seen = [];
  const look = () => {
    const bar = document.querySelector('progress');
    if (!bar) return;
    window.seen.push([bar.hidden ? null : bar.value, bar.closest('.actions').nextElementSibling.textContent]);
  };
  new MutationObserver(look).observe(document.body, { subtree: true, childList: true, attributes: true, characterData: true });
}"""


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    root = make_root(tmp_path_factory.mktemp("large"))
    with serving_pages(tmp_path_factory.mktemp("server"), root, {"defaults": {"mincos": 2}}) as server:
        yield server


@pytest.fixture(scope="module")
def large(tmp_path_factory: pytest.TempPathFactory) -> pathlib.Path:
    """The small market's signal, and rows of ids that no snapshot knows until the file has 100 MB."""
    path = tmp_path_factory.mktemp("file") / "large.csv"
    rows = make_rows()[["security_id", "date_sig", "signal"]]
    rows.to_csv(path, index=False)
    rng = np.random.default_rng(1)
    with path.open("a") as out:
        while out.tell() < MEGABYTES << 20:
            many = pd.DataFrame(
                {
                    "security_id": rng.integers(10**8, 10**9, 200_000),
                    "date_sig": rows["date_sig"].iloc[0],
                    "signal": rng.normal(size=200_000),
                }
            )
            many.to_csv(out, index=False, header=False)
    return path


def choose(page, path: pathlib.Path) -> None:
    page.set_input_files("#signal-file", str(path))
    page.wait_for_selector(".mapping")


def test_it_is_sent_with_progress_and_judged(browser: Browser, server, large):
    with browser.visit(f"{server.url}/#/run") as visit:
        page = visit.page
        choose(page, large)
        page.evaluate(RECORD)
        page.get_by_role("button", name="Run", exact=True).click()
        page.wait_for_selector(".cards", timeout=120_000)
        bars = [value for value, _ in page.evaluate("window.seen") if value is not None]
        texts = {text for _, text in page.evaluate("window.seen")}
        assert any(0 < value < 1 for value in bars) and bars == sorted(bars)
        assert any(text.startswith("Sending: ") for text in texts) and any(text.startswith("Computing") for text in texts)
        shown = page.locator("main").inner_text()
        assert SNAPSHOT in shown
    assert server.is_healthy(5)


def test_it_can_be_cancelled_while_it_is_sent(browser: Browser, server, large):
    with browser.visit(f"{server.url}/#/run") as visit:
        page = visit.page
        choose(page, large)
        network = page.context.new_cdp_session(page)
        slow = {"offline": False, "latency": 0, "downloadThroughput": -1, "uploadThroughput": 4 << 20}
        network.send("Network.emulateNetworkConditions", slow)
        page.get_by_role("button", name="Run", exact=True).click()
        page.get_by_text("Sending: ").wait_for()
        page.get_by_role("button", name="Cancel").click()
        page.get_by_text("Cancelled.").wait_for()
        assert page.get_by_role("button", name="Run", exact=True).is_enabled()
    assert server.is_healthy(5)

# Copyright The fractile authors. Licensed under the Apache License, Version 2.0.
"""A real Chromium for tests of pages, driven by Playwright, and the record of a visit."""

from __future__ import annotations

import contextlib
import os
import shutil
from collections.abc import Iterator
from typing import Any

import pytest

_FLAGS = ["--no-sandbox", "--disable-gpu", "--disable-quic"]


def find_browser() -> str | None:
    """$FRACTILE_BROWSER, else the system's Chromium; None if there is none."""
    return os.environ.get("FRACTILE_BROWSER") or shutil.which("chromium") or shutil.which("chromium-browser")


def require_browser() -> str:
    """The browser; a test that needs one is skipped without it."""
    path = find_browser()
    if path is None:
        pytest.skip("no Chromium is here: tools/setup.sh installs it with apt, or set $FRACTILE_BROWSER")
    return path


class Visit:
    """One page and its behaviour.

    Attributes:
        messages: Lines of the console and uncaught errors.
        requests: Addresses that the page asked for.
    """

    def __init__(self, page: Any) -> None:
        self.page = page
        self.messages: list[str] = []
        self.requests: list[str] = []
        page.on("console", lambda message: self.messages.append(message.text))
        page.on("pageerror", lambda error: self.messages.append(str(error)))
        page.on("request", lambda request: self.requests.append(request.url))

    def find_faults(self) -> list[str]:
        """The objections of axe-core, as "rule: element"."""
        from axe_playwright_python.sync_playwright import Axe

        found = Axe().run(self.page).response["violations"]
        return [f"{rule['id']}: {node['html'][:120]}" for rule in found for node in rule["nodes"]]


class Browser:
    """Opens pages; every one has a context of its own."""

    def __init__(self, chromium: Any) -> None:
        self._chromium = chromium

    @contextlib.contextmanager
    def visit(self, url: str, width: int = 1300, scheme: str = "light", offline: bool = False) -> Iterator[Visit]:
        context = self._chromium.new_context(
            viewport={"width": width, "height": 900}, color_scheme=scheme, offline=offline, accept_downloads=True
        )
        try:
            visit = Visit(context.new_page())
            visit.page.goto(url)
            yield visit
        finally:
            context.close()


@contextlib.contextmanager
def open_browser() -> Iterator[Browser]:
    """Chromium until the end of the block."""
    path = require_browser()
    playwright = pytest.importorskip("playwright.sync_api", reason="Playwright is not in this environment: run tools/setup.sh")
    with playwright.sync_playwright() as driver:
        chromium = driver.chromium.launch(executable_path=path, args=_FLAGS)
        try:
            yield Browser(chromium)
        finally:
            chromium.close()

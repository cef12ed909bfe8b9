# Copyright The fractile authors. Licensed under the Apache License, Version 2.0.
"""A real Chromium for tests of pages, driven by Playwright, and the record of a visit."""

from __future__ import annotations

import contextlib
import os
import pathlib
import shutil
import urllib.parse
from collections.abc import Iterator
from typing import Any

import pytest

from support.server_process import ServerProcess, serving

_REFUSED = "Failed to load resource: the server responded with a status of 4"
_LOST = "Failed to load resource: net::ERR_"
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

    def assert_behaved(self, url: str, loses_server: bool) -> None:
        """No message but those that `Browser.visit` allows, and no request to another host."""
        allowed = [_REFUSED, _LOST] if loses_server else [_REFUSED]
        assert [text for text in self.messages if not text.startswith(tuple(allowed))] == []
        parts = urllib.parse.urlsplit(url)
        own = (f"{parts.scheme}://{parts.netloc}/", "blob:", "data:")
        assert [address for address in self.requests if not address.startswith(own)] == []

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
    def visit(
        self,
        url: str,
        width: int = 1300,
        scheme: str = "light",
        offline: bool = False,
        loses_server: bool = False,
        is_blank: bool = False,
    ) -> Iterator[Visit]:
        """Opens a page in a window of `width` pixels, empty if it `is_blank`; at the end the page must have behaved.

        Asserts that it asked no other host, and that the console is empty. Chromium itself writes there that an answer had a
        status of 4xx, which a page that explains a refusal cannot prevent; and, if the page `loses_server`, that nobody answers.
        """
        context = self._chromium.new_context(
            viewport={"width": width, "height": 900}, color_scheme=scheme, offline=offline, accept_downloads=True
        )
        try:
            visit = Visit(context.new_page())
            if not is_blank:
                visit.page.goto(url)
            yield visit
            visit.assert_behaved(url, loses_server)
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


@contextlib.contextmanager
def serving_pages(folder: pathlib.Path, root: pathlib.Path, config: dict[str, Any] | None = None) -> Iterator[ServerProcess]:
    """A server as `serving` starts it, whose log has no 5xx at the end."""
    with serving(folder, root, config) as server:
        yield server
        failed = [record for record in server.log_records() if record.get("status", 0) >= 500]
        assert failed == [], "expected no 5xx under the tests of the browser"

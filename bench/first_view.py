# Copyright The fractile authors. Licensed under the Apache License, Version 2.0.
"""Time from the address of the dashboard to its first view in Chromium, and the time that a tear sheet takes beyond its tables.

PYTHONPATH=tests .venv/bin/python bench/first_view.py [--market W10] [--visits 7] [--root DIR]

The first view is there when the table of snapshots is. Every visit has an empty cache of its own.
"""

from __future__ import annotations

import argparse
import pathlib
import statistics
import tempfile
import time

import fractile
from markets import FOLDER, make_market, read_signal
from support.browser import open_browser
from support.server_process import serving


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--market", default="W10")
    parser.add_argument("--visits", type=int, default=7)
    parser.add_argument("--root", default=str(FOLDER))
    arguments = parser.parse_args()
    root = pathlib.Path(arguments.root).resolve()  # the server has a folder of its own
    make_market(arguments.market, root)
    with tempfile.TemporaryDirectory() as folder, serving(pathlib.Path(folder), root, {}) as server, open_browser() as browser:
        times = []
        for _ in range(arguments.visits):
            with browser.visit(f"{server.url}/", is_blank=True) as visit:
                began = time.perf_counter()
                visit.page.goto(f"{server.url}/")
                visit.page.wait_for_selector("table")
                times.append(time.perf_counter() - began)
    print(f"first view: {statistics.median(times) * 1e3:.0f} ms ({min(times) * 1e3:.0f} to {max(times) * 1e3:.0f})")
    service = fractile.BacktestService.get(arguments.market, root=root)
    result = service.run(read_signal(arguments.market, root))
    with tempfile.TemporaryDirectory() as folder:
        file = pathlib.Path(folder) / "sheet.html"
        alone = []
        for _ in range(arguments.visits):
            began = time.perf_counter()
            result.report(str(file), compute=False)
            alone.append(time.perf_counter() - began)
        result.report(str(file))
        print(f"tear sheet without computing tables: {statistics.median(alone) * 1e3:.0f} ms")
        print(f"tear sheet with all its tables: {file.stat().st_size / 1e3:.0f} KB")


if __name__ == "__main__":
    main()

# Copyright The fractile authors. Licensed under the Apache License, Version 2.0.
"""Makes the pictures of README.md and the pages from the demo: docs/_static/*.png. Run by `make screenshots`."""

from __future__ import annotations

import pathlib
import subprocess
import sys
import tempfile

from PIL import Image

ROOT = pathlib.Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT / "tests"))

from support.browser import open_browser  # noqa: E402
from support.server_process import find_executable, serving  # noqa: E402

STATIC = ROOT / "docs" / "_static"
WIDTH, HEIGHT = 1200, 1480


def shrink(path: pathlib.Path) -> None:
    """Few colours make a third of the file."""
    Image.open(path).convert("RGB").quantize(128, dither=Image.Dither.NONE).save(path, optimize=True)


def main() -> None:
    with tempfile.TemporaryDirectory() as folder, open_browser() as browser:
        done = subprocess.run([find_executable(), "demo"], cwd=folder, check=True, capture_output=True, text=True)
        sheet = pathlib.Path(done.stdout.splitlines()[-1].removeprefix("Tear sheet: "))
        with browser.visit(sheet.as_uri(), WIDTH) as visit:
            visit.page.wait_for_selector("canvas")
            visit.page.set_viewport_size({"width": WIDTH, "height": HEIGHT})
            visit.page.wait_for_timeout(300)
            visit.page.screenshot(path=STATIC / "tear_sheet.png")
        shrink(STATIC / "tear_sheet.png")
        root = pathlib.Path(folder) / "snapshots"
        with serving(pathlib.Path(folder) / "server", root) as server, browser.visit(f"{server.url}/#/run", WIDTH) as visit:
            page = visit.page
            page.wait_for_selector("#signal-file")
            page.set_input_files("#signal-file", str(next(root.glob("*.parquet"))))
            page.get_by_role("button", name="Run", exact=True).click()
            page.wait_for_selector(".cards")
            page.set_viewport_size({"width": WIDTH, "height": 900})
            page.wait_for_timeout(300)
            page.screenshot(path=STATIC / "dashboard.png")
        shrink(STATIC / "dashboard.png")


if __name__ == "__main__":
    main()

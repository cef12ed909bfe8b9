# Copyright The fractile authors. Licensed under the Apache License, Version 2.0.
"""Makes the pictures of README.md and the pages from the demo: docs/_static/*.png. Run by `make screenshots`."""

from __future__ import annotations

import pathlib
import subprocess
import sys
import tempfile
from typing import Any

import fractile
from fractile.plot import new_page
from PIL import Image

ROOT = pathlib.Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT / "tests"))

from support.browser import open_browser  # noqa: E402
from support.server_process import find_executable, serving  # noqa: E402

STATIC = ROOT / "docs" / "_static"
WIDTH, HEIGHT = 1200, 1480
BOOKS: dict[str, dict[str, Any]] = {
    "plain": {},
    "within sectors": {"rank_within": "sector_id"},
    "band, leaves at 20 %": {"exit_fractile": (20, 80)},
    "band, leaves at 40 %": {"exit_fractile": (40, 60)},
    "overlap of 5 days": {"overlap": 5},
    "rank weights of all": {"fractile": (50, 50), "weight": "rank"},
}


def shrink(path: pathlib.Path) -> None:
    """Few colours make a third of the file."""
    Image.open(path).convert("RGB").quantize(128, dither=Image.Dither.NONE).save(path, optimize=True)


def draw_books(root: pathlib.Path) -> None:
    """Draws the turnover and the Sharpe ratios of the demo's book under options of docs/how_to_portfolios.md."""
    service = fractile.BacktestService.get(root=root)
    signal = next(root.glob("*.parquet"))
    names = list(BOOKS)
    summaries = [service.run(signal, **options).summary.iloc[0] for options in BOOKS.values()]
    page = new_page((9, 3.4))
    turnover, sharpe = page.subplots(1, 2, sharey=True)
    turnover.barh(names, [s["turnover"] for s in summaries], color="#8a8f98")
    turnover.set_title("turnover a day", loc="left", fontsize=10)
    for column, colour, label, shift in (
        ("sharpe_ret", "#1f5fa8", "before costs", -0.2),
        ("sharpe_ret_net", "#d9822b", "after costs", 0.2),
    ):
        places = [place + shift for place in range(len(names))]
        sharpe.barh(places, [s[column] for s in summaries], height=0.38, color=colour, label=label)
    sharpe.set_title("Sharpe ratio", loc="left", fontsize=10)
    page.legend(loc="outside lower right", ncols=2, frameon=False, fontsize=9)
    turnover.invert_yaxis()
    turnover.locator_params(axis="x", nbins=5)
    for axes in (turnover, sharpe):
        axes.spines[["top", "right"]].set_visible(False)
    page.savefig(STATIC / "portfolios.png", dpi=110)
    shrink(STATIC / "portfolios.png")


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
        draw_books(root)
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

# Copyright The fractile authors. Licensed under the Apache License, Version 2.0.
"""Fixtures: markets that are made once, and the folder of real stocks."""

from __future__ import annotations

import os
import pathlib
import signal
import subprocess
from collections.abc import Iterator

import fractile
import pytest
from support.browser import Browser, open_browser

ROOT = pathlib.Path(__file__).resolve().parents[1]

# If a shell starts the tests in the background, they and their children ignore Ctrl-C, which some tests send.
signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture(scope="session")
def executable() -> str:
    """The executable beside the imported package."""
    path = pathlib.Path(fractile.__file__).parent / "_bin" / "fractile"
    assert path.exists(), f"expected the fractile executable at {path}: run make build"
    return str(path)


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """Chromium for the pages of a file of tests."""
    with open_browser() as browser:
        yield browser


@pytest.fixture(scope="session")
def demo_folder(tmp_path_factory: pytest.TempPathFactory, executable: str) -> pathlib.Path:
    """A working folder whose snapshots/ holds the demo."""
    folder = tmp_path_factory.mktemp("demo")
    subprocess.run([executable, "demo"], cwd=folder, check=True, capture_output=True)
    return folder


@pytest.fixture(scope="session")
def real_data() -> pathlib.Path:
    """The folder of real stocks; tests that need it are skipped if it is missing."""
    named = os.environ.get("FRACTILE_REAL_DATA")
    folder = pathlib.Path(named) if named else ROOT.parent / "shared" / "data" / "us_2015_2017"
    if not (folder / "panel.parquet").exists():
        pytest.skip("real stocks are not here: set $FRACTILE_REAL_DATA to their folder")
    return folder


@pytest.fixture
def own_ledger(tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch) -> pathlib.Path:
    """The file of a ledger of the test's own, and no study."""
    file = tmp_path / "ledger.sqlite"
    monkeypatch.setenv("FRACTILE_LEDGER", str(file))
    monkeypatch.delenv("FRACTILE_STUDY", raising=False)
    return file

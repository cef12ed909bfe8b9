# Copyright The fractile authors. Licensed under the Apache License, Version 2.0.
"""The examples, run as users run them."""

from __future__ import annotations

import os
import pathlib
import subprocess
import sys

import pytest

ROOT = pathlib.Path(__file__).resolve().parents[2]


def run(script: str, folder: pathlib.Path) -> str:
    environment = {name: value for name, value in os.environ.items() if not name.startswith("FRACTILE_")}
    command = [sys.executable, "-W", "error::RuntimeWarning", str(ROOT / script)]
    done = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.mark.parametrize(
    ("script", "words"),
    [
        ("examples/first_backtest.py", ["top-bottom", "rows_used", "lag5_residall"]),
        ("examples/compare_signals.py", ["noise_4", "max_drawdown"]),
    ],
)
def test_examples_run_on_the_demo(script, words, demo_folder):
    out = run(script, demo_folder)
    for word in words:
        assert word in out


def test_catalog_makes_a_snapshot(tmp_path):
    assert "catalog-example: 25,800 rows" in run("poc/catalog.py", tmp_path)
    assert (tmp_path / "snapshots" / "catalog-example" / "manifest.json").exists()

# Copyright The fractile authors. Licensed under the Apache License, Version 2.0.
"""A soak of seconds, which shows that the long one works, and tests of its criteria."""

from __future__ import annotations

import json
import math
import pathlib
import subprocess
import sys

import numpy as np
import pytest
import soak
from support.soak_watch import fit_slope

pytestmark = pytest.mark.alone

SCRIPT = pathlib.Path(soak.__file__)


def test_seconds_of_a_soak(tmp_path):
    path = tmp_path / "figures.json"
    command = [sys.executable, SCRIPT, "--minutes", "0.05", "--clients", "3", "--days", "30", "--names", "40", "--json", path]
    done = subprocess.run(command, capture_output=True, text=True, timeout=900, check=False)
    assert done.returncode == 0, done.stdout[-6000:] + done.stderr[-2000:]
    assert "criteria hold" in done.stdout
    figures = json.loads(path.read_text())
    assert figures["failures"] == figures["log_errors"] == figures["leftovers"] == []
    for what in ("run", "bad", "task", "reload", "new snapshot", "kill of a worker", "moment of quiet"):
        assert figures["sent"][what] > 0, f"expected some {what}, found none"
    assert figures["statuses"]["200"] > 0


def make_figures():
    """The figures of half an hour in which nothing changed."""
    found = {"first": 100.0, "last": 100.0}
    even = {
        name: {kind: dict(found) for kind in ("resident", "anonymous", "proportional", "fds", "threads")}
        for name in soak.PROCESSES
    }
    quantiles = {name: [5.0, 5.0, 5.0] for name in ("p50", "p90", "p99")}
    nothing = {"failures": [], "n_failures": 0, "log_errors": [], "leftovers": [], "processors": 2}
    return {**nothing, "processes": even, "taken_by_others": [0.0, 0.0, 0.0], "latencies_ms": {"run": quantiles}}


def failed(*changes, minutes=30.0):
    figures = make_figures()
    for change in changes:
        change(figures)
    return [text for holds, text in soak.judge(figures, minutes) if not holds]


def grow(name, kind, by):
    return lambda figures: figures["processes"][name][kind].update(last=100.0 + by)


def slow(name, value):
    return lambda figures: figures["latencies_ms"]["run"].update({name: [5.0, 5.0, value]})


def test_judgements():
    """Each criterion fails on the fault that it is meant to find."""
    assert failed() == []
    for what in ("failures", "log_errors", "leftovers"):
        assert len(failed(lambda figures, what=what: figures.update({what: ["x"]}))) == 1
    assert failed(grow("server", "fds", 1)) and failed(grow("pool worker 0", "threads", 5))
    assert not failed(grow("server", "fds", 1), minutes=0.1) and not failed(grow("server", "threads", 4))
    assert failed(grow("clients", "anonymous", 8.1)) and not failed(grow("clients", "anonymous", 7.9))
    assert failed(lambda figures: figures["processes"]["server"].pop("resident"))
    assert failed(slow("p50", 30.1)) and not failed(slow("p50", 29.9))
    # Other processes left half of the processors, so double times are allowed.
    others = lambda figures: figures.update(taken_by_others=[0.0, 0.5, 1.0])  # noqa: E731
    assert not failed(others, slow("p50", 39.9)) and failed(others, slow("p50", 40.1))


def test_slope():
    x = np.arange(50.0)
    noise = np.random.default_rng(1).normal(0, 1, 50)
    slope, error = fit_slope(x, 3 + 2 * x)
    assert slope == pytest.approx(2) and error == pytest.approx(0, abs=1e-12)
    slope, error = fit_slope(x, 3 + 2 * x + noise)
    design = np.column_stack([np.ones(50), x])
    solved, squares, *_ = np.linalg.lstsq(design, 3 + 2 * x + noise, rcond=None)
    assert slope == pytest.approx(solved[1])
    assert error == pytest.approx(math.sqrt(squares[0] / 48 * np.linalg.inv(design.T @ design)[1, 1]))
    assert math.isnan(fit_slope(x[:2], x[:2])[0])

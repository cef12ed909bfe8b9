# Copyright The fractile authors. Licensed under the Apache License, Version 2.0.
"""Seconds of the soak, so that it works when half an hour of it is wanted; and its judgements."""

from __future__ import annotations

import copy
import json
import math
import pathlib
import subprocess
import sys

import numpy as np
import pytest
import soak
from soak_watch import fit_slope

SCRIPT = pathlib.Path(soak.__file__)


@pytest.fixture(scope="module")
def figures(tmp_path_factory):
    path = tmp_path_factory.mktemp("soak") / "figures.json"
    command = [sys.executable, SCRIPT, "--minutes", "0.1", "--clients", "3", "--days", "30", "--names", "40", "--json", path]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stdout[-6000:] + done.stderr[-2000:]
    assert "criteria hold" in done.stdout
    return json.loads(path.read_text())


def test_seconds_of_a_soak(figures):
    assert figures["failures"] == figures["log_errors"] == figures["leftovers"] == []
    for what in ("run", "bad", "task", "poisoned task", "reload", "new snapshot", "kill of a worker", "moment of quiet"):
        assert figures["sent"][what] > 0, f"expected some {what}, found none"
    assert figures["statuses"]["200"] > 0 and figures["statuses"]["422"] > 0
    for name in ("server", "pool worker 0", "clients"):
        assert figures["processes"][name].keys() == {"pss", "anonymous", "fds", "threads"}


def failed(figures, minutes=30.0):
    return [text for holds, text in soak.judge(figures, minutes) if not holds]


def test_judgements(figures):
    """What each criterion is there for makes it fail."""
    even = copy.deepcopy(figures)
    for measured in even["processes"].values():
        for found in measured.values():
            found["last"] = found["first"]
    for quantiles in even["latencies_ms"].values():
        quantiles |= {name: [5.0, 5.0, 5.0] for name in ("p50", "p90", "p99")}
    even["taken_by_others"] = [0.0, 0.0, 0.0]
    even["processors"] = 2
    assert failed(even) == []

    def broken(change):
        other = copy.deepcopy(even)
        change(other)
        return failed(other)

    def grow(name, kind, by):
        return lambda f: f["processes"][name][kind].update(last=f["processes"][name][kind]["first"] + by)

    def slow(name, value):
        return lambda f: f["latencies_ms"]["run"].update({name: [5.0, 5.0, value]})

    assert broken(lambda f: f.update(failures=["x"])) and broken(lambda f: f.update(log_errors=["x"]))
    assert broken(lambda f: f.update(leftovers=["x"]))
    assert broken(grow("server", "fds", 1)) and broken(grow("clients", "threads", 1))
    assert broken(grow("server", "anonymous", 9.0)) and not broken(grow("server", "anonymous", 7.0))
    assert broken(slow("p50", 30.1)) and not broken(slow("p50", 29.9))
    # Others left half of the processors: twice as slow is as fast.
    even["taken_by_others"] = [0.0, 0.5, 1.0]
    assert not broken(slow("p50", 39.9)) and broken(slow("p50", 40.1))


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

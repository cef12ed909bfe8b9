# Copyright The fractile authors. Licensed under the Apache License, Version 2.0.
"""Code that several tests share, imported as `support`: pytest puts tests/ on the path, other programs use $PYTHONPATH."""

from __future__ import annotations

import os
import pathlib

TESTS = pathlib.Path(__file__).resolve().parents[1]


def python_environment() -> dict[str, str]:
    """The environment of a Python process that imports `support` and `oracle` as the tests do."""
    paths = [str(TESTS), *filter(None, [os.environ.get("PYTHONPATH")])]
    return {**os.environ, "PYTHONPATH": os.pathsep.join(paths)}

# Copyright The fractile authors. Licensed under the Apache License, Version 2.0.
"""Generated requests against the server's own schema; `make fuzz-http` sends many more."""

from __future__ import annotations

import pathlib
import subprocess
import sys

import pytest
from support import python_environment

pytest.importorskip("schemathesis")

SCRIPT = pathlib.Path(__file__).resolve().parents[2] / "tools" / "fuzz_http.py"
EXAMPLES_PER_OPERATION = 30


def test_generated_requests_get_answers_of_the_schema():
    command = [sys.executable, SCRIPT, str(EXAMPLES_PER_OPERATION), "7"]
    done = subprocess.run(command, capture_output=True, text=True, check=False, env=python_environment())
    assert done.returncode == 0, done.stdout[-12_000:] + done.stderr[-4_000:]

# Copyright The fractile authors. Licensed under the Apache License, Version 2.0.
"""Runs schemathesis against a server on a small market; exits with 1 if an answer was wrong.

PYTHONPATH=tests .venv/bin/python tools/fuzz_http.py [EXAMPLES_PER_OPERATION] [SEED]
"""

from __future__ import annotations

import pathlib
import re
import subprocess
import sys
import tempfile

from support.server_market import make_root
from support.server_process import ServerProcess, serving

# These checks are left out: positive_data_acceptance (a signal that fits the schema may have no usable row),
# unsupported_method on paths that the server does not have, and checks that need a token.
CHECKS = (
    "not_a_server_error,status_code_conformance,content_type_conformance,response_headers_conformance,"
    "response_schema_conformance,allow_header_conformance"
)


def fuzz(server: ServerProcess, examples: int, seed: int, folder: pathlib.Path) -> subprocess.CompletedProcess[str]:
    """Runs schemathesis over every operation in the schema of a running server."""
    schemathesis = pathlib.Path(sys.executable).with_name("schemathesis")
    command = [schemathesis, "run", f"{server.url}/openapi.json", "--checks", CHECKS, "--max-examples", str(examples)]
    command += ["--seed", str(seed), "--phases", "examples,coverage,fuzzing", "--continue-on-failure", "--no-color"]
    command += ["--suppress-health-check", "all", "--request-timeout", "20", "--generation-database", "none", "--no-shrink"]
    return subprocess.run(list(map(str, command)), cwd=folder, capture_output=True, text=True, check=False)


def count_requests(server: ServerProcess) -> int:
    """Number of requests in the server's log."""
    return len(re.findall(r'"status": ?\d', server.log()))


def main() -> int:
    examples, seed = (int(text) for text in (*sys.argv[1:], "1000", "1")[:2])
    with tempfile.TemporaryDirectory() as name:
        folder = pathlib.Path(name)
        root = make_root(folder / "snapshots")
        with serving(folder / "server", root, {"server": {"workers": 2, "request_timeout_s": 20}}) as server:
            done = fuzz(server, examples, seed, folder)
            print(done.stdout, done.stderr, sep="\n")
            print(f"{count_requests(server)} requests in the log of the server; it {'lives' if server.is_running else 'DIED'}.")
            assert server.is_healthy()
    return done.returncode


if __name__ == "__main__":
    sys.exit(main())

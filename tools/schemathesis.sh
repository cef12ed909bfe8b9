#!/usr/bin/env bash
# Copyright The fractile authors. Licensed under the Apache License, Version 2.0.
#
# Sends generated requests, valid and invalid, to a server of its own, and checks every answer against /openapi.json:
# no crash, no status 5xx, no answer that the schema does not know. Needs `make build`. Prints the requests sent.
#   tools/schemathesis.sh [EXAMPLES_PER_OPERATION] [SEED]
set -euo pipefail
cd "$(dirname "$0")/.."
PYTHONPATH=tests exec .venv/bin/python tools/fuzz_http.py "${1:-1500}" "${2:-1}"

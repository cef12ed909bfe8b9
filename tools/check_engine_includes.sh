#!/usr/bin/env bash
# Copyright The fractile authors. Licensed under the Apache License, Version 2.0.
#
# The engine knows no files, network, JSON or Python.
set -euo pipefail
cd "$(dirname "$0")/.."
if grep -nE '#include [<"](fstream|filesystem|cstdio|stdio\.h|fcntl\.h|sys/socket\.h|boost/|nlohmann/|simdjson|yaml-cpp/|nanobind/|Python\.h|arrow/|formats/|ingest/|server/)' -r src/engine; then
  echo "src/engine must not include the headers above: move that work to another room." >&2
  exit 1
fi

#!/usr/bin/env bash
# Copyright The fractile authors. Licensed under the Apache License, Version 2.0.
#
# Makes the wheel in dist/ (or the folder given) with the pinned tools of .venv; the same as `pip wheel .`, which
# fetches its own. The wheel needs the C++ libraries of tools/apt-packages.txt at run time.
set -euo pipefail
cd "$(dirname "$0")/.."
uv=$(command -v uv || echo .bootstrap/bin/uv)
export CMAKE_BUILD_PARALLEL_LEVEL=${CMAKE_BUILD_PARALLEL_LEVEL:-$(nproc)}
PATH="$PWD/.venv/bin:$PATH" "$uv" build -q --wheel --no-build-isolation --python .venv/bin/python --out-dir "${1:-dist}" .
ls "${1:-dist}"/*.whl

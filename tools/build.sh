#!/usr/bin/env bash
# Copyright The fractile authors. Licensed under the Apache License, Version 2.0.
#
# Builds the preset "release" and installs it into .venv, so that `import fractile`, `from api import
# BacktestService` and .venv/bin/fractile work. Needs tools/setup.sh before it.
#   tools/build.sh [product]    product: without tests, fuzz targets and benchmarks
set -euo pipefail
cd "$(dirname "$0")/.."
[ -f build/release/build.ninja -a -f build/release/CMakeCache.txt ] || cmake --preset release >build.configure.log 2>&1 || { cat build.configure.log; exit 1; }
rm -f build.configure.log
targets=()
[ "${1:-}" = product ] && targets=(--target _core _core_stub fractile_app fractile_formats)
echo "== Building ${1:-everything} (a few minutes on two cores the first time)"
cmake --build build/release "${targets[@]}"
site=$(.venv/bin/python -c 'import sysconfig; print(sysconfig.get_paths()["purelib"])')
# Files that are no longer in the tree must not stay importable.
find "$site/fractile" "$site/api" -name '*.py' -delete 2>/dev/null || true
cmake --install build/release --component python --prefix "$site" >/dev/null
# The script that pip would make from the entry point in pyproject.toml, but without starting Python. It names the Python for --plot.
rm -f .venv/bin/fractile
cat >.venv/bin/fractile <<SCRIPT
#!/bin/sh
name=\$0
[ "\$(command -v fractile)" = "\$0" ] && name=fractile
FRACTILE_COMMAND="\$name" FRACTILE_PYTHON="$PWD/.venv/bin/python" exec "$site/fractile/_bin/fractile" "\$@"
SCRIPT
chmod +x .venv/bin/fractile

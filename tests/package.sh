#!/usr/bin/env bash
# Copyright The fractile authors. Licensed under the Apache License, Version 2.0.
#
# What a user gets: the wheel in a clean environment, and the C++ library from another CMake project. Works in a
# temporary folder; takes some minutes, so `make test` leaves it out. Run it with `make package`.
set -euo pipefail
cd "$(dirname "$0")/.."
source=$PWD
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
say() { printf '== %s\n' "$*"; }
fail() { printf 'FAILED: %s\n' "$*" >&2; exit 1; }
unset PYTHONPATH FRACTILE_SNAPSHOTS FRACTILE_CONFIG FRACTILE_FORMATS

say "Wheel"
tools/wheel.sh "$folder/dist"
version=$(sed -n 's/^project(fractile VERSION \([0-9.]*\).*/\1/p' CMakeLists.txt)

say "Clean environment"
.venv/bin/python -m venv "$folder/venv" 2>/dev/null || python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install -q --disable-pip-version-check "$folder"/dist/*.whl
"$folder/venv/bin/python" -c 'import importlib.util as u; assert u.find_spec("pyarrow") is None, "expected an environment without pyarrow"'

say "Quick start"
mkdir "$folder/work" && cd "$folder/work"
line=$("$folder/venv/bin/fractile" --version)
[[ $line =~ ^"fractile $version ("[A-Za-z]+", "[A-Za-z]+" "[0-9.]+", baseline "[^,]*", running "[A-Z0-9_]+")"$ ]] || fail "fractile --version says: $line"
echo "$line"
"$folder/venv/bin/fractile" demo >demo.txt 2>&1 || { cat demo.txt; fail "fractile demo"; }
"$folder/venv/bin/python" - "$version" >sharpe.txt <<'PYTHON'
import importlib.metadata
import pathlib
import sys

import fractile
import numpy as np
import pandas as pd
from api import BacktestService
from fractile.pool import BacktestWorkerPool

assert fractile.__version__ == importlib.metadata.version("fractile") == sys.argv[1], fractile.__version__
package = pathlib.Path(fractile.__file__).parent
for name in ("py.typed", "_core.pyi", "_bin/fractile", "../api/py.typed", "../api/backtest_config.yaml"):
    assert (package / name).exists(), f"expected {name} in the wheel"

service = BacktestService.get("2026-02-10-v1", start_date="2020-01-01", end_date="2021-12-31")
rng = np.random.default_rng(1)
days = pd.bdate_range("2020-02-03", periods=40)
signal = pd.DataFrame({"security_id": np.repeat(np.arange(1, 501), len(days)), "date_sig": np.tile(days, 500)})
signal["signal"] = rng.normal(size=len(signal))
summary, daily, turnover, tc = service.run(signal)
assert np.isfinite(summary.iloc[0]["sharpe_ret"]) and len(daily) > 30
with BacktestWorkerPool(1) as pool:
    pool.submit(signal)
    assert pool.collect_all()[0][2] == summary.iloc[0]["sharpe_ret"]
print(f'{sys.argv[1]} {BacktestService.get().run("snapshots/2026-02-10-v1-signal.parquet").sharpe:.17g}')
PYTHON

say "C++ library"
cmake --install "$source/build/release" --component cpp --prefix "$folder/prefix" >/dev/null
[ "$("$folder/prefix/bin/fractile" --version)" = "$line" ] || echo "the installed executable says: $("$folder/prefix/bin/fractile" --version)"
cmake -S "$source/tests/consumer" -B "$folder/consumer" -DCMAKE_PREFIX_PATH="$folder/prefix" -DCMAKE_BUILD_TYPE=Release >cmake.txt 2>&1 ||
  { cat cmake.txt; fail "find_package(fractile)"; }
cmake --build "$folder/consumer" >cmake.txt 2>&1 || { cat cmake.txt; fail "building the consumer"; }
"$folder/consumer/consumer" snapshots 2026-02-10-v1 snapshots/2026-02-10-v1-signal.parquet >consumer.txt || fail "running the consumer"
diff sharpe.txt consumer.txt || fail "expected the same version and Sharpe ratio from Python (<) and C++ (>)"
cat consumer.txt
say "Package is good"

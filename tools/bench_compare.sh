#!/usr/bin/env bash
# Copyright The fractile authors. Licensed under the Apache License, Version 2.0.
#
# Alternates whole runs of another revision and of the working tree, on the same markets by the same script. Prints the ratios of
# their medians, below 1 if the working tree is faster. Needs `make build`.
#   tools/bench_compare.sh REVISION [ROUNDS] [CASES]      3 rounds; CASES: only cases whose name contains this text
set -euo pipefail
cd "$(dirname "$0")/.."
revision=$(git rev-parse --verify --short "${1:?expected a revision: make bench-compare BASE=main}^{commit}")
rounds=${2:-3}
cases=${3:-}
base=$PWD/build/bench/base-$revision
if [ ! -d "$base/site" ]; then
  echo "== Building $revision"
  rm -rf "$base"
  mkdir -p "$base"
  git archive "$revision" | tar -x -C "$base" --one-top-level=source
  cmake -S "$base/source" -B "$base/build" -G Ninja -DCMAKE_BUILD_TYPE=Release -DFRACTILE_PYTHON=ON -DFRACTILE_TESTS=OFF \
    -DPython_EXECUTABLE="$PWD/.venv/bin/python" >"$base/configure.log"
  cmake --build "$base/build" >"$base/build.log"
  cmake --install "$base/build" --component python --prefix "$base/site" >/dev/null
fi
# The other revision makes the snapshots: a later one reads them too, and both sides then read the same pages.
mkdir -p "$base/snapshots"
for market in W2 W10; do
  if [ ! -d "$base/snapshots/$market" ]; then
    echo "== Making $market"
    .venv/bin/python -c "import sys; sys.path.insert(0, 'bench'); import markets; markets.make_market('$market', with_panel=True)"
    "$base/build/bin/fractile" snapshot create "$market" --panel "build/bench/snapshots/$market-panel.parquet" --root "$base/snapshots" >/dev/null
    ln "build/bench/snapshots/$market-signal.parquet" "$base/snapshots/"
  fi
done
for round in $(seq "$rounds"); do
  for side in base head; do
    echo "== Round $round of $rounds, $side"
    site=$([ $side = base ] && echo "$base/site" || echo "")
    PYTHONPATH=$site .venv/bin/python bench/whole_runs.py --root "$base/snapshots" --cases "$cases" --repetitions 5 \
      --json "build/bench/compare-$side-$round.json" >/dev/null
  done
done
.venv/bin/python bench/compare.py build/bench "$rounds"

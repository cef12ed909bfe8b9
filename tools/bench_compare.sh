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
for round in $(seq "$rounds"); do
  for side in base head; do
    echo "== Round $round of $rounds, $side"
    site=$([ $side = base ] && echo "$base/site" || echo "")
    PYTHONPATH=$site .venv/bin/python bench/whole_runs.py --cases "$cases" --repetitions 5 \
      --json "build/bench/compare-$side-$round.json" >/dev/null
  done
done
.venv/bin/python bench/compare.py build/bench "$rounds"

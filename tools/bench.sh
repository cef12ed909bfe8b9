#!/usr/bin/env bash
# Copyright The fractile authors. Licensed under the Apache License, Version 2.0.
#
# Measures kernels, whole runs, memory and, if their scripts are available, other systems. Every answer is checked before it is
# timed. Prints the figures and writes them to build/bench/*.json. Needs `make build`.
#   tools/bench.sh [MARKETS]      W2,W10 by default; WFull is the third (25 years; its panel takes minutes to make)
set -euo pipefail
cd "$(dirname "$0")/.."
markets=${1:-W2,W10}
tools/install_packages.sh libbenchmark-dev
[ -x build/release/bin/fractile_kernels ] || { cmake build/release >/dev/null && cmake --build build/release --target fractile_kernels; }
mkdir -p build/bench
echo "== Kernels"
build/release/bin/fractile_kernels --benchmark_out=build/bench/kernels.json --benchmark_out_format=json 2>/dev/null
echo "== Whole runs"
.venv/bin/python bench/whole_runs.py --markets "$markets" --json build/bench/whole_runs.json
echo "== Opening and memory"
.venv/bin/python bench/memory.py --markets "$markets" --create --types --json build/bench/memory.json
echo "== Other systems"
.venv/bin/python bench/peers.py --json build/bench/peers.json

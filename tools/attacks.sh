#!/usr/bin/env bash
# Copyright The fractile authors. Licensed under the Apache License, Version 2.0.
#
# The attacks on snapshots of docs/reliability.md at their full size: minutes. Needs `make build`.
set -euo pipefail
cd "$(dirname "$0")/.."
tests=build/release/tests/cpp/fractile_tests
export FRACTILE_FORMATS=$PWD/build/release/_libs/libfractile_formats.so
echo "== Every bit of a small snapshot, flipped one at a time"
FRACTILE_BIT_STRIDE=1 $tests --gtest_brief=1 --gtest_filter=SnapshotFiles.EveryBitOfASmallSnapshotIsGuarded
echo "== Garbage in rows; files cut, overwritten, linked, moved and removed before, between and during runs"
FRACTILE_DAMAGE_TRIES=500 $tests --gtest_brief=1 --gtest_filter='Damage*'
FRACTILE_DAMAGE_TRIES=50 .venv/bin/python -m pytest -q tests/python/test_snapshot_damage.py
echo "== Crashes, lost power, full, failing and read-only disks, rivals"
FRACTILE_CRASH_POINTS=100 .venv/bin/python -m pytest -q tests/python/test_snapshot_crashes.py

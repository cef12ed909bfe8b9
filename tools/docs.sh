#!/usr/bin/env bash
# Copyright The fractile authors. Licensed under the Apache License, Version 2.0.
#
# Builds the documentation site into build/docs/html, warnings as errors. The tutorial is executed on the demo market.
set -euo pipefail
cd "$(dirname "$0")/.."
if ! command -v doxygen >/dev/null; then
  as_root=""
  [ "$(id -u)" = 0 ] || as_root=sudo
  echo "== Installing Debian package: doxygen (it reads the C++ headers)"
  $as_root apt-get -o DPkg::Lock::Timeout=200 update -q >/dev/null
  $as_root env DEBIAN_FRONTEND=noninteractive apt-get -o DPkg::Lock::Timeout=200 install -q -y --no-install-recommends doxygen >/dev/null
fi
mkdir -p build/docs
doxygen docs/Doxyfile
[ -e snapshots/2026-02-10-v1-signal.parquet ] || .venv/bin/fractile demo >/dev/null
FRACTILE_SNAPSHOTS="$PWD/snapshots" .venv/bin/python -m sphinx -q -W --keep-going -j 2 -d build/docs/doctrees docs build/docs/html
echo "build/docs/html/index.html"

#!/usr/bin/env bash
# Copyright The fractile authors. Licensed under the Apache License, Version 2.0.
#
# Sets up a machine to build and test fractile: Debian packages (with apt, as root or through sudo) and the Python environment
# .venv. If all is installed, it does nothing and ends at once.
#   tools/setup.sh [product]    product: only the packages that building and using fractile needs; no browser for tests
set -euo pipefail
cd "$(dirname "$0")/.."

say() { printf '== %s\n' "$*"; }

needed_packages() {
  cat tools/apt-packages.txt
  python3 -c 'import ensurepip, venv' 2>/dev/null || echo python3-venv
  python3 -c 'import os, sys, sysconfig; sys.exit(not os.path.exists(sysconfig.get_paths()["include"] + "/Python.h"))' 2>/dev/null ||
    echo python3-dev
}

# make_environment FILE: installs the packages of FILE in the versions of requirements-dev.txt. A complete environment satisfies both files.
make_environment() {
  local stamp=.venv/.requirements
  if [ -x .venv/bin/python ] && cmp -s tools/requirements-dev.txt "$stamp"; then return; fi
  if [ "$1" != tools/requirements-dev.txt ]; then
    stamp=.venv/.requirements-product
    if [ -x .venv/bin/python ] && cat "$1" tools/requirements-dev.txt | cmp -s - "$stamp"; then return; fi
  fi
  say "Making the Python environment .venv ($1)"
  local uv
  uv=$(command -v uv || true)
  if [ -z "$uv" ]; then
    [ -x .bootstrap/bin/uv ] || { python3 -m venv .bootstrap && .bootstrap/bin/pip install -q uv; }
    uv=.bootstrap/bin/uv
  fi
  export UV_PYTHON_DOWNLOADS=never UV_NO_PROGRESS=1 UV_LINK_MODE=copy
  [ -x .venv/bin/python ] || "$uv" venv -q --python "$(python3 -c 'import sys; print(sys.executable)')" .venv
  "$uv" pip install -q --python .venv/bin/python -r "$1" -c tools/requirements-dev.txt
  if [ "$1" = tools/requirements-dev.txt ]; then cp "$1" "$stamp"; else cat "$1" tools/requirements-dev.txt >"$stamp"; fi
}

mapfile -t packages < <(needed_packages)
tools/install_packages.sh "${packages[@]}"
# The tests of pages drive a browser. Without one they are skipped, so a machine that cannot install it still tests the rest.
if [ "${1:-}" != product ] && [ -z "${FRACTILE_BROWSER:-}" ]; then
  tools/install_packages.sh chromium fonts-dejavu-core || say "No Chromium could be installed: tests of pages will be skipped"
fi
if [ "${1:-}" = product ]; then make_environment tools/requirements-product.txt; else make_environment tools/requirements-dev.txt; fi

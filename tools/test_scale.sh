#!/usr/bin/env bash
# Copyright The fractile authors. Licensed under the Apache License, Version 2.0.
#
# The tests of tests/scale, on real clusters, in a network namespace of their own: Ray binds the machine's outer address otherwise.
#   tools/test_scale.sh [ARGUMENTS of pytest]
set -euo pipefail
cd "$(dirname "$0")/.."
if ! .venv/bin/python -c 'import ray' 2>/dev/null; then
  echo "== Installing tools/requirements-scale.txt into .venv"
  uv=$(command -v uv || echo .bootstrap/bin/uv)
  UV_NO_PROGRESS=1 UV_LINK_MODE=copy "$uv" pip install -q --python .venv/bin/python -r tools/requirements-scale.txt -c tools/requirements-dev.txt
fi
state=$(mktemp -d)
trap 'rm -rf "$state"' EXIT
# Ray writes a token to the home folder and asks outside for its own address unless told otherwise.
export HOME=$state RAY_AUTH_MODE=disabled RAY_USAGE_STATS_ENABLED=0
# A namespace has no address but lo's, and nodes of Ray reach each other's objects at the address of the default route.
unshare --map-root-user --net sh -c 'ip link set lo up; ip addr add 192.0.2.1/32 dev lo; ip route add default dev lo src 192.0.2.1; exec "$@"' sh \
  .venv/bin/python -m pytest -q -p no:cacheprovider tests/scale "$@"

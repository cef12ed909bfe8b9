#!/usr/bin/env bash
# Copyright The fractile authors. Licensed under the Apache License, Version 2.0.
#
# No two functions of a library differ in their return type only: such a pair links by luck of the ABI tag.
set -euo pipefail
pairs=$(nm --defined-only --extern-only --demangle "$1" | sed -n 's/^[0-9a-f]* [TW] \(fractile::.*\)$/\1/p' | sort -u |
  sed 's/\[abi:[a-z0-9]*\]//g' | uniq -d)
[ -z "$pairs" ] || { echo "expected one function per signature, found several: $pairs. Rename one." >&2; exit 1; }

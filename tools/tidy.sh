#!/usr/bin/env bash
# Copyright The fractile authors. Licensed under the Apache License, Version 2.0.
#
# Runs clang-tidy with the checks of .clang-tidy over the named sources, else over all that build/release compiles.
# It takes minutes, so `make lint` does not run it. Without clang-tidy 19 or newer it prints a note and exits with 0.
set -euo pipefail
cd "$(dirname "$0")/.."
tidy=""
for candidate in "${CLANG_TIDY:-}" clang-tidy-22 clang-tidy-19 clang-tidy; do
  [ -n "$candidate" ] && command -v "$candidate" >/dev/null || continue
  version=$("$candidate" --version | sed -nE 's/.*version ([0-9]+).*/\1/p' | head -n 1)
  [ "${version:-0}" -ge 19 ] && { tidy=$candidate; break; }
done
if [ -z "$tidy" ]; then
  echo "tidy: skipped, expected clang-tidy 19 or newer, found none. Install it (apt-get install clang-tidy-19) or name it in \$CLANG_TIDY."
  exit 0
fi
[ "$#" -gt 0 ] || mapfile -t sources < <(git ls-files 'src/*.cpp' 'apps/*.cpp' 'python/src/*.cpp')
[ "$#" -eq 0 ] || sources=("$@")
# The compile commands are g++'s, so clang may not know every warning flag in them.
printf '%s\0' "${sources[@]}" |
  xargs -0 -n 4 -P "${TIDY_JOBS:-2}" "$tidy" --quiet -p build/release --extra-arg=-Wno-unknown-warning-option 2> >(grep -v 'warnings generated' >&2)
echo "tidy: ${#sources[@]} sources, no findings"

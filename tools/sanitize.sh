#!/usr/bin/env bash
# Copyright The fractile authors. Licensed under the Apache License, Version 2.0.
#
# The tests under sanitizers. Any report fails them.
#   tools/sanitize.sh fast      minutes: the seeds of the fuzzers under AddressSanitizer and the cheap checks of undefined behaviour,
#                               the data that threads share under ThreadSanitizer
#   tools/sanitize.sh address   all tests, C++ and Python, under AddressSanitizer, LeakSanitizer and UndefinedBehaviorSanitizer
#   tools/sanitize.sh thread    all C++ tests and the concurrent Python tests, under ThreadSanitizer
#   tools/sanitize.sh all       address, then thread
set -euo pipefail
cd "$(dirname "$0")/.."
export UBSAN_OPTIONS=print_stacktrace=1
export TSAN_OPTIONS=suppressions=$PWD/tools/tsan.supp
# A sanitizer retains freed memory for a while and is slow; tests of the server's memory and deadlines allow for it.
export FRACTILE_RSS_SLACK_MB=${FRACTILE_RSS_SLACK_MB:-3000} FRACTILE_SLOWER=${FRACTILE_SLOWER:-5}
# Fewer rounds suffice, because each takes the same paths through the code.
export FRACTILE_DAMAGE_TRIES=${FRACTILE_DAMAGE_TRIES:-2} FRACTILE_DETERMINISM_RUNS=${FRACTILE_DETERMINISM_RUNS:-8}

replay_seeds() { # PRESET CHANGES
  local target
  for target in $(ls fuzz/seeds); do
    FRACTILE_FORMATS=$PWD/build/$1/_libs/libfractile_formats.so ARROW_DEFAULT_MEMORY_POOL=system \
      "build/$1/bin/fractile_fuzz" "$target" --changes "$2" "fuzz/seeds/$target" >"build/$1/$target.log" 2>&1 ||
      { tail -n 60 "build/$1/$target.log"; echo "$target: failed"; return 1; }
    tail -n 1 "build/$1/$target.log"
  done
}

# Makes a site-packages folder with the extension and the executable of the preset. The executable checks for leaks. Python must not,
# because it frees much of its memory only at its end; it passes its environment on.
install_python() { # PRESET
  local bin=build/$1/site/fractile/_bin
  rm -rf "build/$1/site"
  cmake --install "build/$1" --component python --prefix "$PWD/build/$1/site" >/dev/null
  mv "$bin/fractile" "$bin/fractile-sanitized"
  # A script sets the environment of the executable, because tests start servers with their own environments.
  printf '#!/bin/sh\nunset LD_PRELOAD\nASAN_OPTIONS=detect_leaks=1 %s exec "$(dirname "$0")/fractile-sanitized" "$@"\n' \
    "UBSAN_OPTIONS=$UBSAN_OPTIONS TSAN_OPTIONS=$TSAN_OPTIONS" >"$bin/fractile"
  chmod +x "$bin/fractile"
}

with_python() { # PRESET LIBRARY ARGUMENTS...
  local preset=$1 library=$2
  shift 2
  # The C++ library is preloaded with the sanitizer's, which needs its functions for exceptions. A SIGBUS outside our mappings must
  # end the process as it does without a sanitizer, because tests check this.
  LD_PRELOAD="$(g++ -print-file-name="$library") $(g++ -print-file-name=libstdc++.so)" ASAN_OPTIONS=detect_leaks=0:handle_sigbus=0 \
    PYTHONPATH=$PWD/build/$preset/site PYTHONDONTWRITEBYTECODE=1 .venv/bin/python "$@"
}

configure() { # PRESET
  [ -f "build/$1/build.ninja" ] || cmake --preset "$1" >/dev/null
}

fast() {
  configure asan-fast
  cmake --build build/asan-fast --target fractile_fuzz fractile_formats
  replay_seeds asan-fast 20
  configure tsan
  cmake --build build/tsan --target fractile_thread_tests
  build/tsan/tests/cpp/fractile_thread_tests --gtest_brief=1
}

address() {
  # The tests of plots are left out: the executable starts a Python that lacks the sanitizer's library and cannot load the extension.
  local without=(--deselect tests/python/test_plot.py::test_the_command_line_draws_what_python_draws
    --deselect tests/python/test_plot.py::test_the_command_line_says_why_it_cannot_draw)
  # test_snapshot_crashes.py is left out: it preloads a library that makes the crashes, but the sanitizer's library must be first, so
  # no crash would happen.
  configure asan
  cmake --build build/asan
  ctest --test-dir build/asan --output-on-failure -j2
  install_python asan
  without+=(--ignore=tests/test_docker.py --ignore=tests/python/test_docs.py --ignore=tests/python/test_readme.py
    --ignore=tests/python/test_snapshot_crashes.py)
  # Tests that measure times, memory or processes run alone.
  with_python asan libasan.so -m pytest -q -p no:cacheprovider "${without[@]}" -n 2 -m 'not alone and not scale' tests
  with_python asan libasan.so -m pytest -q -p no:cacheprovider "${without[@]}" -m alone tests
  with_python asan libasan.so tests/leaks.py
}

thread() {
  configure tsan
  cmake --build build/tsan
  ctest --test-dir build/tsan --output-on-failure -j2
  install_python tsan
  # polars, a compiled package, crashes on import under ThreadSanitizer, so tests find no polars.
  echo 'raise ModuleNotFoundError("polars does not run under ThreadSanitizer")' >build/tsan/site/polars.py
  with_python tsan libtsan.so -m pytest -q -p no:cacheprovider tests/python/test_service.py tests/python/test_client.py \
    tests/python/test_laws.py tests/python/test_server_operations.py tests/python/test_server_equivalence.py \
    tests/python/test_server_abuse.py tests/python/test_server_abuse_bodies.py tests/python/test_server_abuse_slow.py \
    tests/python/test_server_abuse_arrow.py tests/python/test_server_schema.py
}

case ${1:-all} in
  fast) fast ;;
  address) address ;;
  thread) thread ;;
  all) address && thread ;;
  *)
    echo "usage: tools/sanitize.sh [fast | address | thread | all]" >&2
    exit 2
    ;;
esac

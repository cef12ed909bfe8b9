#!/usr/bin/env bash
# Copyright The fractile authors. Licensed under the Apache License, Version 2.0.
#
# The tests under sanitizers. Any report fails them.
#   tools/sanitize.sh fast      minutes: the seeds of the fuzzers under AddressSanitizer and the cheap checks of undefined behaviour,
#                               what threads share under ThreadSanitizer
#   tools/sanitize.sh address   all tests, C++ and Python, under AddressSanitizer, LeakSanitizer and UndefinedBehaviorSanitizer
#   tools/sanitize.sh thread    all C++ tests and those Python tests that run things at once, under ThreadSanitizer
#   tools/sanitize.sh all       address, then thread
set -euo pipefail
cd "$(dirname "$0")/.."
export UBSAN_OPTIONS=print_stacktrace=1
export TSAN_OPTIONS=suppressions=$PWD/tools/tsan.supp
# A sanitizer keeps freed memory for a while and takes its time: tests of the server's memory and deadlines allow for it.
export FRACTILE_RSS_SLACK_MB=${FRACTILE_RSS_SLACK_MB:-3000} FRACTILE_SLOWER=${FRACTILE_SLOWER:-5}
# Each of their rounds takes the same ways through the code.
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

# A site-packages folder whose extension and executable are those of the preset. The executable looks for its leaks; Python, which
# leaves much behind when it ends, must not, and hands its environment on.
install_python() { # PRESET
  local bin=build/$1/site/fractile/_bin
  rm -rf "build/$1/site"
  cmake --install "build/$1" --component python --prefix "$PWD/build/$1/site" >/dev/null
  mv "$bin/fractile" "$bin/fractile-sanitized"
  # Tests start servers with an environment of their own.
  printf '#!/bin/sh\nunset LD_PRELOAD\nASAN_OPTIONS=detect_leaks=1 %s exec "$(dirname "$0")/fractile-sanitized" "$@"\n' \
    "UBSAN_OPTIONS=$UBSAN_OPTIONS TSAN_OPTIONS=$TSAN_OPTIONS" >"$bin/fractile"
  chmod +x "$bin/fractile"
}

with_python() { # PRESET LIBRARY ARGUMENTS...
  local preset=$1 library=$2
  shift 2
  # The C++ library comes with the sanitizer's, which looks in it for what throws. A SIGBUS that is none of ours has to end the
  # process as it does without a sanitizer, which tests look at.
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
  # There the executable starts a Python, which lacks the sanitizer's library and cannot load the extension.
  local without=(--deselect tests/python/test_plot.py::test_the_command_line_draws_what_python_draws
    --deselect tests/python/test_plot.py::test_the_command_line_says_why_it_cannot_draw)
  # The crashes of snapshots (test_snapshot_crashes.py) come from a library that is preloaded before the executable, where the
  # sanitizer's has to be the first: none of them would happen.
  configure asan
  cmake --build build/asan
  ctest --test-dir build/asan --output-on-failure -j2
  install_python asan
  without+=(--ignore=tests/test_docker.py --ignore=tests/python/test_docs.py --ignore=tests/python/test_readme.py
    --ignore=tests/python/test_snapshot_crashes.py)
  # Those that look at times, memory or processes run alone.
  with_python asan libasan.so -m pytest -q -p no:cacheprovider "${without[@]}" -n 2 -m 'not alone' tests
  with_python asan libasan.so -m pytest -q -p no:cacheprovider "${without[@]}" -m alone tests
  with_python asan libasan.so tests/leaks.py
}

thread() {
  configure tsan
  cmake --build build/tsan
  ctest --test-dir build/tsan --output-on-failure -j2
  install_python tsan
  # polars, which comes compiled, does not survive its import there: tests find none.
  echo 'raise ModuleNotFoundError("polars does not live under ThreadSanitizer")' >build/tsan/site/polars.py
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

#!/usr/bin/env bash
# Copyright The fractile authors. Licensed under the Apache License, Version 2.0.
#
# Builds the fuzzers with clang and libFuzzer (preset "fuzz") and runs each for the given seconds, from the committed seeds and
# the inputs that earlier runs stored in build/fuzz/corpus. Prints executions, coverage and failures; exits with 1 if there were
# failures. Their inputs are in build/fuzz/findings: `build/release/bin/fractile_fuzz TARGET FILE` runs one again without clang.
#   tools/fuzz.sh [SECONDS_EACH] [TARGET...]      FUZZ_JOBS=2: number of fuzzers at a time
set -euo pipefail
cd "$(dirname "$0")/.."
seconds=${1:-60}
shift $(($# > 0 ? 1 : 0))

tools/install_packages.sh clang-19 libclang-rt-19-dev llvm-19
[ -f build/fuzz/build.ninja ] || cmake --preset fuzz >/dev/null
cmake --build --preset fuzz

program=$PWD/build/fuzz/bin/fractile_fuzz
targets=("$@")
[ $# -gt 0 ] || mapfile -t targets < <(ls fuzz/seeds)
# Snapshots are made and damaged in memory if the system has a file system there.
scratch=$(mktemp -d -p "$([ -w /dev/shm ] && echo /dev/shm || echo "${TMPDIR:-/tmp}")" fractile-fuzz-XXXXXX)
trap 'rm -rf "$scratch"' EXIT
mkdir -p build/fuzz/findings build/fuzz/logs

run() {
  local target=$1
  mkdir -p "build/fuzz/corpus/$target"
  local arguments=(-max_total_time="$seconds" -timeout=60 -report_slow_units=60 -rss_limit_mb=4096 -print_final_stats=1 "-artifact_prefix=build/fuzz/findings/$target-")
  case $target in config | csv | json_request | manifest | query) arguments+=(-dict=fuzz/words.dict) ;; esac
  # libarrow allocates with malloc, so that the sanitizer finds reads beyond its memory.
  FRACTILE_FUZZ_TARGET=$target FRACTILE_FORMATS=$PWD/build/fuzz/_libs/libfractile_formats.so ARROW_DEFAULT_MEMORY_POOL=system \
    TMPDIR=$scratch UBSAN_OPTIONS=print_stacktrace=1 ASAN_SYMBOLIZER_PATH=$(command -v llvm-symbolizer-19) \
    "$program" "build/fuzz/corpus/$target" "fuzz/seeds/$target" "${arguments[@]}" >"build/fuzz/logs/$target.log" 2>&1
}

show() {
  local target=$1 log=build/fuzz/logs/$1.log
  local executions coverage broke
  executions=$(sed -nE 's/^stat::number_of_executed_units: +//p' "$log")
  coverage=$(grep -oE 'cov: [0-9]+ ft: [0-9]+' "$log" | tail -n 1)
  broke=$(grep -E 'LAW BROKEN|SUMMARY|runtime error|what\(\)|Test unit written' "$log" | cut -c 1-200 | head -n 4 || true)
  printf '%-18s %10s executions, %s%s\n' "$target" "${executions:-0}" "${coverage:-cov: none}" "${broke:+, BROKE:}"
  [ -z "$broke" ] || printf '%s\n' "$broke"
}

export -f run
export seconds program scratch
failed=0
printf '%s\0' "${targets[@]}" | xargs -0 -n 1 -P "${FUZZ_JOBS:-1}" bash -c 'run "$0"' || failed=1
for target in "${targets[@]}"; do show "$target"; done
exit $failed

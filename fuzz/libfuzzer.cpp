// Copyright The fractile authors. Licensed under the Apache License, Version 2.0.
//
// One program for all targets, because they share nearly all code. $FRACTILE_FUZZ_TARGET chooses the target.
#include <cstdio>
#include <cstdlib>

#include "targets.hpp"

namespace {

const fractile::fuzz::Target* target = nullptr;

}  // namespace

extern "C" int LLVMFuzzerInitialize(int*, char***) {
  const char* const name = std::getenv("FRACTILE_FUZZ_TARGET");
  target = name ? fractile::fuzz::find_target(name) : nullptr;
  if (target) {
    target->run({});  // makes markets and loads the formats module before the fuzzer measures coverage
    return 0;
  }
  std::fprintf(stderr, "expected one of the targets in FRACTILE_FUZZ_TARGET, found \"%s\". They are:", name ? name : "");
  for (const auto& one : fractile::fuzz::all_targets()) std::fprintf(stderr, " %s", one.name.data());
  std::fprintf(stderr, "\n");
  std::exit(2);
}

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  target->run({data, size});
  return 0;
}

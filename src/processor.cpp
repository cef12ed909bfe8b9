// Copyright The fractile authors. Licensed under the Apache License, Version 2.0.
//
// Says what is missing on a processor below the baseline that fractile is built for, where the first of its instructions
// would otherwise end the process without a word. Compiled for any processor, linked into the executable and the Python
// extension, and run before anything else of theirs; a plain write, because what is built for the baseline must not be called.
#include <unistd.h>

#include <string_view>

namespace {

__attribute__((constructor(101))) void require_baseline() {
  __builtin_cpu_init();
  if (__builtin_cpu_supports("x86-64-v3")) return;
  constexpr std::string_view kMessage =
      "fractile: expected a processor with AVX2 (x86-64-v3: Haswell, Zen and later), found one without. "
      "Install the portable build: pip install . --config-settings=cmake.define.FRACTILE_MARCH=\n";
  [[maybe_unused]] const ssize_t written = write(STDERR_FILENO, kMessage.data(), kMessage.size());
  _exit(1);
}

}  // namespace

// Copyright The fractile authors. Licensed under the Apache License, Version 2.0.
//
// The check of the processor. On one below the baseline of the build, the first unknown instruction would end the process
// without a message; this check names the missing feature first. It is compiled for any processor, linked into the executable
// and the Python extension, and runs before their other code. It uses a plain write(), because functions that are compiled for
// the baseline must not be called.
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

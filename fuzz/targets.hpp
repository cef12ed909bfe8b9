// Copyright The fractile authors. Licensed under the Apache License, Version 2.0.
#pragma once

#include <cstdint>
#include <span>
#include <string_view>

/// Entry points that take any bytes. A fuzzer makes them up (libfuzzer.cpp), a test feeds the committed seeds (replay.cpp).
namespace fractile::fuzz {

using Input = std::span<const std::uint8_t>;

/// One way for foreign bytes into the product. `run` ends the process where the product breaks a law: an exception that is no
/// Error, an Error whose text does not keep to the grammar, two ways to one answer that differ.
struct Target {
  std::string_view name;  ///< that of its folder in fuzz/seeds
  void (*run)(Input);
};

std::span<const Target> all_targets();
/// Null where there is none of that name.
const Target* find_target(std::string_view name);

inline std::string_view as_text(Input input) { return {reinterpret_cast<const char*>(input.data()), input.size()}; }

}  // namespace fractile::fuzz

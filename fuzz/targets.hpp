// Copyright The fractile authors. Licensed under the Apache License, Version 2.0.
#pragma once

#include <cstdint>
#include <span>
#include <string_view>

/// The fuzz targets: functions that take any bytes. A fuzzer makes inputs (libfuzzer.cpp); tests feed stored seeds (replay.cpp).
namespace fractile::fuzz {

using Input = std::span<const std::uint8_t>;

/// One entry for foreign bytes into the product. `run` ends the process if the product breaks a law: it throws an exception
/// that is not an Error, an Error has the wrong grammar, or two ways to one answer differ.
struct Target {
  std::string_view name;  ///< also the name of its folder in fuzz/seeds
  void (*run)(Input);
};

std::span<const Target> all_targets();
/// Null if no target has that name.
const Target* find_target(std::string_view name);

inline std::string_view as_text(Input input) { return {reinterpret_cast<const char*>(input.data()), input.size()}; }

}  // namespace fractile::fuzz

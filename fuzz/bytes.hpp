// Copyright The fractile authors. Licensed under the Apache License, Version 2.0.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

#include "targets.hpp"

namespace fractile::fuzz {

/// A reader that makes choices from an input's bytes, front to back. Behind the end all bytes are zero.
class Bytes {
 public:
  explicit Bytes(Input input) : rest_(input) {}
  bool is_at_end() const noexcept { return rest_.empty(); }
  std::uint8_t byte() noexcept {
    if (rest_.empty()) return 0;
    const std::uint8_t out = rest_.front();
    rest_ = rest_.subspan(1);
    return out;
  }
  /// A number 0 ... n-1. Requires n <= 256.
  int below(int n) noexcept { return byte() % n; }
  bool one_in(int n) noexcept { return below(n) == n - 1; }
  std::uint64_t number(int n_bytes) noexcept {
    std::uint64_t out = 0;
    for (int i = 0; i < n_bytes; ++i) out |= std::uint64_t{byte()} << (8 * i);
    return out;
  }
  template <class T, std::size_t n>
  T pick(const std::array<T, n>& choices) noexcept {
    return choices[byte() % n];
  }
  Input take_rest() noexcept {
    const Input out = rest_;
    rest_ = {};
    return out;
  }

 private:
  Input rest_;
};

/// A pseudo-random number: the high half of Knuth's linear congruential generator after two steps.
constexpr std::uint32_t scatter(std::uint64_t x) noexcept {
  for (int step = 0; step < 2; ++step) x = x * 6364136223846793005ULL + 1442695040888963407ULL;
  return static_cast<std::uint32_t>(x >> 32);
}

}  // namespace fractile::fuzz

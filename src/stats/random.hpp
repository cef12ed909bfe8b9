// Copyright The fractile authors. Licensed under the Apache License, Version 2.0.
#pragma once

#include <cstdint>

/// A counter-based random generator: number i of draw d under a seed is a function of (seed, d, i) only. Any thread
/// can therefore compute any draw, and the bits are the same on every machine.
///
/// The generator is SplitMix64 (Steele, Lea and Flood 2014): a 64-bit mixer over a counter that advances by the
/// golden ratio. The mixer makes the first counter of a draw from the seed and the number of the draw.
namespace fractile {

class DrawStream {
 public:
  DrawStream(std::uint64_t seed, std::uint64_t draw) noexcept : counter_(mix(mix(seed + kGolden) + draw * kGolden)) {}

  std::uint64_t next() noexcept { return mix(counter_ += kGolden); }

  /// Scales 32 random bits to 0 ... n-1; n is below 2^32.
  static std::uint64_t scale(std::uint64_t bits32, std::uint64_t n) noexcept { return (bits32 * n) >> 32; }

 private:
  static constexpr std::uint64_t kGolden = 0x9e3779b97f4a7c15ULL;

  static std::uint64_t mix(std::uint64_t z) noexcept {
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9ULL;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebULL;
    return z ^ (z >> 31);
  }

  std::uint64_t counter_;
};

/// Draws that one task of a thread makes.
inline constexpr std::int64_t kDrawsPerTask = 64;

}  // namespace fractile

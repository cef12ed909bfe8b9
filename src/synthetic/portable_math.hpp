// Copyright The fractile authors. Licensed under the Apache License, Version 2.0.
#pragma once

#include <bit>
#include <cmath>
#include <cstdint>

/// exp, log and random numbers made of IEEE basic operations and sqrt, whose results the standard fixes to the
/// last bit. The results of a C library's exp and of std::normal_distribution differ by platform.
namespace fractile::synthetic {

/// e^x within about 1e-13 relative; x is clamped to -700 ... 700.
inline double portable_exp(double x) noexcept {
  constexpr double kLog2 = 0.69314718055994530942;
  x = x < -700.0 ? -700.0 : x > 700.0 ? 700.0 : x;
  const double k = std::floor(x / kLog2 + 0.5);
  const double r = x - k * kLog2;
  double sum = 1.0;
  for (int i = 12; i >= 1; --i) sum = 1.0 + sum * r / i;
  return sum * std::bit_cast<double>(static_cast<std::uint64_t>(static_cast<std::int64_t>(k) + 1023) << 52);
}

/// log(x) within about 1e-12 relative, for a normal positive x.
inline double portable_log(double x) noexcept {
  constexpr double kLog2 = 0.69314718055994530942;
  const auto bits = std::bit_cast<std::uint64_t>(x);
  double exponent = static_cast<double>(static_cast<std::int64_t>(bits >> 52) - 1023);
  double m = std::bit_cast<double>((bits & 0xfffffffffffffULL) | 0x3ff0000000000000ULL);
  if (m > 1.4142135623730951) {
    m *= 0.5;
    exponent += 1.0;
  }
  // log m = 2 artanh((m - 1) / (m + 1)), and the argument is below 0.172.
  const double s = (m - 1.0) / (m + 1.0), q = s * s;
  const double series = 1.0 + q * (1.0 / 3 + q * (1.0 / 5 + q * (1.0 / 7 + q * (1.0 / 9 + q * (1.0 / 11 + q * (1.0 / 13))))));
  return exponent * kLog2 + 2.0 * s * series;
}

/// xoshiro256++ (Blackman and Vigna 2018), seeded by splitmix64. Not thread-safe.
class Random {
 public:
  explicit Random(std::uint64_t seed) noexcept {
    for (std::uint64_t& word : state_) {
      seed += 0x9e3779b97f4a7c15ULL;
      std::uint64_t z = seed;
      z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9ULL;
      z = (z ^ (z >> 27)) * 0x94d049bb133111ebULL;
      word = z ^ (z >> 31);
    }
  }

  std::uint64_t next_bits() noexcept {
    const std::uint64_t out = std::rotl(state_[0] + state_[3], 23) + state_[0];
    const std::uint64_t shifted = state_[1] << 17;
    state_[2] ^= state_[0];
    state_[3] ^= state_[1];
    state_[1] ^= state_[2];
    state_[0] ^= state_[3];
    state_[2] ^= shifted;
    state_[3] = std::rotl(state_[3], 45);
    return out;
  }

  /// 0 <= u < 1.
  double next_uniform() noexcept { return static_cast<double>(next_bits() >> 11) * 0x1p-53; }

  /// Standard normal, by Marsaglia's polar method, which makes two numbers at a time and stores the second.
  double next_normal() noexcept {
    if (has_spare_) {
      has_spare_ = false;
      return spare_;
    }
    const Point p = next_point();
    const double scale = std::sqrt(-2.0 * portable_log(p.square) / p.square);
    spare_ = p.y * scale;
    has_spare_ = true;
    return p.x * scale;
  }

  /// Student's t with four degrees of freedom, scaled to variance one, by Bailey's polar method (1994).
  double next_student() noexcept {
    const Point p = next_point();
    return p.x * std::sqrt(2.0 * (1.0 / std::sqrt(p.square) - 1.0) / p.square);
  }

 private:
  struct Point {
    double x, y, square;
  };

  /// Uniform in the unit disc, without its centre.
  Point next_point() noexcept {
    while (true) {
      const std::uint64_t bits = next_bits();
      const double x = static_cast<double>(static_cast<std::int32_t>(bits >> 32)) * 0x1p-31;
      const double y = static_cast<double>(static_cast<std::int32_t>(bits & 0xffffffffULL)) * 0x1p-31;
      const double square = x * x + y * y;
      if (square < 1.0 && square > 0.0) return {x, y, square};
    }
  }

  std::uint64_t state_[4] = {};
  double spare_ = 0.0;
  bool has_spare_ = false;
};

}  // namespace fractile::synthetic

// Copyright The fractile authors. Licensed under the Apache License, Version 2.0.
#pragma once

#include <cfenv>

namespace fractile {

/// A guard that gives the calling thread IEEE arithmetic for a scope: round to nearest, subnormal numbers unchanged.
///
/// A library that is linked with -ffast-math makes the thread that loads it flush subnormal numbers to zero. Therefore every
/// entry into the core that computes begins with this guard, and so does every thread of the pool.
class IeeeArithmetic {
 public:
  IeeeArithmetic() noexcept {
    std::fegetenv(&before_);
    std::fesetenv(FE_DFL_ENV);
  }
  ~IeeeArithmetic() { std::fesetenv(&before_); }
  IeeeArithmetic(const IeeeArithmetic&) = delete;
  IeeeArithmetic& operator=(const IeeeArithmetic&) = delete;

 private:
  std::fenv_t before_;
};

}  // namespace fractile

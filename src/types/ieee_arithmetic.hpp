// Copyright The fractile authors. Licensed under the Apache License, Version 2.0.
#pragma once

#include <cfenv>

namespace fractile {

/// The calling thread's default arithmetic for a scope: to nearest, subnormal numbers as they are.
///
/// A library that is linked with -ffast-math makes the thread that loads it flush subnormal numbers to zero. Every way into
/// the core that computes begins with one of these, and so does every thread of the pool.
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

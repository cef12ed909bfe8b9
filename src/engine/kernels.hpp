// Copyright The fractile authors. Licensed under the Apache License, Version 2.0.
#pragma once

#include <cstddef>
#include <cstdint>

#include "fractile/types.hpp"

/// The loops that see every slot, compiled for several vector widths and chosen at run time.
/// Each gives the same answer at every width. Arrays that are written take kKernelPadding elements
/// more than their answer needs.
namespace fractile {

inline constexpr std::size_t kKernelPadding = 16;

/// The numbers among slots[0 ... n-1], in order; returns how many.
std::size_t pack_numbers(const double* slots, std::size_t n, double* out) noexcept;
/// The same, with their places from `first` on.
std::size_t pack_numbers_and_rows(const double* slots, std::size_t n, RowIndex first, double* out, RowIndex* rows) noexcept;

/// What one pass finds out about two intervals [low_from, low_to] and [high_from, high_to].
struct BracketCount {
  std::size_t numbers;     ///< all numbers
  std::size_t below_low;   ///< numbers < low_from
  std::size_t in_low;      ///< numbers in the first interval: written to low_out
  std::size_t below_high;  ///< numbers < high_from
  std::size_t in_high;     ///< numbers in the second interval: written to high_out
};
struct Brackets {
  double low_from, low_to, high_from, high_to;
};
BracketCount count_brackets(const double* slots, std::size_t n, const Brackets& brackets, double* low_out,
                            double* high_out) noexcept;

/// Places, from `first` on, of slots <= low or >= high; returns how many.
std::size_t pack_outer_rows(const double* slots, std::size_t n, double low, double high, RowIndex first, RowIndex* rows) noexcept;

/// sums[k] += weights[i] * x[rows[i] * 8 + k] for k = 0 ... 7, i ascending; a missing x adds nothing.
void sum_exposures(const float* x, const RowIndex* rows, const double* weights, std::size_t n, double* sums) noexcept;

/// The instruction set chosen on this machine, e.g. "AVX3".
const char* kernel_target() noexcept;

}  // namespace fractile

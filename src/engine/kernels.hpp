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
/// The same, with their places from 0.
std::size_t pack_numbers_and_places(const double* slots, std::size_t n, double* out, std::int32_t* places) noexcept;

struct TailCount {
  std::size_t numbers;  ///< all numbers
  std::size_t tails;    ///< those written
};
/// The numbers <= low or >= high among slots[0 ... n-1], in order, with their places from 0.
TailCount pack_tails(const double* slots, std::size_t n, double low, double high, double* out, std::int32_t* places) noexcept;

/// The places of NaN and infinities among values[0 ... n-1], in order; returns how many.
std::size_t find_not_finite(const double* values, std::size_t n, std::int32_t* places) noexcept;

/// sums[k] += weights[i] * x[rows[i] * 8 + k] for k = 0 ... 7, i ascending; a missing x adds nothing.
void sum_exposures(const float* x, const RowIndex* rows, const double* weights, std::size_t n, double* sums) noexcept;

/// Sums in eight interleaved lanes, added in a fixed order: the fixed scheme of methodology section 9.
double sum(const double* a, std::size_t n) noexcept;
double sum_products(const double* a, const double* b, std::size_t n) noexcept;
/// The same over the names with weight > 0, and over the others.
double sum_long_products(const double* weights, const double* b, std::size_t n) noexcept;
double sum_short_products(const double* weights, const double* b, std::size_t n) noexcept;

/// Rows of kGramWidth numbers: seven regressors, then what is explained.
inline constexpr std::size_t kGramWidth = 8;
/// sums[group[i] * 8 + k] += x[i * 8 + k], rows in order.
void sum_by_group(const double* x, const std::int32_t* group, std::size_t n, double* sums) noexcept;
/// x[i * 8 + k] -= means[group[i] * 8 + k].
void subtract_by_group(double* x, const std::int32_t* group, std::size_t n, const double* means) noexcept;
/// gram[k * 8 + l] = sum over rows of x[k] * x[l], rows in order.
void sum_cross_products(const double* x, std::size_t n, double* gram) noexcept;
/// x[7] -= sum of beta[k] * x[k] over k = 0 ... 6; then products[k] = sum over rows of x[k] * x[7] for them.
void subtract_fit(double* x, std::size_t n, const double* beta, double* products) noexcept;

/// The instruction set chosen on this machine, e.g. "AVX3".
const char* kernel_target() noexcept;

}  // namespace fractile

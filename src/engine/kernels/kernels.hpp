// Copyright The fractile authors. Licensed under the Apache License, Version 2.0.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "engine/panel/exposure_block.hpp"
#include "fractile/types.hpp"

/// The loops that visit every slot, compiled for several vector widths and chosen at run time.
/// Each loop has the same result at every width. Output arrays need kKernelPadding elements more
/// than the result has.
namespace fractile {

inline constexpr std::size_t kKernelPadding = 16;

/// Writes the numbers among slots[0 ... n-1], in order; returns their count.
std::size_t pack_numbers(const double* slots, std::size_t n, double* out) noexcept;
/// The same, with their rows, which count from `first`.
std::size_t pack_numbers_and_rows(const double* slots, std::size_t n, RowIndex first, double* out, RowIndex* rows) noexcept;

struct TailCount {
  std::size_t numbers;  ///< count of all numbers
  std::size_t tails;    ///< count of written numbers
};
/// Writes the numbers <= low or >= high among slots[0 ... n-1], in order, with their places from 0.
TailCount pack_tails(const double* slots, std::size_t n, double low, double high, double* out, std::int32_t* places) noexcept;

/// Writes the places of NaN and infinities among values[0 ... n-1], in order; returns their count.
std::size_t find_not_finite(const double* values, std::size_t n, std::int32_t* places) noexcept;

struct Range {
  double low;
  double high;
};
/// The lowest and the highest of values[0 ... n-1], none of which is NaN; n >= 1.
Range find_range(const double* values, std::size_t n) noexcept;

struct Neighbours {
  std::size_t below;  ///< count of values < x
  std::size_t equal;  ///< count of values == x
  double before;      ///< the largest value < x; minus infinity if there is none
  double after;       ///< the smallest value > x; infinity if there is none
};
/// The place of x among values[0 ... n-1], none of which is NaN.
Neighbours find_neighbours(const double* values, std::size_t n, double x) noexcept;

/// How far values may be from their place in the order that rank_among_neighbours() ranks.
inline constexpr std::size_t kRankReach = 5;
/// Average ranks of n values, each of which is up to kRankReach places from its place in ascending order. NaN are kRankReach
/// numbers before the values, and kRankReach + kKernelPadding behind them.
void rank_among_neighbours(const double* values, std::size_t n, double* ranks) noexcept;
/// The places of such values in ascending order, from 0. Equal values keep their order.
void place_among_neighbours(const double* values, std::size_t n, std::int32_t* places) noexcept;

/// sums[k] += weights[i] * exposure k of name i for k = 0 ... 7, i ascending; a missing exposure adds 0.
void sum_exposures(const FactorRows& x, const double* weights, double* sums) noexcept;
/// The same by cell: adds to sums[cell[i] * 8 + k]. Null `weights` are 1.
void sum_exposures_by_cell(const FactorRows& x, const double* weights, const std::uint32_t* cell, double* sums) noexcept;

/// Sums in eight interleaved lanes, added in a fixed order: the fixed scheme of methodology section 9.
double sum(const double* a, std::size_t n) noexcept;
double sum_products(const double* a, const double* b, std::size_t n) noexcept;
/// The same over the names with weight > 0, and over the others.
double sum_long_products(const double* weights, const double* b, std::size_t n) noexcept;
double sum_short_products(const double* weights, const double* b, std::size_t n) noexcept;

/// Adds exposure k of name i to sums[group[i] * 8 + k], and its product with exposure l to gram[k * 8 + l] for l <= k; names in
/// order. Requires that no exposure is missing.
void add_factors(const FactorRows& x, const std::uint16_t* group, double* sums, double* gram) noexcept;
/// products[k] = sum over names of exposure k and y, names in order.
void multiply_factors(const FactorRows& x, const double* y, double* products) noexcept;
/// y[i] += offset[group[i]] - sum over k of beta[k] and exposure k; then as multiply_factors().
void subtract_fit(const FactorRows& x, const std::uint16_t* group, const double* beta, const double* offset, double* y,
                  double* products) noexcept;

/// The instruction set chosen on this machine, e.g. "AVX3".
const char* kernel_target() noexcept;
/// The instruction sets that this build has kernels for and that this machine can run, best first.
std::vector<std::string> kernel_targets();
/// Chooses an instruction set (empty: the best) for comparisons. Requires that no run is active. Returns false if it is missing.
bool use_kernels(std::string_view target);

}  // namespace fractile

// Copyright The fractile authors. Licensed under the Apache License, Version 2.0.
#include "engine/kernels.hpp"

#include <algorithm>

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "engine/kernels.cpp"
#include <hwy/foreach_target.h>
#include <hwy/highway.h>

HWY_BEFORE_NAMESPACE();
namespace fractile {
namespace HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

using Doubles = hn::ScalableTag<double>;
using Places = hn::Rebind<std::uint64_t, Doubles>;
using Rows = hn::Rebind<std::uint32_t, Doubles>;

// The last few slots of a day go through the same code, from a copy padded with NaN.
template <class Visit>
HWY_INLINE void visit_vectors(const double* slots, std::size_t n, Visit&& visit) {
  const Doubles d;
  const std::size_t lanes = hn::Lanes(d);
  std::size_t i = 0;
  for (; i + lanes <= n; i += lanes) visit(i, hn::LoadU(d, slots + i));
  if (i < n) {
    HWY_ALIGN double rest[HWY_MAX_BYTES / sizeof(double)];
    for (std::size_t j = 0; j < lanes; ++j) rest[j] = i + j < n ? slots[i + j] : __builtin_nan("");
    visit(i, hn::Load(d, rest));
  }
}

template <class Mask>
HWY_INLINE std::size_t store_rows(Mask mask, std::size_t i, RowIndex first, RowIndex* out) {
  const Doubles d;
  const Places dp;
  const Rows dr;
  const auto places = hn::Iota(dp, i + static_cast<std::size_t>(first));
  const auto packed = hn::Compress(places, hn::RebindMask(dp, mask));
  hn::StoreU(hn::TruncateTo(dr, packed), dr, reinterpret_cast<std::uint32_t*>(out));
  return hn::CountTrue(d, mask);
}

std::size_t PackNumbers(const double* slots, std::size_t n, double* out) {
  const Doubles d;
  std::size_t count = 0;
  visit_vectors(slots, n, [&](std::size_t, auto v) { count += hn::CompressStore(v, hn::Eq(v, v), d, out + count); });
  return count;
}

std::size_t PackNumbersAndRows(const double* slots, std::size_t n, RowIndex first, double* out, RowIndex* rows) {
  const Doubles d;
  std::size_t count = 0;
  visit_vectors(slots, n, [&](std::size_t i, auto v) {
    const auto is_number = hn::Eq(v, v);
    store_rows(is_number, i, first, rows + count);
    count += hn::CompressStore(v, is_number, d, out + count);
  });
  return count;
}

BracketCount CountBrackets(const double* slots, std::size_t n, const Brackets& brackets, double* low_out, double* high_out) {
  const Doubles d;
  const auto low_from = hn::Set(d, brackets.low_from), low_to = hn::Set(d, brackets.low_to);
  const auto high_from = hn::Set(d, brackets.high_from), high_to = hn::Set(d, brackets.high_to);
  BracketCount out{};
  visit_vectors(slots, n, [&](std::size_t, auto v) {
    out.numbers += hn::CountTrue(d, hn::Eq(v, v));
    out.below_low += hn::CountTrue(d, hn::Lt(v, low_from));
    out.below_high += hn::CountTrue(d, hn::Lt(v, high_from));
    const auto in_low = hn::And(hn::Ge(v, low_from), hn::Le(v, low_to));
    const auto in_high = hn::And(hn::Ge(v, high_from), hn::Le(v, high_to));
    if (!hn::AllFalse(d, in_low)) out.in_low += hn::CompressStore(v, in_low, d, low_out + out.in_low);
    if (!hn::AllFalse(d, in_high)) out.in_high += hn::CompressStore(v, in_high, d, high_out + out.in_high);
  });
  return out;
}

std::size_t PackOuterRows(const double* slots, std::size_t n, double low, double high, RowIndex first, RowIndex* rows) {
  const Doubles d;
  const auto at_most = hn::Set(d, low), at_least = hn::Set(d, high);
  std::size_t count = 0;
  visit_vectors(slots, n, [&](std::size_t i, auto v) {
    const auto is_outer = hn::Or(hn::Le(v, at_most), hn::Ge(v, at_least));
    if (!hn::AllFalse(d, is_outer)) count += store_rows(is_outer, i, first, rows + count);
  });
  return count;
}

void SumExposures(const float* x, const RowIndex* rows, const double* weights, std::size_t n, double* sums) {
  constexpr std::size_t kStride = 8;
  // Rows lie some cache lines apart, too irregularly for the hardware to foresee.
  constexpr std::size_t kAhead = 24;
  const hn::CappedTag<double, kStride> d;
  const hn::Rebind<float, decltype(d)> df;
  const std::size_t lanes = hn::Lanes(d);
  for (std::size_t k = 0; k < kStride; k += lanes) {
    auto sum = hn::LoadU(d, sums + k);
    for (std::size_t i = 0; i < n; ++i) {
      if (k == 0) __builtin_prefetch(x + static_cast<std::size_t>(rows[std::min(i + kAhead, n - 1)]) * kStride);
      const auto value = hn::PromoteTo(d, hn::LoadU(df, x + static_cast<std::size_t>(rows[i]) * kStride + k));
      sum = hn::Add(sum, hn::IfThenElseZero(hn::Eq(value, value), hn::Mul(hn::Set(d, weights[i]), value)));
    }
    hn::StoreU(sum, d, sums + k);
  }
}

const char* TargetName() { return hwy::TargetName(HWY_TARGET); }

}  // namespace HWY_NAMESPACE
}  // namespace fractile
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace fractile {

HWY_EXPORT(PackNumbers);
HWY_EXPORT(PackNumbersAndRows);
HWY_EXPORT(CountBrackets);
HWY_EXPORT(PackOuterRows);
HWY_EXPORT(SumExposures);
HWY_EXPORT(TargetName);

std::size_t pack_numbers(const double* slots, std::size_t n, double* out) noexcept {
  return HWY_DYNAMIC_DISPATCH(PackNumbers)(slots, n, out);
}
std::size_t pack_numbers_and_rows(const double* slots, std::size_t n, RowIndex first, double* out, RowIndex* rows) noexcept {
  return HWY_DYNAMIC_DISPATCH(PackNumbersAndRows)(slots, n, first, out, rows);
}
BracketCount count_brackets(const double* slots, std::size_t n, const Brackets& brackets, double* low_out,
                            double* high_out) noexcept {
  return HWY_DYNAMIC_DISPATCH(CountBrackets)(slots, n, brackets, low_out, high_out);
}
std::size_t pack_outer_rows(const double* slots, std::size_t n, double low, double high, RowIndex first,
                            RowIndex* rows) noexcept {
  return HWY_DYNAMIC_DISPATCH(PackOuterRows)(slots, n, low, high, first, rows);
}
void sum_exposures(const float* x, const RowIndex* rows, const double* weights, std::size_t n, double* sums) noexcept {
  HWY_DYNAMIC_DISPATCH(SumExposures)(x, rows, weights, n, sums);
}
const char* kernel_target() noexcept { return HWY_DYNAMIC_DISPATCH(TargetName)(); }

}  // namespace fractile
#endif  // HWY_ONCE

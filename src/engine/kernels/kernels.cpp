// Copyright The fractile authors. Licensed under the Apache License, Version 2.0.
#include "engine/kernels/kernels.hpp"

#include <algorithm>

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "engine/kernels/kernels.cpp"
#include <hwy/foreach_target.h>
#include <hwy/highway.h>

#include "types/prefetch_pages.hpp"

HWY_BEFORE_NAMESPACE();
namespace fractile {
namespace HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

using Doubles = hn::ScalableTag<double>;
using Rows = hn::Rebind<std::uint32_t, Doubles>;

// The last few slots of a day take the same code, from a copy padded with NaN.
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

// store_numbers() writes the lanes whose mask is set from `out` on, and meaningless numbers behind them; it returns their count.
// store_numbers_and_places() writes their places too, which count from `first`.
#if HWY_TARGET == HWY_AVX2

// Highway's Compress finds lanes with PEXT, which takes over a hundred cycles on some AMD machines. Tables have them by mask.
struct LaneTables {
  alignas(32) std::uint32_t halves[16][8] = {};  // of the doubles that are set, in order
  alignas(16) std::uint32_t lanes[16][4] = {};   // the same as numbers of lanes
  constexpr LaneTables() {
    for (std::uint32_t mask = 0; mask < 16; ++mask)
      for (std::uint32_t lane = 0, next = 0; lane < 4; ++lane) {
        if (!(mask >> lane & 1)) continue;
        lanes[mask][next] = lane;
        halves[mask][2 * next] = 2 * lane;
        halves[mask][2 * next + 1] = 2 * lane + 1;
        ++next;
      }
  }
};
constexpr LaneTables kLaneTables;

HWY_INLINE std::size_t store_lanes(hn::Vec<Doubles> v, unsigned mask, double* out) {
  const auto halves = _mm256_load_si256(reinterpret_cast<const __m256i*>(kLaneTables.halves[mask]));
  _mm256_storeu_pd(out, _mm256_castsi256_pd(_mm256_permutevar8x32_epi32(_mm256_castpd_si256(v.raw), halves)));
  return static_cast<std::size_t>(__builtin_popcount(mask));
}

template <class Mask>
HWY_INLINE std::size_t store_numbers(hn::Vec<Doubles> v, Mask mask, double* out) {
  return store_lanes(v, static_cast<unsigned>(_mm256_movemask_pd(mask.raw)), out);
}

template <class Mask>
HWY_INLINE std::size_t store_numbers_and_places(hn::Vec<Doubles> v, Mask mask, std::size_t first, double* out,
                                                std::int32_t* places) {
  const auto bits = static_cast<unsigned>(_mm256_movemask_pd(mask.raw));
  const auto at = hn::Add(hn::Set(Rows(), static_cast<std::uint32_t>(first)), hn::Load(Rows(), kLaneTables.lanes[bits]));
  hn::StoreU(at, Rows(), reinterpret_cast<std::uint32_t*>(places));
  return store_lanes(v, bits, out);
}

#elif HWY_TARGET <= HWY_AVX3  // AVX-512 of every kind: better targets have lower numbers

// By the instruction itself: Highway's Compress of 64-bit lanes copies a table of 2 KB per call (g++ 12), and its CompressStore
// goes through memory, which is slow on AMD machines.
template <class Mask>
HWY_INLINE std::size_t store_numbers(hn::Vec<Doubles> v, Mask mask, double* out) {
  _mm512_storeu_pd(out, _mm512_maskz_compress_pd(mask.raw, v.raw));
  return hn::CountTrue(Doubles(), mask);
}

template <class Mask>
HWY_INLINE std::size_t store_numbers_and_places(hn::Vec<Doubles> v, Mask mask, std::size_t first, double* out,
                                                std::int32_t* places) {
  const auto at = hn::Add(hn::Iota(Rows(), 0), hn::Set(Rows(), static_cast<std::uint32_t>(first)));
  hn::StoreU(hn::Vec<Rows>{_mm256_maskz_compress_epi32(mask.raw, at.raw)}, Rows(), reinterpret_cast<std::uint32_t*>(places));
  return store_numbers(v, mask, out);
}

#else

template <class Mask>
HWY_INLINE std::size_t store_numbers(hn::Vec<Doubles> v, Mask mask, double* out) {
  const Doubles d;
  hn::StoreU(hn::Compress(v, mask), d, out);
  return hn::CountTrue(d, mask);
}

template <class Mask>
HWY_INLINE std::size_t store_numbers_and_places(hn::Vec<Doubles> v, Mask mask, std::size_t first, double* out,
                                                std::int32_t* places) {
  const hn::RebindToUnsigned<Doubles> d;
  const auto at = hn::Add(hn::Iota(d, 0), hn::Set(d, first));
  hn::StoreU(hn::TruncateTo(Rows(), hn::Compress(at, hn::RebindMask(d, mask))), Rows(), reinterpret_cast<std::uint32_t*>(places));
  return store_numbers(v, mask, out);
}

#endif

std::size_t PackNumbers(const double* slots, std::size_t n, double* out) {
  std::size_t count = 0;
  visit_vectors(slots, n, [&](std::size_t, auto v) { count += store_numbers(v, hn::Eq(v, v), out + count); });
  return count;
}

std::size_t PackNumbersAndRows(const double* slots, std::size_t n, RowIndex first_row, double* out, RowIndex* rows) {
  std::size_t count = 0;
  visit_vectors(slots, n, [&](std::size_t i, auto v) {
    const std::size_t row = static_cast<std::size_t>(first_row) + i;
    count += store_numbers_and_places(v, hn::Eq(v, v), row, out + count, rows + count);
  });
  return count;
}

TailCount PackTails(const double* slots, std::size_t n, double low, double high, double* out, std::int32_t* places) {
  const Doubles d;
  const auto at_most = hn::Set(d, low), at_least = hn::Set(d, high);
  std::size_t numbers = 0, tails = 0;
  visit_vectors(slots, n, [&](std::size_t i, auto v) {
    numbers += hn::CountTrue(d, hn::Eq(v, v));
    const auto is_tail = hn::Or(hn::Le(v, at_most), hn::Ge(v, at_least));
    tails += store_numbers_and_places(v, is_tail, i, out + tails, places + tails);
  });
  return {numbers, tails};
}

std::size_t FindNotFinite(const double* values, std::size_t n, std::int32_t* places) {
  const Doubles d;
  const std::size_t lanes = hn::Lanes(d);
  const auto limit = hn::Set(d, hwy::HighestValue<double>());
  std::size_t count = 0, i = 0;
  const auto look_at = [&](std::size_t to) {
    for (; i < to; ++i) {
      places[count] = static_cast<std::int32_t>(i);
      count += !(__builtin_fabs(values[i]) <= hwy::HighestValue<double>());
    }
  };
  constexpr std::size_t kPerPiece = kPrefetchPiece / sizeof(double);
  while (i + lanes <= n) {
    prefetch_pages(values, n * sizeof(double), i * sizeof(double));
    for (const std::size_t end = std::min(i + kPerPiece, n); i + lanes <= end;) {
      if (hn::AllTrue(d, hn::Le(hn::Abs(hn::LoadU(d, values + i)), limit)))
        i += lanes;
      else
        look_at(i + lanes);
    }
  }
  look_at(n);
  return count;
}

// Two vectors at a time: a comparison would wait for the one before.
Range FindRange(const double* values, std::size_t n) {
  const Doubles d;
  const std::size_t lanes = hn::Lanes(d);
  Range range = {values[0], values[0]};
  std::size_t i = 0;
  if (n >= 2 * lanes) {
    auto low = hn::LoadU(d, values), low2 = low, high = low, high2 = low;
    for (; i + 2 * lanes <= n; i += 2 * lanes) {
      const auto v = hn::LoadU(d, values + i), v2 = hn::LoadU(d, values + i + lanes);
      low = hn::Min(low, v);
      high = hn::Max(high, v);
      low2 = hn::Min(low2, v2);
      high2 = hn::Max(high2, v2);
    }
    range = {hn::GetLane(hn::MinOfLanes(d, hn::Min(low, low2))), hn::GetLane(hn::MaxOfLanes(d, hn::Max(high, high2)))};
  }
  for (; i < n; ++i) {
    range.low = values[i] < range.low ? values[i] : range.low;
    range.high = values[i] > range.high ? values[i] : range.high;
  }
  return range;
}

Neighbours FindNeighbours(const double* values, std::size_t n, double x) {
  const Doubles d;
  const std::size_t lanes = hn::Lanes(d);
  const auto at = hn::Set(d, x), none_before = hn::Set(d, -__builtin_inf()), none_after = hn::Set(d, __builtin_inf());
  auto before = none_before, after = none_after;
  std::size_t below = 0, equal = 0;
  const auto visit = [&](auto v) {
    const auto is_below = hn::Lt(v, at);
    below += hn::CountTrue(d, is_below);
    equal += hn::CountTrue(d, hn::Eq(v, at));
    before = hn::Max(before, hn::IfThenElse(is_below, v, none_before));
    after = hn::Min(after, hn::IfThenElse(hn::Gt(v, at), v, none_after));
  };
  std::size_t i = 0;
  for (; i + lanes <= n; i += lanes) visit(hn::LoadU(d, values + i));
  // A lane beyond the end holds NaN, which is on no side.
  if (i < n) {
    const auto is_value = hn::FirstN(d, n - i);
    visit(hn::IfThenElse(is_value, hn::MaskedLoad(is_value, d, values + i), hn::Set(d, __builtin_nan(""))));
  }
  return {below, equal, hn::GetLane(hn::MaxOfLanes(d, before)), hn::GetLane(hn::MinOfLanes(d, after))};
}

void RankAmongNeighbours(const double* values, std::size_t n, double* ranks) {
  const Doubles d;
  const std::size_t lanes = hn::Lanes(d);
  const auto half = hn::Set(d, 0.5), zero = hn::Zero(d);
  const auto one_if = [&](auto mask) { return hn::IfThenElse(mask, half, zero); };
  auto place = hn::Iota(d, 1.0);
  for (std::size_t i = 0; i < n; i += lanes) {
    // The last vector reads and writes up to lanes - 1 places beyond the end: these ranks have no meaning.
    const auto at = hn::LoadU(d, values + i);
    auto rank = place;
    for (std::size_t reach = 1; reach <= kRankReach; ++reach) {
      const auto after = hn::LoadU(d, values + i + reach), before = hn::LoadU(d, values + i - reach);
      // A lower value behind adds 1 to the rank, an equal one 1/2; a higher value before subtracts 1, an equal one 1/2.
      rank = hn::Add(rank, hn::Add(one_if(hn::Lt(after, at)), one_if(hn::Le(after, at))));
      rank = hn::Sub(rank, hn::Add(one_if(hn::Gt(before, at)), one_if(hn::Ge(before, at))));
    }
    hn::StoreU(rank, d, ranks + i);
    place = hn::Add(place, hn::Set(d, static_cast<double>(lanes)));
  }
}

void PlaceAmongNeighbours(const double* values, std::size_t n, std::int32_t* places) {
  const Doubles d;
  const hn::Rebind<std::int32_t, Doubles> di;
  const std::size_t lanes = hn::Lanes(d);
  const auto one = hn::Set(d, 1.0), zero = hn::Zero(d);
  auto from = hn::Iota(d, 0.0);
  for (std::size_t i = 0; i < n; i += lanes) {
    // As in RankAmongNeighbours.
    const auto at = hn::LoadU(d, values + i);
    auto place = from;
    for (std::size_t reach = 1; reach <= kRankReach; ++reach) {
      place = hn::Add(place, hn::IfThenElse(hn::Lt(hn::LoadU(d, values + i + reach), at), one, zero));
      place = hn::Sub(place, hn::IfThenElse(hn::Gt(hn::LoadU(d, values + i - reach), at), one, zero));
    }
    hn::StoreU(hn::DemoteTo(di, place), di, places + i);
    from = hn::Add(from, hn::Set(d, static_cast<double>(lanes)));
  }
}

constexpr std::size_t kStride = kExposureStride;
constexpr std::size_t kFactors = kNExposures;
using FactorTag = hn::CappedTag<double, kStride>;
constexpr std::size_t kFactorLanes = hn::MaxLanes(FactorTag());
constexpr std::size_t kFactorParts = kStride / kFactorLanes;

HWY_INLINE hn::Vec<FactorTag> load_factors(const double* x) { return hn::LoadU(FactorTag(), x); }
HWY_INLINE hn::Vec<FactorTag> load_factors(const float* x) {
  return hn::PromoteTo(FactorTag(), hn::LoadU(hn::Rebind<float, FactorTag>(), x));
}

// The address of a name's exposures.
template <class T>
HWY_INLINE const T* factors_of(const FactorRows& x, std::size_t i) {
  const auto* const data = static_cast<const T*>(x.block.data);
  __builtin_prefetch(data + static_cast<std::size_t>(x.rows[std::min(i + kRowsAhead, x.n - 1)]) * kStride);
  return data + static_cast<std::size_t>(x.rows[i]) * kStride;
}

template <class T>
HWY_INLINE void sum_exposures_of(const FactorRows& x, const double* weights, double* sums) {
  const FactorTag d;
  hn::Vec<FactorTag> sum[kFactorParts];
  for (std::size_t part = 0; part < kFactorParts; ++part) sum[part] = hn::LoadU(d, sums + part * kFactorLanes);
  for (std::size_t i = 0; i < x.n; ++i) {
    const T* const row = factors_of<T>(x, i);
    const auto weight = hn::Set(d, weights[i]);
    for (std::size_t part = 0; part < kFactorParts; ++part) {
      const auto value = load_factors(row + part * kFactorLanes);
      sum[part] = hn::Add(sum[part], hn::IfThenElseZero(hn::Eq(value, value), hn::Mul(weight, value)));
    }
  }
  for (std::size_t part = 0; part < kFactorParts; ++part) hn::StoreU(sum[part], d, sums + part * kFactorLanes);
}

void SumExposures(const FactorRows& x, const double* weights, double* sums) {
  if (x.block.wide)
    sum_exposures_of<double>(x, weights, sums);
  else
    sum_exposures_of<float>(x, weights, sums);
}

template <class T, class WeightOf>
HWY_INLINE void sum_exposures_by_cell_of(const FactorRows& x, WeightOf&& weight_of, const std::uint32_t* cell, double* sums) {
  const FactorTag d;
  for (std::size_t i = 0; i < x.n; ++i) {
    const T* const row = factors_of<T>(x, i);
    const auto weight = hn::Set(d, weight_of(i));
    double* const sum = sums + std::size_t{cell[i]} * kStride;
    for (std::size_t part = 0; part < kFactorParts; ++part) {
      const auto value = load_factors(row + part * kFactorLanes);
      const auto term = hn::IfThenElseZero(hn::Eq(value, value), hn::Mul(weight, value));
      hn::StoreU(hn::Add(hn::LoadU(d, sum + part * kFactorLanes), term), d, sum + part * kFactorLanes);
    }
  }
}

template <class WeightOf>
HWY_INLINE void sum_any_exposures_by_cell(const FactorRows& x, WeightOf&& weight_of, const std::uint32_t* cell, double* sums) {
  if (x.block.wide)
    sum_exposures_by_cell_of<double>(x, weight_of, cell, sums);
  else
    sum_exposures_by_cell_of<float>(x, weight_of, cell, sums);
}

void SumExposuresByCell(const FactorRows& x, const double* weights, const std::uint32_t* cell, double* sums) {
  if (weights)
    sum_any_exposures_by_cell(x, [=](std::size_t i) { return weights[i]; }, cell, sums);
  else
    sum_any_exposures_by_cell(x, [](std::size_t) { return 1.0; }, cell, sums);
}

// Eight interleaved lanes for any vector width, added in a fixed order, so that the bits are the same on every CPU.
constexpr std::size_t kLanes = 8;

template <class Term, class ScalarTerm>
HWY_INLINE double sum_lanes(std::size_t n, Term&& term, ScalarTerm&& scalar_term) {
  const hn::CappedTag<double, kLanes> d;
  const std::size_t width = hn::Lanes(d);
  HWY_ALIGN double lanes[kLanes] = {};
  hn::Vec<decltype(d)> sums[kLanes];
  for (std::size_t k = 0; k < kLanes / width; ++k) sums[k] = hn::Zero(d);
  std::size_t i = 0;
  for (; i + kLanes <= n; i += kLanes)
    for (std::size_t k = 0; k < kLanes / width; ++k) sums[k] = hn::Add(sums[k], term(d, i + k * width));
  for (std::size_t k = 0; k < kLanes / width; ++k) hn::Store(sums[k], d, lanes + k * width);
  for (std::size_t l = 0; i + l < n; ++l) lanes[l] += scalar_term(i + l);
  return ((lanes[0] + lanes[4]) + (lanes[2] + lanes[6])) + ((lanes[1] + lanes[5]) + (lanes[3] + lanes[7]));
}

double Sum(const double* a, std::size_t n) {
  return sum_lanes(n, [=](auto d, std::size_t i) { return hn::LoadU(d, a + i); }, [=](std::size_t i) { return a[i]; });
}

double SumProducts(const double* a, const double* b, std::size_t n) {
  return sum_lanes(
      n, [=](auto d, std::size_t i) { return hn::Mul(hn::LoadU(d, a + i), hn::LoadU(d, b + i)); },
      [=](std::size_t i) { return a[i] * b[i]; });
}

double SumLongProducts(const double* weights, const double* b, std::size_t n) {
  return sum_lanes(
      n,
      [=](auto d, std::size_t i) {
        const auto w = hn::LoadU(d, weights + i);
        return hn::IfThenElseZero(hn::Gt(w, hn::Zero(d)), hn::Mul(w, hn::LoadU(d, b + i)));
      },
      [=](std::size_t i) { return weights[i] > 0.0 ? weights[i] * b[i] : 0.0; });
}

double SumShortProducts(const double* weights, const double* b, std::size_t n) {
  return sum_lanes(
      n,
      [=](auto d, std::size_t i) {
        const auto w = hn::LoadU(d, weights + i);
        return hn::IfThenZeroElse(hn::Gt(w, hn::Zero(d)), hn::Mul(w, hn::LoadU(d, b + i)));
      },
      [=](std::size_t i) { return weights[i] > 0.0 ? 0.0 : weights[i] * b[i]; });
}

/// Columns kFrom to kFrom + lanes - 1 of the sums, and of the products left of the diagonal.
template <class T, std::size_t kFrom>
HWY_INLINE void add_some_factors(const FactorRows& x, const std::uint16_t* group, double* sums, double* gram) {
  const FactorTag d;
  hn::Vec<FactorTag> products[kFactors];
  for (std::size_t k = kFrom; k < kFactors; ++k) products[k] = hn::LoadU(d, gram + k * kStride + kFrom);
  for (std::size_t i = 0; i < x.n; ++i) {
    const T* const row = factors_of<T>(x, i);
    const auto part = load_factors(row + kFrom);
    double* const sum = sums + std::size_t{group[i]} * kStride + kFrom;
    hn::StoreU(hn::Add(hn::LoadU(d, sum), part), d, sum);
    for (std::size_t k = kFrom; k < kFactors; ++k)
      products[k] = hn::Add(products[k], hn::Mul(hn::Set(d, static_cast<double>(row[k])), part));
  }
  for (std::size_t k = kFrom; k < kFactors; ++k) hn::StoreU(products[k], d, gram + k * kStride + kFrom);
  if constexpr (kFrom + kFactorLanes < kFactors) add_some_factors<T, kFrom + kFactorLanes>(x, group, sums, gram);
}

void AddFactors(const FactorRows& x, const std::uint16_t* group, double* sums, double* gram) {
  if (x.block.wide)
    add_some_factors<double, 0>(x, group, sums, gram);
  else
    add_some_factors<float, 0>(x, group, sums, gram);
}

/// products[k] = the sum over names of factor k times the value that `next` returns for the name.
template <class T, class Next>
HWY_INLINE void sum_factor_products(const FactorRows& x, double* products, Next&& next) {
  const FactorTag d;
  hn::Vec<FactorTag> sums[kFactorParts];
  for (auto& sum : sums) sum = hn::Zero(d);
  for (std::size_t i = 0; i < x.n; ++i) {
    const T* const row = factors_of<T>(x, i);
    const auto y = hn::Set(d, next(i, row));
    for (std::size_t part = 0; part < kFactorParts; ++part)
      sums[part] = hn::Add(sums[part], hn::Mul(load_factors(row + part * kFactorLanes), y));
  }
  for (std::size_t part = 0; part < kFactorParts; ++part) hn::StoreU(sums[part], d, products + part * kFactorLanes);
}

void MultiplyFactors(const FactorRows& x, const double* y, double* products) {
  const auto next = [=](std::size_t i, const auto*) { return y[i]; };
  if (x.block.wide)
    sum_factor_products<double>(x, products, next);
  else
    sum_factor_products<float>(x, products, next);
}

void SubtractFit(const FactorRows& x, const std::uint16_t* group, const double* beta, const double* offset, double* y,
                 double* products) {
  const auto next = [=](std::size_t i, const auto* row) {
    double even = static_cast<double>(row[0]) * beta[0], odd = static_cast<double>(row[1]) * beta[1];
    even += static_cast<double>(row[2]) * beta[2];
    odd += static_cast<double>(row[3]) * beta[3];
    even += static_cast<double>(row[4]) * beta[4];
    odd += static_cast<double>(row[5]) * beta[5];
    even += static_cast<double>(row[6]) * beta[6];
    return y[i] = (y[i] + offset[group[i]]) - (even + odd);
  };
  if (x.block.wide)
    sum_factor_products<double>(x, products, next);
  else
    sum_factor_products<float>(x, products, next);
}

const char* TargetName() { return hwy::TargetName(HWY_TARGET); }

}  // namespace HWY_NAMESPACE
}  // namespace fractile
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace fractile {

HWY_EXPORT(PackNumbers);
HWY_EXPORT(PackNumbersAndRows);
HWY_EXPORT(PackTails);
HWY_EXPORT(FindNotFinite);
HWY_EXPORT(FindRange);
HWY_EXPORT(FindNeighbours);
HWY_EXPORT(RankAmongNeighbours);
HWY_EXPORT(PlaceAmongNeighbours);
HWY_EXPORT(SumExposures);
HWY_EXPORT(SumExposuresByCell);
HWY_EXPORT(Sum);
HWY_EXPORT(SumProducts);
HWY_EXPORT(SumLongProducts);
HWY_EXPORT(SumShortProducts);
HWY_EXPORT(AddFactors);
HWY_EXPORT(MultiplyFactors);
HWY_EXPORT(SubtractFit);
HWY_EXPORT(TargetName);

std::size_t pack_numbers(const double* slots, std::size_t n, double* out) noexcept {
  return HWY_DYNAMIC_DISPATCH(PackNumbers)(slots, n, out);
}
std::size_t pack_numbers_and_rows(const double* slots, std::size_t n, RowIndex first, double* out, RowIndex* rows) noexcept {
  return HWY_DYNAMIC_DISPATCH(PackNumbersAndRows)(slots, n, first, out, rows);
}
TailCount pack_tails(const double* slots, std::size_t n, double low, double high, double* out, std::int32_t* places) noexcept {
  return HWY_DYNAMIC_DISPATCH(PackTails)(slots, n, low, high, out, places);
}
std::size_t find_not_finite(const double* values, std::size_t n, std::int32_t* places) noexcept {
  return HWY_DYNAMIC_DISPATCH(FindNotFinite)(values, n, places);
}
Range find_range(const double* values, std::size_t n) noexcept { return HWY_DYNAMIC_DISPATCH(FindRange)(values, n); }
Neighbours find_neighbours(const double* values, std::size_t n, double x) noexcept {
  return HWY_DYNAMIC_DISPATCH(FindNeighbours)(values, n, x);
}
void rank_among_neighbours(const double* values, std::size_t n, double* ranks) noexcept {
  HWY_DYNAMIC_DISPATCH(RankAmongNeighbours)(values, n, ranks);
}
void place_among_neighbours(const double* values, std::size_t n, std::int32_t* places) noexcept {
  HWY_DYNAMIC_DISPATCH(PlaceAmongNeighbours)(values, n, places);
}
void sum_exposures(const FactorRows& x, const double* weights, double* sums) noexcept {
  HWY_DYNAMIC_DISPATCH(SumExposures)(x, weights, sums);
}
void sum_exposures_by_cell(const FactorRows& x, const double* weights, const std::uint32_t* cell, double* sums) noexcept {
  HWY_DYNAMIC_DISPATCH(SumExposuresByCell)(x, weights, cell, sums);
}
double sum(const double* a, std::size_t n) noexcept { return HWY_DYNAMIC_DISPATCH(Sum)(a, n); }
double sum_products(const double* a, const double* b, std::size_t n) noexcept {
  return HWY_DYNAMIC_DISPATCH(SumProducts)(a, b, n);
}
double sum_long_products(const double* weights, const double* b, std::size_t n) noexcept {
  return HWY_DYNAMIC_DISPATCH(SumLongProducts)(weights, b, n);
}
double sum_short_products(const double* weights, const double* b, std::size_t n) noexcept {
  return HWY_DYNAMIC_DISPATCH(SumShortProducts)(weights, b, n);
}
void add_factors(const FactorRows& x, const std::uint16_t* group, double* sums, double* gram) noexcept {
  HWY_DYNAMIC_DISPATCH(AddFactors)(x, group, sums, gram);
}
void multiply_factors(const FactorRows& x, const double* y, double* products) noexcept {
  HWY_DYNAMIC_DISPATCH(MultiplyFactors)(x, y, products);
}
void subtract_fit(const FactorRows& x, const std::uint16_t* group, const double* beta, const double* offset, double* y,
                  double* products) noexcept {
  HWY_DYNAMIC_DISPATCH(SubtractFit)(x, group, beta, offset, y, products);
}
const char* kernel_target() noexcept { return HWY_DYNAMIC_DISPATCH(TargetName)(); }

namespace {

/// Highway numbers its targets by bits, better ones lower.
template <class Visit>
void visit_targets(Visit&& visit) {
  hwy::SetSupportedTargetsForTest(0);
  for (std::int64_t rest = hwy::SupportedTargets() & HWY_TARGETS; rest != 0; rest &= rest - 1) visit(rest & -rest);
}

}  // namespace

std::vector<std::string> kernel_targets() {
  std::vector<std::string> names;
  visit_targets([&](std::int64_t target) { names.emplace_back(hwy::TargetName(target)); });
  return names;
}

bool use_kernels(std::string_view target) {
  std::int64_t chosen = 0;
  visit_targets([&](std::int64_t candidate) {
    if (target == hwy::TargetName(candidate)) chosen = candidate;
  });
  hwy::SetSupportedTargetsForTest(chosen);
  hwy::GetChosenTarget().Update(hwy::SupportedTargets());
  return chosen != 0 || target.empty();
}

}  // namespace fractile
#endif  // HWY_ONCE

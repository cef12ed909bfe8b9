// Copyright The fractile authors. Licensed under the Apache License, Version 2.0.
#include <algorithm>
#include <array>
#include <bit>
#include <cmath>
#include <utility>

#include "engine/kernels/kernels.hpp"
#include "engine/portfolio/rank.hpp"
#include "fractile/types.hpp"

namespace fractile {
namespace {

using Valued = RankScratch::Valued;

constexpr std::size_t kFewValues = 96;       // a sort is as fast below
constexpr std::size_t kMostParts = 1 << 14;  // the counts still fit the first-level cache

bool is_below(const Valued& a, const Valued& b) noexcept { return a.value < b.value; }

/// Equal parts of the range of the values. The range comes from a sample; what lies beyond it is in the first or the last part.
class Parts {
 public:
  /// Normally distributed values have about two per part at their mode.
  explicit Parts(std::span<const double> values) : count_(std::min(kMostParts, std::bit_ceil(values.size() * 3 / 2))) {
    constexpr std::size_t kSample = 32, kNearLow = 4;
    std::array<double, kSample> sample;
    for (std::size_t i = 0; i < kSample; ++i) sample[i] = values[i * values.size() / kSample];
    std::sort(sample.begin(), sample.end());
    // The range reaches as far beyond these two as they are apart: 3.5 standard deviations of a normal distribution.
    const double near_low = sample[kNearLow], near_high = sample[kSample - 1 - kNearLow];
    low_ = near_low - (near_high - near_low);
    scale_ = static_cast<double>(count_) / (3.0 * (near_high - near_low));
  }
  std::size_t count() const noexcept { return count_; }
  /// False if the sample has no range.
  bool are_usable() const noexcept { return std::isfinite(scale_) && scale_ > 0.0 && std::isfinite(low_); }
  /// Rounding is monotonic: a larger value is never in a lower part.
  void find(std::span<const double> values, std::int32_t* out) const noexcept {
    const auto last = static_cast<double>(count_ - 1);
    for (std::size_t i = 0; i < values.size(); ++i) {
      const double place = (values[i] - low_) * scale_;
      out[i] = static_cast<std::int32_t>(std::min(std::max(place, 0.0), last));
    }
  }

 private:
  std::size_t count_;
  double low_, scale_;
};

/// Writes the ranks of values that are the whole order from place `before` on. Reorders them.
void rank_sorted(std::span<Valued> values, std::size_t before, std::span<double> out) {
  if (!std::is_sorted(values.begin(), values.end(), is_below)) std::sort(values.begin(), values.end(), is_below);
  for (std::size_t first = 0; first < values.size();) {
    std::size_t end = first + 1;
    while (end < values.size() && values[end].value == values[first].value) ++end;
    const double rank = static_cast<double>(2 * before + first + end + 1) / 2.0;
    for (std::size_t i = first; i < end; ++i) out[static_cast<std::size_t>(values[i].at)] = rank;
    first = end;
  }
}

/// Ranks by comparison of neighbours, once the values are in the order of their parts. False, without ranks, if the sample has no
/// range.
bool rank_by_parts(std::span<const double> values, RankScratch& scratch, std::span<double> out) {
  const Parts parts(values);
  if (!parts.are_usable()) return false;
  scratch.parts.resize(values.size());
  parts.find(values, scratch.parts.data());
  std::array<std::uint32_t, kMostParts> ends;
  const std::span<std::uint32_t> end(ends.data(), parts.count());
  std::fill(end.begin(), end.end(), 0);
  for (const std::int32_t part : scratch.parts) ++end[static_cast<std::size_t>(part)];
  std::uint32_t next = 0;
  for (std::uint32_t& count : end) next += std::exchange(count, next);
  constexpr std::size_t kBehind = kRankReach + kKernelPadding;
  scratch.values.resize(kRankReach + values.size() + kBehind);
  std::fill_n(scratch.values.begin(), kRankReach, kNaN);
  std::fill_n(scratch.values.end() - kBehind, kBehind, kNaN);
  scratch.places.resize(values.size());
  scratch.ranks.resize(values.size() + kKernelPadding);
  double* const ordered = scratch.values.data() + kRankReach;
  for (std::size_t i = 0; i < values.size(); ++i) {
    const std::uint32_t place = end[static_cast<std::size_t>(scratch.parts[i])]++;
    ordered[place] = values[i];
    scratch.places[place] = static_cast<std::int32_t>(i);
  }
  rank_among_neighbours(ordered, values.size(), scratch.ranks.data());
  for (std::size_t place = 0; place < values.size(); ++place)
    out[static_cast<std::size_t>(scratch.places[place])] = scratch.ranks[place];
  std::uint32_t begin = 0;
  for (const std::uint32_t part_end : end) {
    if (part_end - begin > kRankReach + 1) {
      scratch.valued.clear();
      for (std::uint32_t place = begin; place < part_end; ++place)
        scratch.valued.push_back({ordered[place], scratch.places[place]});
      rank_sorted(scratch.valued, begin, out);
    }
    begin = part_end;
  }
  return true;
}

}  // namespace

void average_ranks(std::span<const double> values, RankScratch& scratch, std::vector<double>& out) {
  out.resize(values.size());
  if (values.size() >= kFewValues && rank_by_parts(values, scratch, out)) return;
  scratch.valued.resize(values.size());
  for (std::size_t i = 0; i < values.size(); ++i) scratch.valued[i] = {values[i], static_cast<std::int32_t>(i)};
  rank_sorted(scratch.valued, 0, out);
}

}  // namespace fractile

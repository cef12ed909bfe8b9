// Copyright The fractile authors. Licensed under the Apache License, Version 2.0.
#include <algorithm>
#include <array>
#include <bit>
#include <cmath>
#include <functional>
#include <numeric>
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
  explicit Parts(std::span<const double> values, std::size_t count) : count_(std::min(kMostParts, std::bit_ceil(count))) {
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
  /// The part of each value. Rounding is monotonic: a larger value is never in a lower part.
  void find(std::span<const double> values, std::vector<std::int32_t>& part_of) const {
    const auto last = static_cast<double>(count_ - 1);
    part_of.resize(values.size());
    for (std::size_t i = 0; i < values.size(); ++i) {
      const double place = (values[i] - low_) * scale_;
      part_of[i] = static_cast<std::int32_t>(std::min(std::max(place, 0.0), last));
    }
  }

 private:
  std::size_t count_;
  double low_, scale_;
};

void count_parts(const std::vector<std::int32_t>& part_of, std::span<std::uint32_t> counts) {
  std::fill(counts.begin(), counts.end(), 0);
  for (const std::int32_t part : part_of) ++counts[static_cast<std::size_t>(part)];
}

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

void rank_by_sort(std::span<const double> values, RankScratch& scratch, std::span<double> out) {
  scratch.valued.resize(values.size());
  for (std::size_t i = 0; i < values.size(); ++i) scratch.valued[i] = {values[i], static_cast<std::int32_t>(i)};
  rank_sorted(scratch.valued, 0, out);
}

using PartEnds = std::array<std::uint32_t, kMostParts>;

/// The values in the order of their parts, in the scratch. Returns the ends of the parts in `ends`; nothing if the sample has no
/// range.
std::span<const std::uint32_t> arrange_by_parts(std::span<const double> values, RankScratch& scratch, PartEnds& ends) {
  // Normally distributed values have about two per part at their mode.
  const Parts parts(values, values.size() * 3 / 2);
  if (!parts.are_usable()) return {};
  const std::span<std::uint32_t> end(ends.data(), parts.count());
  parts.find(values, scratch.parts);
  count_parts(scratch.parts, end);
  std::uint32_t next = 0;
  for (std::uint32_t& count : end) next += std::exchange(count, next);
  constexpr std::size_t kBehind = kRankReach + kKernelPadding;
  scratch.values.resize(kRankReach + values.size() + kBehind);
  std::fill_n(scratch.values.begin(), kRankReach, kNaN);
  std::fill_n(scratch.values.end() - kBehind, kBehind, kNaN);
  scratch.places.resize(values.size());
  double* const ordered = scratch.values.data() + kRankReach;
  for (std::size_t i = 0; i < values.size(); ++i) {
    const std::uint32_t place = end[static_cast<std::size_t>(scratch.parts[i])]++;
    ordered[place] = values[i];
    scratch.places[place] = static_cast<std::int32_t>(i);
  }
  return end;
}

/// Calls visit(values, first place) for the parts with more values than the comparison of neighbours reaches.
template <class Visit>
void visit_wide_parts(std::span<const std::uint32_t> ends, RankScratch& scratch, Visit&& visit) {
  std::uint32_t begin = 0;
  for (const std::uint32_t end : ends) {
    if (end - begin > kRankReach + 1) {
      scratch.valued.clear();
      for (std::uint32_t place = begin; place < end; ++place)
        scratch.valued.push_back({scratch.values[kRankReach + place], scratch.places[place]});
      visit(std::span(scratch.valued), begin);
    }
    begin = end;
  }
}

/// Ranks by comparison of neighbours, once the values are in the order of their parts. False, without ranks, if the sample has no
/// range.
bool rank_by_parts(std::span<const double> values, RankScratch& scratch, std::span<double> out) {
  PartEnds memory;
  const auto ends = arrange_by_parts(values, scratch, memory);
  if (ends.empty()) return false;
  scratch.ranks.resize(values.size() + kKernelPadding);
  rank_among_neighbours(scratch.values.data() + kRankReach, values.size(), scratch.ranks.data());
  for (std::size_t place = 0; place < values.size(); ++place)
    out[static_cast<std::size_t>(scratch.places[place])] = scratch.ranks[place];
  visit_wide_parts(ends, scratch, [&](std::span<Valued> names, std::size_t begin) { rank_sorted(names, begin, out); });
  return true;
}

/// Writes values and their places, in order, from place `begin` on. Reorders them.
void order_sorted(std::span<Valued> values, std::size_t begin, ValueOrder& out) {
  std::sort(values.begin(), values.end(), is_below);
  for (std::size_t i = 0; i < values.size(); ++i) {
    out.values[begin + i] = values[i].value;
    out.at[begin + i] = values[i].at;
  }
}

/// As rank_by_parts().
bool order_by_parts(std::span<const double> values, RankScratch& scratch, ValueOrder& out) {
  PartEnds memory;
  const auto ends = arrange_by_parts(values, scratch, memory);
  if (ends.empty()) return false;
  scratch.parts.resize(values.size() + kKernelPadding);
  const double* const ordered = scratch.values.data() + kRankReach;
  place_among_neighbours(ordered, values.size(), scratch.parts.data());
  for (std::size_t i = 0; i < values.size(); ++i) {
    const auto place = static_cast<std::size_t>(scratch.parts[i]);
    out.values[place] = ordered[i];
    out.at[place] = scratch.places[i];
  }
  visit_wide_parts(ends, scratch, [&](std::span<Valued> names, std::size_t begin) { order_sorted(names, begin, out); });
  return true;
}

/// The highest whole rank among n whose bin is not above `bin`, which counts from 1.
std::uint32_t last_rank_of_bin(int bin, int k, std::size_t n) noexcept {
  const auto fits = [&](std::size_t rank) { return bin_of_rank(static_cast<double>(rank), k, n) <= bin; };
  std::size_t rank = n * static_cast<std::size_t>(bin) / static_cast<std::size_t>(k);  // one off if bin_of_rank() rounds
  while (rank > 0 && !fits(rank)) --rank;
  while (rank < n && fits(rank + 1)) ++rank;
  return static_cast<std::uint32_t>(rank);
}

/// Replaces the counts of one group's parts by their bins; ~i for the i-th part that several bins share, of all groups.
void find_bins_of_parts(std::span<std::uint32_t> parts, int k, RankScratch& scratch) {
  const std::size_t n = std::accumulate(parts.begin(), parts.end(), std::size_t{0});
  std::uint32_t below = 0, last_rank = 0;  // the last whole rank of `bin`
  int bin = 0;
  // A block is usually in one bin.
  const std::size_t n_block = std::min<std::size_t>(parts.size(), 8);
  for (std::size_t begin = 0; begin < parts.size(); begin += n_block) {
    const std::span<std::uint32_t> block = parts.subspan(begin, n_block);
    const std::uint32_t in_block = std::accumulate(block.begin(), block.end(), 0U);
    if (below + in_block <= last_rank) {
      std::fill(block.begin(), block.end(), static_cast<std::uint32_t>(bin - 1));
      below += in_block;
      continue;
    }
    for (std::uint32_t& part : block) {
      const std::uint32_t count = part, end = below + count;
      for (; count > 0 && below >= last_rank; ++bin) last_rank = last_rank_of_bin(bin + 1, k, n);
      part = static_cast<std::uint32_t>(bin - 1);
      if (count > 0 && end > last_rank) {
        part = ~static_cast<std::uint32_t>(scratch.split.size());
        scratch.split.push_back({below, static_cast<std::uint32_t>(n), scratch.n_split});
        scratch.n_split += count;
      }
      below = end;
    }
  }
}

/// Sorts the names of the split parts, which `out` tells by ~part, and writes their bins.
void find_bins_in_split_parts(std::span<const double> values, int k, RankScratch& scratch, std::span<std::int32_t> out) {
  scratch.valued.resize(scratch.n_split);
  constexpr std::size_t kBlock = 8;  // one test for several names: few are in a split part
  for (std::size_t first = 0; first < values.size(); first += kBlock) {
    const std::size_t end = std::min(first + kBlock, values.size());
    if (first + kBlock == end && std::accumulate(&out[first], &out[first] + kBlock, std::int32_t{0}, std::bit_or()) >= 0)
      continue;
    for (std::size_t i = first; i < end; ++i)
      if (out[i] < 0)
        scratch.valued[scratch.split[static_cast<std::size_t>(~out[i])].next++] = {values[i], static_cast<std::int32_t>(i)};
  }
  scratch.ranks.resize(values.size());
  std::uint32_t begin = 0;
  for (const RankScratch::SplitPart& part : scratch.split) {
    const std::span<Valued> names = std::span(scratch.valued).subspan(begin, part.next - begin);
    rank_sorted(names, part.below, scratch.ranks);
    for (const Valued& name : names) {
      const auto at = static_cast<std::size_t>(name.at);
      out[at] = bin_of_rank(scratch.ranks[at], k, part.among) - 1;
    }
    begin = part.next;
  }
}

/// As rank_by_parts(). Names are sorted only in the few parts that more than one bin shares.
bool find_bins_by_parts(std::span<const double> values, std::span<const std::int32_t> group, std::size_t n_groups, int k,
                        RankScratch& scratch, std::span<std::int32_t> out) {
  constexpr std::size_t kNamesPerPart = 4;  // fewer: more parts to visit; more: more names to sort
  if (n_groups * kNamesPerPart > std::min(values.size(), kMostParts)) return false;
  const Parts parts(values, std::min(values.size() / kNamesPerPart, kMostParts / 2) / n_groups);
  if (!parts.are_usable()) return false;
  std::array<std::uint32_t, kMostParts> bins;
  const std::span<std::uint32_t> bin(bins.data(), parts.count() * n_groups);
  parts.find(values, scratch.parts);
  const auto n_parts = static_cast<std::int32_t>(parts.count());
  for (std::size_t i = 0; i < group.size(); ++i) scratch.parts[i] += group[i] * n_parts;
  count_parts(scratch.parts, bin);
  scratch.split.clear();
  scratch.n_split = 0;
  for (std::size_t g = 0; g < n_groups; ++g) find_bins_of_parts(bin.subspan(g * parts.count(), parts.count()), k, scratch);
  for (std::size_t i = 0; i < values.size(); ++i)
    out[i] = static_cast<std::int32_t>(bin[static_cast<std::size_t>(scratch.parts[i])]);
  find_bins_in_split_parts(values, k, scratch, out);
  return true;
}

void find_bins_by_sort(std::span<const double> values, std::span<const std::int32_t> group, int k, RankScratch& scratch,
                       std::span<std::int32_t> out) {
  const auto group_of = [&](std::int32_t at) { return group.empty() ? 0 : group[static_cast<std::size_t>(at)]; };
  scratch.valued.resize(values.size());
  for (std::size_t i = 0; i < values.size(); ++i) scratch.valued[i] = {values[i], static_cast<std::int32_t>(i)};
  if (!group.empty())
    std::sort(scratch.valued.begin(), scratch.valued.end(),
              [&](const Valued& a, const Valued& b) { return group_of(a.at) < group_of(b.at); });
  scratch.ranks.resize(values.size());
  for (auto begin = scratch.valued.begin(); begin != scratch.valued.end();) {
    const auto end =
        std::find_if(begin, scratch.valued.end(), [&](const Valued& a) { return group_of(a.at) != group_of(begin->at); });
    const std::span<Valued> names(begin, end);
    rank_sorted(names, 0, scratch.ranks);
    for (const Valued& name : names) {
      const auto at = static_cast<std::size_t>(name.at);
      out[at] = bin_of_rank(scratch.ranks[at], k, names.size()) - 1;
    }
    begin = end;
  }
}

}  // namespace

void bins_of_average_ranks(std::span<const double> values, int k, RankScratch& scratch, std::vector<std::int32_t>& out) {
  bins_within_groups(values, {}, 1, k, scratch, out);
}

void bins_within_groups(std::span<const double> values, std::span<const std::int32_t> group, std::size_t n_groups, int k,
                        RankScratch& scratch, std::vector<std::int32_t>& out) {
  out.resize(values.size());
  if (values.size() >= kFewValues && find_bins_by_parts(values, group, n_groups, k, scratch, out)) return;
  find_bins_by_sort(values, group, k, scratch, out);
}

void average_ranks(std::span<const double> values, RankScratch& scratch, std::vector<double>& out) {
  out.resize(values.size());
  if (values.size() >= kFewValues && rank_by_parts(values, scratch, out)) return;
  rank_by_sort(values, scratch, out);
}

void order_values(std::span<const double> values, RankScratch& scratch, ValueOrder& out) {
  out.values.resize(values.size());
  out.at.resize(values.size());
  if (values.size() >= kFewValues && order_by_parts(values, scratch, out)) return;
  scratch.valued.resize(values.size());
  for (std::size_t i = 0; i < values.size(); ++i) scratch.valued[i] = {values[i], static_cast<std::int32_t>(i)};
  order_sorted(scratch.valued, 0, out);
}

}  // namespace fractile
